"""Corrections of p-values for how many differences were looked at. Pure functions on lists."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.stats import norm

from serving.bundle import Interval
from training.evaluation.bootstrap import wilson
from training.evaluation.metrics import Array

#: Spread below which draws are one number written with its rounding.
_STILL = 1e-9


def two_sided(estimate: float, draws: Array, least: float = 0.0) -> float | None:
    """Chance of a difference at least as large if there were none, from the spread of its resamples.

    A normal approximation: percentiles of a thousand draws cannot tell p-values that survive a correction over
    hundreds. ``least`` is a spread known otherwise. None when the draws do not vary, or hardly any answers.
    """
    kept = draws[np.isfinite(draws)]
    if len(kept) < len(draws) / 2 or not np.isfinite(estimate):
        return None
    spread = max(float(kept.std()), least)
    return None if spread < _STILL else float(2 * norm.sf(abs(estimate) / spread))


def still(draws: Array) -> bool:
    """Whether resamples all say the same: then they do not tell how uncertain their figure is."""
    return bool(np.nanstd(draws) < _STILL)


def of_interval(difference: Interval, *, greater: bool = False) -> float:
    """The same chance from a 95 % interval, whose side towards zero is 1.96 spreads. 1 where that side has no width.

    ``greater`` asks for the chance of a difference at least as large on its positive side alone.
    """
    reach = difference.value - difference.low if difference.value > 0 else difference.high - difference.value
    spread = reach / norm.ppf(0.975)
    if spread <= _STILL:
        return 1.0
    return float(norm.sf(difference.value / spread) if greater else 2 * norm.sf(abs(difference.value) / spread))


def newcombe(first: float, trials: float, second: float, others: float) -> Interval:
    """95 % interval of ``first - second``, shares of ``trials`` and of ``others``, by Newcombe's method 10 (1998).

    From Wilson's intervals of both, so that none of few is not told from few of many.
    """
    one, two, value = wilson(first * trials, trials), wilson(second * others, others), first - second
    return Interval(
        value=value,
        low=value - float(np.hypot(one.value - one.low, two.high - two.value)),
        high=value + float(np.hypot(one.high - one.value, two.value - two.low)),
    )


def around(drawn: Interval, least: Interval) -> Interval:
    """``drawn`` from resamples, reaching at least as far on either side as ``least``."""
    return drawn.model_copy(update={"low": min(drawn.low, least.low), "high": max(drawn.high, least.high)})


def adjusted(values: Sequence[float], method: str) -> list[float]:
    """p-values corrected by ``holm`` (1979) or ``benjamini_hochberg`` (1995), in their order."""
    if not values:
        return []
    correct = _holm if method == "holm" else _benjamini_hochberg
    return [float(value) for value in correct(np.asarray(values, dtype=float))]


def _holm(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    order, count = np.argsort(values), len(values)
    stepped = np.maximum.accumulate(values[order] * (count - np.arange(count)))
    return _back(order, stepped)


def _benjamini_hochberg(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    order, count = np.argsort(values), len(values)
    scaled = values[order] * count / (np.arange(count) + 1)
    return _back(order, np.minimum.accumulate(scaled[::-1])[::-1])


def _back(order: npt.NDArray[np.intp], stepped: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    found = np.empty(len(stepped))
    found[order] = np.minimum(1.0, stepped)
    return found
