"""Compares what a bundle says with what was found again. Records and arrays in, checks out; opens nothing.

A figure is *close* when it lies in the bundle's own 95 % interval widened by the tolerance: what another draw of test
rows could have given is no difference.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from serving.bundle import Curve, DatasetRecord, Interval, Label, Provenance, calibrated, level_of

from .records import Check, Standing, Step

Array = npt.NDArray[np.floating[Any]]

#: Floats that a file and a computation give alike.
EXACT = 1e-6
#: Served probabilities: int8 kernels differ by this much between processors, not by more.
SERVED = 1e-3
ABSENT = "absent"
UNTOLD = "non dit"


def origin(said: Provenance, recipe_sha256: str, commit: str, changed: int | None, here: dict[str, str]) -> list[Check]:
    """Recipe, commit, files of the code that changed since (None: git cannot say) and library versions."""
    return [
        equal("origin", "recette (sha256)", said.recipe_sha256, recipe_sha256),
        equal("origin", "commit git", said.git_commit, commit, decisive=False),
        _code(changed),
        *(
            equal("origin", f"version de {name}", version, here.get(name), decisive=False)
            for name, version in said.versions.items()
        ),
    ]


def equal(step: str, what: str, expected: object, found: object, *, decisive: bool = True) -> Check:
    """Equal or different; unknown when the bundle does not say (None), different when it is absent here."""
    same = Standing.SAME if expected == found else Standing.DIFFERENT
    return Check(
        step=step,
        what=what,
        expected=UNTOLD if expected is None else str(expected),
        found=ABSENT if found is None else str(found),
        standing=Standing.UNKNOWN if expected is None else same,
        decisive=decisive,
    )


def _code(changed: int | None) -> Check:
    standing = {None: Standing.UNKNOWN, 0: Standing.SAME}.get(changed, Standing.DIFFERENT)
    found = UNTOLD if changed is None else f"fichiers modifiés depuis : {changed}"
    return Check(
        step="origin",
        what="code qui fait un paquet",
        expected="celui du commit",
        found=found,
        standing=standing,
        decisive=False,
    )


def sources(said: Sequence[DatasetRecord], here: Sequence[DatasetRecord]) -> Iterator[Check]:
    """Digest, rows and licence of every source, of the bundle or only of these rows."""
    expected, found = ({record.name: record for record in records} for records in (said, here))
    for name in [*expected, *(name for name in found if name not in expected)]:
        one, other = expected.get(name), found.get(name)
        for field, title in (("sha256", "sha256"), ("rows", "lignes d’apprentissage"), ("licence", "licence")):
            before, now = (getattr(record, field) if record else None for record in (one, other))
            yield equal(Step.DATA, f"{name} : {title}", before if one else ABSENT, now)


def rows(said: Mapping[str, str], here: Mapping[str, str]) -> Iterator[Check]:
    """Digest of the rows of each split; unknown for a bundle made before they were kept."""
    for split, digest in here.items():
        yield equal(Step.DATA, f"lignes de {split} (sha256)", said.get(split), digest)


def served_scores(said: Mapping[str, Curve], here: Mapping[str, Array]) -> Iterator[Check]:
    """Scores kept in ``curves.npz`` against the same validation rows scored again, (n,) a label."""
    for key, curve in said.items():
        found = here.get(key)
        if found is None or found.shape != curve.scores.shape:
            count = 0 if found is None else len(found)
            yield equal(Step.EVALUATION, f"{key} : lignes de la courbe", len(curve.scores), count)
            continue
        gap = float(np.max(np.abs(found - curve.scores), initial=0.0))
        yield Check(
            step=Step.EVALUATION,
            what=f"{key} : scores servis",
            expected=f"{len(curve.scores)} scores",
            found=f"écart au plus {_small(gap)}",
            standing=_within(gap, SERVED),
        )


def figures(
    step: Step, said: Mapping[str, Mapping[str, Interval]], here: Mapping[str, Mapping[str, Interval]], tolerance: float
) -> Iterator[Check]:
    """One check a label: its figures on the test rows, the farthest of them named."""
    for key in [*said, *(key for key in here if key not in said)]:
        before, now = said.get(key) or {}, here.get(key) or {}
        if before.keys() != now.keys() or not before:
            yield equal(step, f"{key} : chiffres mesurés", len(before), len(now))
            continue
        name = max(before, key=lambda each: abs(before[each].value - now[each].value))
        yield Check(
            step=step,
            what=f"{key} : {len(before)} chiffres",
            expected=f"{name} {before[name].value:.4f}".replace(".", ","),
            found=f"{name} {now[name].value:.4f}".replace(".", ","),
            standing=_of_figures(before, now, tolerance),
        )


def _of_figures(before: Mapping[str, Interval], now: Mapping[str, Interval], tolerance: float) -> Standing:
    if all(abs(before[name].value - now[name].value) <= EXACT for name in before):
        return Standing.SAME
    inside = all(said.low - tolerance <= now[name].value <= said.high + tolerance for name, said in before.items())
    return Standing.CLOSE if inside else Standing.DIFFERENT


def _within(gap: float, tolerance: float) -> Standing:
    if gap <= EXACT:
        return Standing.SAME
    return Standing.CLOSE if gap <= tolerance else Standing.DIFFERENT


def _small(gap: float) -> str:
    return f"{gap:.1e}".replace(".", ",")


def files(said: Mapping[str, str], here: Mapping[str, str]) -> Iterator[Check]:
    """Digests of weights, tokenizer and curves. Other bits are told, and judged by the logits and figures."""
    for name in ("model.onnx", "tokenizer.json", "curves.npz"):
        yield equal(Step.TRAINING, f"{name} (sha256)", said[name], here[name], decisive=False)


def logits(
    said: Sequence[Label], here: Sequence[Label], before: Array, now: Array, tolerance: float
) -> Iterator[Check]:
    """Served logits of the test rows from both models, (rows, labels) each, and the levels that each gives by its own
    calibration and thresholds."""
    keys, found = [label.key for label in said], [label.key for label in here]
    yield equal(Step.TRAINING, "étiquettes", ", ".join(keys), ", ".join(found))
    if keys != found:
        return
    gaps = np.abs(before - now)
    yield Check(
        step=Step.TRAINING,
        what="logits servis des lignes de test",
        expected=f"{before.size} logits",
        found=f"écart au plus {_small(gaps.max(initial=0.0))}, en moyenne {_small(gaps.mean())}",
        standing=_within(float(gaps.max(initial=0.0)), float("inf")),
        decisive=False,
    )
    changed = float(np.mean(_levels(said, before) != _levels(here, now)))
    yield Check(
        step=Step.TRAINING,
        what="niveaux des lignes de test",
        expected="les mêmes",
        found=f"{100 * changed:.2f} % changent".replace(".", ","),
        standing=_within(changed, tolerance),
    )


def _levels(labels: Sequence[Label], found: Array) -> npt.NDArray[Any]:
    """Level names, (rows, labels)."""
    return np.array(
        [[level_of(label, float(p)) for p in calibrated(label, found[:, i])] for i, label in enumerate(labels)]
    ).T
