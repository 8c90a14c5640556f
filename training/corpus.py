"""Streams the pretraining corpus as tokens: registers in declared shares, some lines disturbed.

A register is one ``<name>.txt.xz``, passages separated by a blank line. Knows nothing of the model.
One passage in four is reserved for evaluation: no label is ever presumed of it in training.
"""

from __future__ import annotations

import hashlib
import lzma
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import cycle, groupby
from pathlib import Path
from random import Random
from typing import Annotated

import numpy as np
import numpy.typing as npt
from pydantic import Field
from tokenizers import Tokenizer

from serving.bundle import prepare
from serving.bundle.config import Frozen
from serving.bundle.errors import ConfigError
from training.noise import disturb

Tokens = npt.NDArray[np.uint16]
Share = Annotated[float, Field(ge=0, le=1)]

#: Longest line given to the tokenizer at once, in characters.
_LINE = 2_000
_BATCH = 2_000

#: Longest excerpt, in characters, unless one line alone is longer: about what people send a moderator.
EXCERPT = 400
#: A passage is reserved when the first byte of its digest is below: 64 of 256, one in four.
_RESERVED = 64


class CorpusSection(Frozen):
    """What is read, and how much of each register."""

    #: Share of the tokens that each register gives; sampled by register, not by size.
    shares: dict[str, Share]
    #: Share of the lines that are disturbed (training.noise).
    noise: Share
    #: How often a register may be read again, each time disturbed otherwise, before its tokens repeat.
    most_passes: int = Field(ge=1)


def registers(folder: Path | None, names: Iterable[str], wanted_by: str) -> dict[str, Path]:
    """File of each register named by the recipe's section ``wanted_by``.

    Raises:
        ConfigError: no folder is given, or it has no file for a register.
    """
    if folder is None:
        raise ConfigError(
            f"{wanted_by} wants the pretraining corpus: set VIGIE_CORPUS to its folder (one REGISTER.txt.xz each), "
            "or take the section out of the recipe"
        )
    found = {name: folder / f"{name}.txt.xz" for name in names}
    if missing := [path.name for path in found.values() if not path.is_file()]:
        raise ConfigError(
            f"corpus {str(folder)!r}: no {', '.join(missing)} there, which {wanted_by} names; "
            "give its folder as VIGIE_CORPUS or --corpus"
        )
    return found


def lines(path: Path, draw: Random, noise: float) -> Iterator[str]:
    """Prepared lines of one register, some disturbed, endlessly unless stopped by the caller after one pass."""
    with lzma.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            text = prepare(line[:_LINE])
            if text:
                yield disturb(text, draw) if draw.random() < noise else text


def passages(path: Path) -> Iterator[str]:
    """Passages of one register in the file's order: lines between two blank ones, as written."""
    with lzma.open(path, "rt", encoding="utf-8") as file:
        for blank, block in groupby(file, key=lambda line: not line.strip()):
            if not blank:
                yield "".join(block).strip()


def reserved(passage: str) -> bool:
    """Whether a whole passage is kept for evaluation: one in four, by digest, whatever its white space.

    Ask it of the passage before it is cut, so that no line of one passage is learnt from while another judges.
    """
    digest = hashlib.sha256(" ".join(passage.split()).encode("utf-8", "surrogatepass")).digest()
    return digest[0] < _RESERVED


def excerpts(path: Path, *, for_evaluation: bool) -> Iterator[str]:
    """Prepared excerpts of one register, from its reserved passages or only from the others.

    An excerpt is one or more whole lines that follow one another in a passage, at most ``EXCERPT`` characters
    together; a longer line stands alone, cut at 2,000.
    """
    for passage in passages(path):
        if reserved(passage) is for_evaluation:
            yield from _cut(passage)


def _cut(passage: str) -> Iterator[str]:
    excerpt = ""
    for text in filter(None, (prepare(line[:_LINE]) for line in passage.splitlines())):
        if excerpt and len(excerpt) + 1 + len(text) > EXCERPT:
            yield excerpt
            excerpt = text
        else:
            excerpt = f"{excerpt} {text}" if excerpt else text
    if excerpt:
        yield excerpt


def tokens_of(
    path: Path, tokenizer: Tokenizer, *, need: int, passes: int, noise: float, seed: int, end_id: int
) -> Tokens:
    """At most about ``need`` tokens of one register, shape (n,), an ``end_id`` after each line."""
    parts: list[npt.NDArray[np.uint16]] = []
    have = 0
    for number in range(passes):
        for batch in _batched(lines(path, Random(f"{seed}:{path.stem}:{number}"), noise)):
            for encoding in tokenizer.encode_batch_fast(batch, add_special_tokens=False):
                parts.append(np.array([*encoding.ids, end_id], dtype=np.uint16))
                have += len(parts[-1])
            if have >= need:
                return np.concatenate(parts)
    return np.concatenate(parts)


def sample_lines(paths: Mapping[str, Path], section: CorpusSection, characters: int, seed: int) -> Iterator[str]:
    """About ``characters`` of lines in the declared shares, to train a vocabulary on."""
    for name, path in paths.items():
        left = int(section.shares[name] * characters)
        for line in lines(path, Random(f"{seed}:{name}"), section.noise):
            yield line
            left -= len(line)
            if left <= 0:
                break


def extra_tokens(
    texts: Sequence[str], tokenizer: Tokenizer, *, need: int, noise: float, seed: int, end_id: int
) -> Tokens:
    """Tokens of loose texts (training splits), read again and again, each time disturbed otherwise."""
    draw = Random(f"{seed}:texts")
    parts: list[npt.NDArray[np.uint16]] = []
    have = 0
    for batch in _batched(disturb(t, draw) if draw.random() < noise else t for t in cycle(texts)):
        for encoding in tokenizer.encode_batch_fast(batch, add_special_tokens=False):
            parts.append(np.array([*encoding.ids, end_id], dtype=np.uint16))
            have += len(parts[-1])
        if have >= need:
            break
    return np.concatenate(parts)


class Mixture:
    """Random crops of token arrays, drawn in declared shares."""

    def __init__(self, arrays: Mapping[str, Tokens], shares: Mapping[str, float]) -> None:
        self._arrays = [arrays[name] for name in arrays]
        weights = np.array([shares[name] for name in arrays], dtype=np.float64)
        self._weights = weights / weights.sum()

    def batch(self, size: int, length: int, generator: np.random.Generator, start_id: int) -> npt.NDArray[np.int64]:
        """``size`` crops, shape (size, length); each begins with ``start_id`` and may hold several lines."""
        rows = np.empty((size, length), dtype=np.int64)
        rows[:, 0] = start_id
        for row, source in enumerate(generator.choice(len(self._arrays), size, p=self._weights)):
            array = self._arrays[source]
            at = int(generator.integers(0, max(1, len(array) - length)))
            crop = array[at : at + length - 1]
            rows[row, 1:] = np.resize(crop, length - 1)
        return rows


def _batched(stream: Iterable[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    for item in stream:
        batch.append(item)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
