"""How far our second reading agrees with a source's published labels. Counts in, figures out; keeps no text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import numpy as np

from serving.bundle import OUTPUT_KEYS, Interval
from training.data.examples import Example
from training.data.second_reading import Reading
from training.evaluation.metrics import Array

from .records import Agreement

_REPLICATES = 1000
#: Published rows of either answer below which no agreement is told.
LEAST = 5


def key_of(example: Example) -> str:
    """The row's key in its source, as second readings name it."""
    return example.row_id.removeprefix(f"{example.source}/")


def agreements(
    examples: Iterable[Example], readings: Mapping[str, Reading], titles: Mapping[str, str]
) -> tuple[Agreement, ...]:
    """Labels that the source annotates with both answers, in the order of the outputs, where both readings decided.

    Presumptions are nobody's word. Below five published rows of either answer a coefficient says nothing: left out.
    """
    counts = np.zeros((len(OUTPUT_KEYS), 2, 2))
    for example in examples:
        if (reading := readings.get(key_of(example))) is None:
            continue
        truth = reading.truth(1.0)
        both = np.flatnonzero((example.truth.mask >= 1) & (truth.mask >= 1))
        np.add.at(counts, (both, (example.truth.target[both] > 0.5) * 1, (truth.target[both] > 0.5) * 1), 1)
    return tuple(
        _agreement(key, titles.get(key, key), table)
        for key, table in zip(OUTPUT_KEYS, counts, strict=True)
        if table.sum(axis=1).min() >= LEAST
    )


def _agreement(label: str, title: str, table: Array) -> Agreement:
    return Agreement(
        label=label,
        title=title,
        rows=int(table.sum()),
        both=int(table[1, 1]),
        published_only=int(table[1, 0]),
        reader_only=int(table[0, 1]),
        neither=int(table[0, 0]),
        kappa=_interval(kappa, table),
        alpha=_interval(alpha, table),
    )


def _interval(figure: Callable[[Array], Array], table: Array) -> Interval | None:
    """``figure`` with percentiles of resampled tables, each row its own unit."""
    total = int(table.sum())
    drawn = np.random.default_rng(0).multinomial(total, table.ravel() / total, _REPLICATES).reshape(-1, 2, 2) * 1.0
    value, draws = float(figure(table[None])[0]), figure(drawn)
    if not np.isfinite(value):
        return None
    low, high = (float(v) for v in np.nanquantile(draws, (0.025, 0.975)))
    return Interval(value=value, low=min(low, value), high=max(high, value))


def kappa(tables: Array) -> Array:
    """Cohen's kappa of tables (b, 2, 2) of counts; NaN where chance alone agrees on every row."""
    share = tables / tables.sum(axis=(1, 2), keepdims=True)
    chance = (share.sum(axis=1) * share.sum(axis=2)).sum(axis=1)
    return _beyond_chance(share[:, 0, 0] + share[:, 1, 1], chance)


def alpha(tables: Array) -> Array:
    """Krippendorff's alpha for two readers and nominal values; chance is that of all values thrown together."""
    values = tables.sum(axis=1) + tables.sum(axis=2)
    total = values.sum(axis=1)
    chance = (values * (values - 1)).sum(axis=1) / (total * (total - 1))
    seen = (tables[:, 0, 0] + tables[:, 1, 1]) / tables.sum(axis=(1, 2))
    return _beyond_chance(seen, chance)


def _beyond_chance(seen: Array, chance: Array) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(chance < 1 - 1e-12, (seen - chance) / (1 - chance), np.nan))
