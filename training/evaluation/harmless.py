"""Texts that harm nobody, and how many of them are flagged all the same: what a person would read for nothing.

Plain passages of the corpus, harmless rows of the test split, neutral sentences that name a group. Counts only.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
import numpy.typing as npt

from serving.bundle import FAMILIES, LEVELS, OUTPUT_KEYS, ConfigError, Interval
from training.corpus import excerpts

from .bootstrap import REPLICATES, intervals, recentred, wilson
from .evaluate import Bench
from .judges import Hearing
from .measure import Scored, flag_threshold, flagged
from .metrics import Array
from .records import Figures, Flagged, Harmless

FLAG = "probable"
_LEVELS = LEVELS[:-1]


@dataclass(frozen=True)
class Plain:
    """A harmless text.

    Attributes:
        place: where it comes from: a register, a source, the group that it names.
        unit: what is drawn independently (a template); the texts of one unit in one place weigh one together.
    """

    text: str
    place: str
    unit: str


def judge_harmless(
    heard: Hearing,
    texts: Sequence[Plain],
    suite: str,
    title: str,
    *,
    titles: Mapping[str, str] | None = None,
    gap: bool = False,
    replicates: int = REPLICATES,
) -> Harmless:
    """Share of ``texts`` flagged, for every judge, label and level, per place and over all.

    Args:
        heard: who is asked.
        texts: at least one.
        suite, title: copied into the result.
        titles: of places; their names when not given.
        gap: also the largest minus the smallest share over the places (resampled by unit).
        replicates: resamples behind the interval of a gap.
    """
    return tally_harmless(
        heard.ask([item.text for item in texts]),
        texts,
        suite,
        title,
        titles=titles,
        gap=gap,
        replicates=replicates,
    )


def tally_harmless(
    scored: Mapping[str, Mapping[str, Scored]],
    texts: Sequence[Plain],
    suite: str,
    title: str,
    *,
    titles: Mapping[str, str] | None = None,
    gap: bool = False,
    replicates: int = REPLICATES,
) -> Harmless:
    """As ``judge_harmless``, from scores: judge -> label key -> scores of ``texts``."""
    weights = _weights(texts)
    members: dict[str, list[int]] = defaultdict(list)
    for number, item in enumerate(texts):
        members[item.place].append(number)
    places = tuple(
        _flagged(place, (titles or {}).get(place, place), scored, texts, weights, rows)
        for place, rows in members.items()
    )
    return Harmless(
        suite=suite,
        title=title,
        overall=_flagged("all", "Ensemble", scored, texts, weights, list(range(len(texts)))),
        places=places,
        gap=_gaps(scored, texts, weights, replicates) if gap and len(places) > 1 else {},
    )


def _weights(texts: Sequence[Plain]) -> Array:
    """(n,): the texts of one unit in one place sum to one."""
    counts = Counter((item.place, item.unit) for item in texts)
    return np.array([1 / counts[item.place, item.unit] for item in texts])


def _flagged(
    place: str,
    title: str,
    scored: Mapping[str, Mapping[str, Scored]],
    texts: Sequence[Plain],
    weights: Array,
    rows: list[int],
) -> Flagged:
    units = len({texts[row].unit for row in rows})
    at = weights[rows] / weights[rows].sum()

    def share(model: Scored, level: str) -> Interval:
        hits = flagged(model.scores[rows], flag_threshold(model.label, level))
        return wilson(units * round(float(at @ hits), 12), units)

    shares = {
        judge: {key: {level: share(model, level) for level in _LEVELS} for key, model in labels.items()}
        for judge, labels in scored.items()
    }
    return Flagged.model_validate(
        {"place": place, "title": title, "texts": len(rows), "units": units, "shares": shares}
    )


def _gaps(
    scored: Mapping[str, Mapping[str, Scored]], texts: Sequence[Plain], weights: Array, replicates: int
) -> dict[str, Figures]:
    """judge -> label key -> largest minus smallest share at ``FLAG`` over the places."""
    names = sorted({item.place for item in texts})
    member = np.array([[item.place == name for name in names] for item in texts], dtype=float)
    hits = {
        f"{judge}:{key}": flagged(model.scores, flag_threshold(model.label, FLAG))
        for judge, labels in scored.items()
        for key, model in labels.items()
    }

    def statistics(drawn: Array) -> dict[str, Array]:
        return {name: _spread(drawn, member, flags) for name, flags in hits.items()}

    found = intervals(statistics, weights, [item.unit for item in texts], replicates=replicates)
    # Chance alone spreads groups apart, the more so in a resample: centred on the value.
    return {
        judge: {key: _share(recentred(found[f"{judge}:{key}"])) for key in labels if f"{judge}:{key}" in found}
        for judge, labels in scored.items()
    }


def _share(found: Interval) -> Interval:
    return found.model_copy(update={"high": min(1.0, found.high)})


def _spread(weights: Array, member: Array, flags: npt.NDArray[np.bool_]) -> Array:
    """Largest minus smallest share over places, (b,); ``member`` is (n, places)."""
    totals = weights @ member
    shares = (weights @ (member * flags[:, None])) / np.where(totals > 0, totals, np.nan)
    return np.asarray(np.nanmax(shares, axis=1) - np.nanmin(shares, axis=1))


def corpus_texts(folder: Path, most: int, seed: int = 0) -> list[Plain]:
    """At most ``most`` excerpts of reserved passages, registers as even as their reserves allow.

    Raises:
        ConfigError: the folder holds no register.
    """
    files = sorted(folder.glob("*.txt.xz"))
    if not files:
        raise ConfigError(f"corpus {folder}: no NAME.txt.xz here; give the corpus folder with --corpus")
    found = {file.name.removesuffix(".txt.xz"): list(excerpts(file, for_evaluation=True)) for file in files}
    shares = even_shares({name: len(texts) for name, texts in found.items()}, most)
    return [
        Plain(text, name, f"{name}/{number}")
        for name, texts in found.items()
        for number, text in enumerate(Random(f"{seed}:{name}").sample(texts, shares[name]))
    ]


def even_shares(available: Mapping[str, int], most: int) -> dict[str, int]:
    """How many to take of each, ``most`` in all at most: even, the small ones whole."""
    taken: dict[str, int] = {}
    for left, name in zip(range(len(available), 0, -1), sorted(available, key=available.__getitem__), strict=True):
        taken[name] = min(available[name], (most - sum(taken.values())) // left)
    return taken


def harmless_rows(bench: Bench) -> list[int]:
    """Test rows where all three families are known to be false, annotated or presumed, and nothing toxic is known."""
    columns = [OUTPUT_KEYS.index(key) for key in FAMILIES]
    test = bench.test
    known = (test.mask[:, columns] > 0).all(axis=1)
    harmful = [OUTPUT_KEYS.index(key) for key in OUTPUT_KEYS if key not in ("contexte_protege", "vulgarite")]
    clean = ~((test.target[:, harmful] > 0.5) & (test.mask[:, harmful] > 0)).any(axis=1)
    return np.flatnonzero(known & clean).tolist()


def tally_rows(bench: Bench) -> Harmless | None:
    """The harmless rows of the test split, per source; our own cases weigh by template. None when there is none."""
    rows = harmless_rows(bench)
    if not rows:
        return None
    test = bench.test
    texts = [Plain("", test.sources[row], test.case_ids[row] or str(row)) for row in rows]
    scored = {
        judge: {key: Scored(model.scores[rows], model.label) for key, model in labels.items()}
        for judge, labels in bench.scored.items()
    }
    return tally_harmless(scored, texts, "test_rows", "Lignes de test inoffensives")
