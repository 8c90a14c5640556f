"""How faithful explanations are, by deletion: without its heaviest words, does a text lose its label?

python -m tests.bench faithfulness
On held-out cases of ours that the embedded bundle finds at least possible; words drawn by chance are the floor.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from rich.console import Console
from rich.table import Table

from serving.bundle import FAMILIES, InputError, Verdict, at_least, calibrated, open_bundle
from serving.classifier import Classifier, checked
from serving.explain import Explanation, Occlusion, Part
from serving.settings import Settings
from training.data.cases import load_cases
from training.data.instances import write_instances

#: Words deleted; a share of the text's words below one.
DEPTHS = (1, 2, 3, 0.2)
_FEWEST, _MOST = 6, 40


@dataclass(frozen=True)
class Deletions:
    """What deleting words did to texts; one row each.

    Attributes:
        falls: of the probability at each depth, shape (texts, depths).
        levels: whether the level of the family fell when as many words as its spans hold were deleted.
    """

    falls: list[list[float]] = field(default_factory=list)
    levels: list[bool] = field(default_factory=list)


def run(arguments: argparse.Namespace) -> None:
    """Print the mean fall of the probability, and how often the spans carried the level."""
    settings = Settings.from_env()
    classifier = Classifier(open_bundle(settings.bundle))
    measured = measure(classifier, held_out(settings), arguments.texts)
    table = Table(
        "deleted", *(f"{depth:g}" for depth in DEPTHS), "spans: level falls", title="Faithfulness by deletion"
    )
    for name, found in measured.items():
        falls = (f"{fall:.3f}" for fall in np.mean(found.falls, axis=0))
        table.add_row(name, *falls, f"{np.mean(found.levels):.0%}")
    texts = len(measured["chance"].levels)
    Console().print(table, f"{texts} held-out texts; mean fall of the likeliest family's probability")


def measure(classifier: Classifier, texts: Sequence[str], most: int) -> dict[str, Deletions]:
    """Delete the ``heaviest`` words, and as many by ``chance``, from the first ``most`` texts that carry a label."""
    rng = random.Random(0)
    measured = {"heaviest": Deletions(), "chance": Deletions()}
    for text, key, level in _found(classifier, texts, most):
        explanation = _explained(classifier, text)
        heaviest = np.argsort(-explanation.of(key)).tolist()
        chance = rng.sample(heaviest, len(heaviest))
        covered = _covered(classifier, explanation, text, key)
        for name, order, carrying in (("heaviest", heaviest, covered), ("chance", chance, chance[: len(covered)])):
            measured[name].falls.append(_falls(classifier, text, explanation.parts, order, key))
            rest = without(text, explanation.parts, carrying)
            measured[name].levels.append(not at_least(_level(classifier, rest, key), level))
    return measured


def held_out(settings: Settings) -> list[str]:
    """One instance of each of our harmful held-out cases, shuffled."""
    own = load_cases(settings.datasets / "vigie")
    cases = [case for case in own.cases if case.role.value == "held_out" and case.harmful]
    random.Random(0).shuffle(cases)
    return [write_instances(case, own.lexicon, 1, 0)[0].text for case in cases]


def without(text: str, parts: Sequence[Part], numbers: Iterable[int]) -> str:
    """``text`` with these parts deleted; a sign where nothing would be left."""
    for number in sorted(numbers, reverse=True):
        text = f"{text[: parts[number].start]} {text[parts[number].end :]}"
    return "…" if isinstance(checked(text), InputError) else text


def _found(classifier: Classifier, texts: Sequence[str], most: int) -> Iterator[tuple[str, str, str]]:
    """Texts of some length with their likeliest family and its level, when it is at least possible."""
    left = most
    for text in texts:
        if not left or not _FEWEST <= len(Occlusion.of(text).parts) <= _MOST:
            continue
        (verdict,) = classifier.score([text])
        assert isinstance(verdict, Verdict)
        key = max(FAMILIES, key=lambda family, scores=verdict.scores: scores[family] or 0.0)
        level = verdict.levels[key]
        if level is not None and at_least(level, "possible"):
            left -= 1
            yield text, key, level


def _explained(classifier: Classifier, text: str) -> Explanation:
    occlusion = Occlusion.of(text)
    return occlusion.explain(classifier.manifest, classifier.logits(occlusion.readings))


def _covered(classifier: Classifier, explanation: Explanation, text: str, key: str) -> list[int]:
    """The words inside the spans of the label."""
    (verdict,) = classifier.score([text])
    assert isinstance(verdict, Verdict)
    spans = explanation.spans(verdict, [key])
    inside = [any(span.start <= part.start and part.end <= span.end for span in spans) for part in explanation.parts]
    return np.flatnonzero(inside).tolist()


def _falls(classifier: Classifier, text: str, parts: Sequence[Part], order: Sequence[int], key: str) -> list[float]:
    """By how much the probability of ``key`` falls at each depth."""
    counts = [max(1, int(depth * len(parts))) if depth < 1 else int(depth) for depth in DEPTHS]
    column = classifier.manifest.keys.index(key)
    readings = [text, *(without(text, parts, order[:count]) for count in counts)]
    logits = np.array([windows.max(axis=0)[column] for windows in classifier.logits(readings)])
    before, *after = calibrated(classifier.manifest.labels[column], logits).tolist()
    return [before - value for value in after]


def _level(classifier: Classifier, text: str, key: str) -> str | None:
    (verdict,) = classifier.score([text])
    assert isinstance(verdict, Verdict)
    return verdict.levels[key]
