"""Validation scores, labels and weights of each label, so that any formula can be answered later. No text."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .errors import BundleError

Array = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Curve:
    """One label on the operating-point half of validation.

    Attributes:
        scores: calibrated probabilities, shape (n,), at the population rate.
        labels: 0 or 1, shape (n,).
        weights: positive, shape (n,); they bring the rate of positives to the population rate.
    """

    scores: Array
    labels: Array
    weights: Array

    def __post_init__(self) -> None:
        if not (self.scores.shape == self.labels.shape == self.weights.shape and self.scores.ndim == 1):
            raise ValueError(f"curve arrays must share one dimension, got {self.scores.shape}, {self.labels.shape}")


def reweighted(curve: Curve, rate: float) -> Curve:
    """``curve`` as it would be were ``rate`` of the notices received positive (0 < rate < 1); scores stay the same.

    Label shift: positives and negatives keep their own distributions of scores (Saerens et al., 2002).
    """
    positive = curve.labels > 0.5
    weights = np.asarray(curve.weights, dtype=np.float64)
    sums = np.where(positive, weights[positive].sum(), weights[~positive].sum())
    return Curve(curve.scores, curve.labels, weights / sums * np.where(positive, rate, 1 - rate))


def save_curves(path: Path, curves: dict[str, Curve]) -> None:
    """Write ``curves`` as one compressed ``.npz`` (float32), keys ``<label>/scores|labels|weights``."""
    arrays: dict[str, Any] = {
        f"{key}/{field}": getattr(curve, field).astype(np.float32)
        for key, curve in curves.items()
        for field in ("scores", "labels", "weights")
    }
    np.savez_compressed(path, **arrays)


def load_curves(path: Path) -> dict[str, Curve]:
    """Read what ``save_curves`` wrote.

    Raises:
        BundleError: the file is missing or not a curves file.
    """
    try:
        with np.load(path, allow_pickle=False) as data:
            keys = sorted({name.rsplit("/", 1)[0] for name in data.files})
            return {key: Curve(*(data[f"{key}/{field}"] for field in ("scores", "labels", "weights"))) for key in keys}
    except (OSError, ValueError, KeyError) as error:
        raise BundleError(f"{path}: not a curves file: {error}", pointer=path.name) from None
