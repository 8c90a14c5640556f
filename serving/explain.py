"""Which words carry a label: each word is left out in turn, and the logit it takes along is its weight.

Occlusion, or representation erasure (Li, Monroe and Jurafsky, 2016): what is measured is the model itself, not a
surrogate of it. Pure: says which texts must be read and reads the logits; whoever asks runs them (``tests/bench``
measures how faithful the weights are, by deletion).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from .bundle import InputError, Label, Manifest, Verdict, at_least, level_of
from .classifier import checked

#: Words left out one by one; of longer texts, that many passages of equal length.
MOST_PARTS = 128

#: A part belongs to a span when it takes along at least this share of what the heaviest one does.
HEAVY = 0.4
#: Less than this, in logits, is nothing.
_NEGLIGIBLE = 1e-6

#: What is read when nothing is left: a text must have something visible.
_NOTHING = "…"

# Marks that stand on a letter, and characters without width that are put inside words to hide them.
_LETTER = r"[\w\u0300-\u036f\u200b-\u200d\u2060\u00ad\ufeff]"
_EMOJI = r"[\U0001f000-\U0001faff\u2190-\u21ff\u2300-\u23ff\u2600-\u27bf\u2b00-\u2bff]"
_WORD = re.compile(
    rf"""
      (?:https?://|www\.)[^\s<>"]+                                # an address is one word
    | [\w.+-]{{1,64}}@[\w-]{{1,63}}(?:\.[\w-]{{1,63}})+
    | @\w{{1,64}}
    | (?:[cdjlmnst]|qu|jusqu|lorsqu|puisqu|quoiqu)['’](?=\w)        # l', qu'... are words of their own
    | \w{_LETTER}*(?:                                             # porte-voix, aujourd'hui
          (?:[-'’]|[*@$€·•]+|\.(?=\w{{1,2}}(?!\w)))\w{_LETTER}*     # f.d.p, s@lut, étudiant·e·s
      )*[*]*                                                      # m****
    | {_EMOJI}(?:{_EMOJI}|[\u200d\ufe0f\u20e3])*                      # a run of emoji is one word
    """,
    re.VERBOSE | re.IGNORECASE,
)


class Part(NamedTuple):
    """A word, or a passage of words: code points of the text as it came, the end not included."""

    start: int
    end: int


class Span(NamedTuple):
    """Neighbouring parts that carry a label; ``weight`` is what the heaviest of them takes along."""

    label: str
    start: int
    end: int
    weight: float


@dataclass(frozen=True)
class Explanation:
    """What each part of a text weighs for each label of a bundle.

    Attributes:
        parts: in the order of the text.
        weights: shape (parts, labels), in logits; positive where the label is less likely without the part.
    """

    manifest: Manifest
    parts: tuple[Part, ...]
    weights: npt.NDArray[np.float64]

    def of(self, key: str) -> npt.NDArray[np.float64]:
        """The weights for the label ``key``, shape (parts,)."""
        return self.weights[:, self.manifest.keys.index(key)]

    def spans(self, verdict: Verdict, keys: Iterable[str]) -> list[Span]:
        """What carries each label of ``keys`` that ``verdict`` finds at least possible; nothing for the others."""
        held = (key for key in keys if _at_least_possible(self.manifest.label(key), verdict.scores.get(key)))
        return [Span(key, *passage) for key in held for passage in passages(self.parts, self.of(key))]


@dataclass(frozen=True)
class Occlusion:
    """One text and what must be read to explain it."""

    text: str
    parts: tuple[Part, ...]

    @classmethod
    def of(cls, text: str) -> Occlusion:
        """The words of ``text``; passages of several words where there are more than ``MOST_PARTS``."""
        return cls(text, _grouped(words_of(text)))

    @property
    def readings(self) -> list[str]:
        """The text itself, then the text without each of its parts."""
        return [self.text, *(_without(self.text, part) for part in self.parts)]

    def explain(self, manifest: Manifest, logits: Sequence[npt.NDArray[np.floating[Any]]]) -> Explanation:
        """From the readings' ``logits``, each of shape (windows, labels): the largest of a text's windows counts."""
        top = np.stack([windows.max(axis=0) for windows in logits]).astype(np.float64)
        return Explanation(manifest, self.parts, top[0] - top[1:])


def words_of(text: str) -> tuple[Part, ...]:
    """The words of a French text: elisions apart, compounds, masked letters and runs of emoji whole."""
    return tuple(Part(*found.span()) for found in _WORD.finditer(text))


def passages(parts: Sequence[Part], weights: npt.NDArray[np.float64]) -> list[tuple[int, int, float]]:
    """The heavy parts, joined where no other part lies between: start, end and the largest weight of each passage.

    Heavy is at least ``HEAVY`` of the heaviest. Empty when no part makes the label likelier.
    """
    floor = max(float(weights.max(initial=0.0)) * HEAVY, _NEGLIGIBLE)
    heavy = [number for number in range(len(parts)) if weights[number] >= floor]
    # Neighbours have the same distance to their place in the list.
    grouped = groupby(enumerate(heavy), key=lambda place: place[1] - place[0])
    runs = [[number for _, number in run] for _, run in grouped]
    return [(parts[run[0]].start, parts[run[-1]].end, float(weights[run].max())) for run in runs]


def _at_least_possible(label: Label | None, score: float | None) -> bool:
    return label is not None and score is not None and at_least(level_of(label, score), "possible")


def _grouped(words: tuple[Part, ...]) -> tuple[Part, ...]:
    size = -(-len(words) // MOST_PARTS) or 1
    groups = [words[at : at + size] for at in range(0, len(words), size)]
    return tuple(Part(group[0].start, group[-1].end) for group in groups)


def _without(text: str, part: Part) -> str:
    rest = f"{text[: part.start]} {text[part.end :]}"
    return _NOTHING if isinstance(checked(rest), InputError) else rest
