"""95 % intervals by resampling whole groups of rows. Knows nothing of what the statistics mean.

Rows of one template, chat or conversation rise and fall together; resampling them one by one would pretend to a
precision that is not there (Field and Welsh, 2007). Groups are drawn with replacement, all statistics of all models on
the same draws, so that a difference of two models has a paired interval.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from serving.bundle import Interval

from .metrics import Array

#: Named statistics of resampled weights: (b, n) -> {name: (b,)}.
Statistics = Callable[[Array], dict[str, Array]]

REPLICATES = 1000

# Resamples computed together: large enough for BLAS, small enough for the cache.
_CHUNK = 50


def intervals(
    statistics: Statistics,
    weights: Array,
    groups: Sequence[Hashable],
    *,
    replicates: int = REPLICATES,
    seed: int = 0,
) -> dict[str, Interval]:
    """Each statistic with its percentile interval; one that the rows cannot answer is left out.

    Args:
        statistics: what to compute.
        weights: (n,) weight of each row.
        groups: (n,) the unit that is resampled.
        replicates: number of resamples.
        seed: of the draws.
    """
    weights = np.asarray(weights, dtype=np.float64)
    with np.errstate(invalid="ignore"):
        estimates = statistics(weights[None, :])
        draws = [statistics(weights * counts) for counts in _counts(groups, replicates, seed)]
    found = {}
    for name, value in estimates.items():
        sample = np.concatenate([draw[name] for draw in draws])
        if np.isfinite(value[0]) and np.isfinite(sample).any():
            low, high = np.nanquantile(sample, (0.025, 0.975))
            found[name] = Interval(value=float(value[0]), low=float(low), high=float(high))
    return found


def recentred(found: Interval, floor: float = 0.0) -> Interval:
    """``found`` moved so that it is centred on its value, never below ``floor``.

    For a statistic that resampling inflates, as noise inflates a mean of absolute values (the calibration error).
    """
    shift = (found.low + found.high) / 2 - found.value
    return Interval(value=found.value, low=max(floor, found.low - shift), high=max(floor, found.high - shift))


def _counts(groups: Sequence[Hashable], replicates: int, seed: int) -> Iterator[npt.NDArray[np.float64]]:
    """Times each row is drawn, in lines of at most ``_CHUNK`` resamples; each (b, n)."""
    number: dict[Hashable, int] = {}
    member = np.array([number.setdefault(group, len(number)) for group in groups])
    generator = np.random.default_rng(seed)
    for start in range(0, replicates, _CHUNK):
        lines = min(_CHUNK, replicates - start)
        drawn = generator.integers(0, len(number), (lines, len(number)))
        yield np.stack([np.bincount(line, minlength=len(number)) for line in drawn]).astype(np.float64)[:, member]


def wilson(successes: float, trials: float) -> Interval:
    """95 % interval of a share by Wilson's score (1927), honest near 0 and 1.

    ``successes`` and ``trials`` may be sums of weights: where the instances of a template weigh one together,
    ``trials`` is the number of templates. ``trials`` must be positive.
    """
    if trials <= 0:
        raise ValueError(f"a share needs a positive number of trials, got {trials}")
    z = 1.959964
    share = successes / trials
    middle = (share + z * z / (2 * trials)) / (1 + z * z / trials)
    half = z / (1 + z * z / trials) * np.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    low, high = max(0.0, min(share, middle - half)), min(1.0, max(share, middle + half))  # rounding aside
    return Interval(value=float(share), low=float(low), high=float(high))


def widened(share: Interval, trials: float) -> Interval:
    """``share`` with an interval at least as wide as Wilson's: resamples of answers that all agree do not vary."""
    wide = wilson(min(1.0, max(0.0, share.value)) * trials, trials)
    return share.model_copy(update={"low": min(share.low, wide.low), "high": max(share.high, wide.high)})
