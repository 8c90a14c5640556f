"""Ordinary French from the pretraining corpus, presumed harmless: what no annotated source holds.

Public sources are drawn by keyword, so that a model trained on them alone takes any text for abuse. Excerpts come only
from passages that evaluation does not use (training.corpus.reserved), and go to the training split alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from random import Random
from typing import Annotated

from pydantic import Field

from serving.bundle import FAMILIES
from serving.bundle.config import Frozen
from training.corpus import excerpts, registers

from .digests import digest_of, file_sha256
from .examples import Example
from .truth import presumed_negative

#: Source name of the excerpts.
CORPUS = "corpus"
CORPUS_CLASS = "open"
CORPUS_LICENCE = "public domain, CC0, CC BY, CC BY-SA and Licence Ouverte, by register (docs/data.md)"
#: What is presumed absent. ``contexte_protege`` is left unknown: a novel or a debate may quote hatred to denounce it.
PRESUMED = (*FAMILIES, "toxicite", "vulgarite")
#: Excerpts passed over between two that are kept, so that one book does not fill a register.
_STRIDE = 7


class OrdinarySection(Frozen):
    """``[data.ordinary]``: excerpts of each register, and how far we believe them harmless."""

    #: Excerpts by register of the corpus (``<register>.txt.xz``).
    excerpts: dict[str, Annotated[int, Field(ge=1)]] = Field(min_length=1)
    #: Weight of the presumption, against 1 for an annotation.
    presumption: Annotated[float, Field(gt=0, lt=1)]


def ordinary_examples(section: OrdinarySection, folder: Path | None, seed: int) -> list[Example]:
    """Excerpts in the section's numbers, fewer where a register has no more, half of them cut to a few words.

    Raises:
        ConfigError: no folder is set, or it lacks a register.
    """
    truth = presumed_negative(PRESUMED, section.presumption)
    return [
        Example(text, CORPUS, f"{CORPUS}/{name}/{number}", f"{CORPUS}/{name}/{number}", truth, register=name)
        for name, path in registers(folder, section.excerpts, "data.ordinary").items()
        for number, text in enumerate(_drawn(path, section.excerpts[name], Random(f"{seed}:{CORPUS}:{name}")))
    ]


def corpus_digest(names: Iterable[str], folder: Path | None) -> str:
    """One sha256 of the files of some registers."""
    return digest_of(file_sha256(path) for path in registers(folder, names, "data").values())


def _drawn(path: Path, wanted: int, draw: Random) -> Iterator[str]:
    found = excerpts(path, for_evaluation=False)
    for text in islice(found, 0, wanted * _STRIDE, _STRIDE):
        yield _shortened(text, draw) if draw.random() < 0.5 else text


def _shortened(text: str, draw: Random) -> str:
    """Three to twenty-five words in a row: messages are shorter than books."""
    words = text.split()
    length = draw.randint(3, 25)
    start = draw.randint(0, max(0, len(words) - length))
    return " ".join(words[start : start + length])
