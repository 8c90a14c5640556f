"""Translates a platform's thresholds on Perspective's scores into thresholds on ours, from the scores it has logged.

    vigie-train map-threshold journal.csv --at 0.7 --out thresholds.csv

Two ways, both monotone. ``quantile`` keeps the load: as many texts are flagged as before. ``isotonic`` keeps the
meaning: our mean score of the texts that they scored so (isotonic regression, Barlow et al., 1972).
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.table import Table

from serving.bundle import InputError, Verdict
from serving.bundle.errors import nearest
from serving.classifier import Classifier
from serving.facades import Attribute, Perspective

Array = npt.NDArray[np.float64]

#: Thresholds translated when none is named.
USUAL = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
#: Texts needed on both sides of a threshold: with fewer, the translation would be an accident.
LEAST = 10
_REPLICATES = 200
_BATCH = 512


@dataclass(frozen=True)
class Log:
    """What a platform logged: texts, and their scores by attribute (NaN where a cell is blank)."""

    texts: tuple[str, ...]
    scores: Mapping[str, Array]


@dataclass(frozen=True)
class Translation:
    """One line of the table.

    Attributes:
        rows: texts that both have scored.
        theirs, ours: the thresholds; ``ours`` is None when fewer than ``LEAST`` texts lie on one side of theirs.
        low, high: 95 % bootstrap interval of ``ours``.
        flagged_theirs, flagged_ours: shares of the texts at or above the thresholds.
        agreement: share of the texts on which both say the same; ``kept``: of those they flag, the share that we flag.
    """

    attribute: str
    labels: str
    method: str
    rows: int
    theirs: float
    ours: float | None = None
    low: float | None = None
    high: float | None = None
    flagged_theirs: float = 0.0
    flagged_ours: float | None = None
    agreement: float | None = None
    kept: float | None = None


def by_quantile(theirs: Array, ours: Array, at: Array) -> Array:
    """Our thresholds (k,) that flag as many of the texts (n,) as theirs ``at`` (k,) do."""
    flagged = np.count_nonzero(theirs[None, :] >= at[:, None], axis=1)
    descending = np.sort(ours)[::-1]
    return np.asarray(descending[np.clip(flagged, 1, len(ours)) - 1])


def by_isotonic(theirs: Array, ours: Array, at: Array) -> Array:
    """Our mean score (k,), rising with theirs, of texts that they score ``at`` (k,)."""
    from sklearn.isotonic import IsotonicRegression

    fitted = IsotonicRegression(out_of_bounds="clip").fit(theirs, ours)
    return np.asarray(fitted.predict(at), dtype=np.float64)


METHODS: dict[str, Callable[[Array, Array, Array], Array]] = {"quantile": by_quantile, "isotonic": by_isotonic}


def translate(
    name: str, labels: str, theirs: Array, ours: Array, at: Sequence[float], method: str, *, seed: int = 0
) -> list[Translation]:
    """The lines of one attribute: scores of both of the same texts, shape (n,), NaN where either has none.

    Raises:
        InputError: unknown method, or a threshold that is no probability.
    """
    if method not in METHODS:
        raise InputError(f"--method {method!r}{nearest(method, METHODS)}: expected one of {', '.join(METHODS)}")
    if wrong := [value for value in at if not 0 <= value <= 1]:
        raise InputError(f"--at {wrong[0]}: expected thresholds from 0 to 1")
    both = np.isfinite(theirs) & np.isfinite(ours)
    theirs, ours, points = theirs[both], ours[both], np.asarray(sorted(set(at)), dtype=np.float64)
    if not len(theirs):
        return [Translation(name, labels, method, 0, float(point)) for point in points]
    found = METHODS[method](theirs, ours, points)
    low, high = _interval(theirs, ours, points, METHODS[method], seed)
    return [
        _line(Translation(name, labels, method, len(theirs), float(point)), theirs, ours, found[k], (low[k], high[k]))
        for k, point in enumerate(points)
    ]


def _line(line: Translation, theirs: Array, ours: Array, threshold: float, bounds: tuple[float, float]) -> Translation:
    """The line with its figures; without a threshold of ours when too few texts lie on one side."""
    flagged = theirs >= line.theirs
    known = asdict(line) | {"flagged_theirs": float(flagged.mean())}
    if min(flagged.sum(), (~flagged).sum()) < LEAST:
        return Translation(**known)
    also = ours >= threshold
    known |= {"ours": float(threshold), "low": float(bounds[0]), "high": float(bounds[1])}
    known |= {"flagged_ours": float(also.mean()), "agreement": float((also == flagged).mean())}
    return Translation(**known | {"kept": float(also[flagged].mean())})


def _interval(
    theirs: Array, ours: Array, points: Array, method: Callable[[Array, Array, Array], Array], seed: int
) -> tuple[Array, Array]:
    """95 % percentile bootstrap of the thresholds (k,), texts resampled (Efron, 1979)."""
    generator = np.random.default_rng(seed)
    draws = [generator.integers(0, len(theirs), len(theirs)) for _ in range(_REPLICATES)]
    found = np.stack([method(theirs[rows], ours[rows], points) for rows in draws])
    low, high = np.quantile(found, (0.025, 0.975), axis=0)
    return low, high


def map_thresholds(
    file: Path,
    classifier: Classifier,
    rules: Perspective,
    *,
    at: Sequence[float] = USUAL,
    method: str = "quantile",
    text_column: str = "text",
) -> list[Translation]:
    """The table for every attribute of the log that the bundle scores.

    Raises:
        InputError: the file cannot be read, or holds no attribute that the bundle scores.
    """
    trained = frozenset(classifier.manifest.keys)
    log = read_log(file, rules, text_column)
    scored = {name: rules.attribute(name) for name in log.scores}
    usable = {name: found for name, found in scored.items() if found and found.scored(trained)}
    if not usable:
        raise InputError(f"{file}: the bundle scores none of {', '.join(log.scores)}; see docs/facade_perspective.md")
    verdicts = [
        verdict
        for first in range(0, len(log.texts), _BATCH)
        for verdict in classifier.score(log.texts[first : first + _BATCH])
    ]
    return [
        line
        for name, attribute in usable.items()
        for line in translate(
            name, "+".join(attribute.labels), log.scores[name], _ours(attribute, verdicts), at, method
        )
    ]


def _ours(attribute: Attribute, verdicts: Sequence[Verdict | InputError]) -> Array:
    """Our scores (n,) of the attribute; NaN for a text that could not be read."""
    scores = [attribute.score(verdict.scores) if isinstance(verdict, Verdict) else None for verdict in verdicts]
    return np.array([np.nan if score is None else score for score in scores], dtype=np.float64)


def read_log(file: Path, rules: Perspective, text_column: str = "text") -> Log:
    """A CSV in UTF-8 with a column of texts and a column for each attribute, by its Perspective name.

    Other columns are left alone; the separator is the comma, the semicolon or the tab that the header uses.

    Raises:
        InputError: names the column or the line, never a text.
    """
    try:
        with file.open(encoding="utf-8-sig", newline="") as source:
            return _read(source, file, rules, text_column)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        why = getattr(error, "strerror", None) or type(error).__name__
        raise InputError(f"{file}: cannot be read as CSV in UTF-8 ({why})", code="unreadable_file") from None


def _read(source: Any, file: Path, rules: Perspective, text_column: str) -> Log:
    header = source.readline()
    delimiter = max(",;\t", key=header.count)
    columns = next(csv.reader([header], delimiter=delimiter), [])
    named = [name for name in columns if rules.attribute(name)]
    if text_column not in columns or not named:
        wanted = repr(text_column) if text_column not in columns else "of an attribute, such as TOXICITY"
        raise InputError(f"{file}: no column {wanted}; its columns are {', '.join(columns)[:200]}")
    rows = list(csv.DictReader(source, fieldnames=columns, delimiter=delimiter))
    scores = {name: np.array(list(_cells(rows, name, file)), dtype=np.float64) for name in named}
    return Log(tuple(row[text_column] or "" for row in rows), scores)


def _cells(rows: Sequence[Mapping[str, str | None]], name: str, file: Path) -> Iterator[float]:
    """Scores of one column; NaN for a blank cell."""
    for number, row in enumerate(rows, start=2):
        cell = (row[name] or "").strip()
        try:
            value = float(cell) if cell else np.nan
        except ValueError:
            value = -1.0
        if value < 0 or value > 1:
            raise InputError(f"{file}: row {number}, column {name}: expected a score from 0 to 1, or nothing")
        yield value


def write_table(file: Path, lines: Sequence[Translation]) -> None:
    """The table as CSV; blank where there is no threshold."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", encoding="utf-8", newline="") as target:
        writer = csv.DictWriter(target, [field.name for field in fields(Translation)], lineterminator="\n")
        writer.writeheader()
        writer.writerows({key: _cell(value) for key, value in asdict(line).items()} for line in lines)


def show_table(lines: Sequence[Translation], console: Console) -> None:
    """Print the table, in French."""
    table = Table(title="Seuils traduits (Eux, Nous : part signalée)")
    for title in ("Attribut", "Textes", "Leur seuil", "Le nôtre", "Eux", "Nous", "Accord", "Gardés"):
        table.add_column(title, justify="left" if title == "Attribut" else "right", no_wrap=True)
    for line in lines:
        ours = "–" if line.ours is None else f"{line.ours:.3f} [{line.low:.3f}–{line.high:.3f}]".replace(".", ",")
        shares = (line.flagged_theirs, line.flagged_ours, line.agreement, line.kept)
        table.add_row(line.attribute, str(line.rows), f"{line.theirs:g}".replace(".", ","), ours, *map(_share, shares))
    console.print(table)


def _share(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f} %".replace(".", ",")


def _cell(value: object) -> object:
    return f"{value:.6g}" if isinstance(value, float) else "" if value is None else value
