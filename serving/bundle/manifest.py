"""The manifest of a bundle: what a model answers, how its scores read, and where it comes from."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from .config import Frozen
from .taxonomy import OUTPUT_KEYS

SCHEMA_VERSION = 1

Probability = Annotated[float, Field(ge=0, le=1)]


class Interval(Frozen):
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float


class Calibration(Frozen):
    """Platt scaling: p = sigmoid(slope * logit + intercept), at the declared population rate (Platt, 1999)."""

    method: Literal["platt"] = "platt"
    slope: float
    intercept: float
    #: Declared rate of positives among the notices received, to which probabilities are weighted.
    population_rate: Annotated[float, Field(gt=0, lt=1)]


class OperatingPoint(Frozen):
    """The threshold that a formula gives on the bundle's curves; None when no threshold satisfies it."""

    level: str
    formula: str
    #: On the calibrated probability: the level holds from this value on.
    threshold: Probability | None
    #: precision, recall, review_rate and fpr at the threshold; empty when unattainable.
    metrics: dict[str, Interval] = Field(default_factory=dict)


class Label(Frozen):
    """One column of the model's logits."""

    key: str
    title: str
    family: str | None
    severity: float | None
    calibration: Calibration
    operating_points: tuple[OperatingPoint, ...]
    #: Figures on the test splits, with intervals; empty when none could be measured.
    metrics: dict[str, Interval] = Field(default_factory=dict)


class InputSpec(Frozen):
    """How a prepared text becomes the model's input."""

    #: Longest window in tokens, special tokens included.
    max_tokens: Annotated[int, Field(ge=8, le=8192)]
    pad_id: int
    #: Token added at the beginning and at the end of each window; None where the model has none.
    start_id: int | None
    end_id: int | None
    #: Tokens by which one window starts after the other.
    window_stride: Annotated[int, Field(ge=1)]
    max_windows: Annotated[int, Field(ge=1)]
    views: tuple[Literal["raw"], ...] = ("raw",)

    @model_validator(mode="after")
    def _stride_covers(self) -> InputSpec:
        room = self.max_tokens - (self.start_id is not None) - (self.end_id is not None)
        if self.window_stride > room:
            raise ValueError(f"window_stride {self.window_stride} would skip tokens: at most {room}")
        return self


class DatasetRecord(Frozen):
    """One source the model was trained on."""

    name: str
    sha256: str
    licence: str
    licence_class: str
    rows: int


class Provenance(Frozen):
    """Where the model comes from, enough to remake it."""

    git_commit: str
    recipe: str
    recipe_sha256: str
    seed: int
    datasets: tuple[DatasetRecord, ...]
    #: Digest of the prepared rows of each split; empty in a bundle made before it was kept.
    rows_sha256: dict[str, str] = Field(default_factory=dict)
    mlflow_run: str | None
    versions: dict[str, str]


class Quantisation(Frozen):
    """What int8 costs against fp32, on the test rows."""

    #: "int8" runs one window per run and gives exact receipts; "fp32" may batch.
    precision: Literal["int8", "fp32"]
    #: Share of (row, label) whose level differs from fp32.
    level_change_rate: float = 0.0
    #: Largest loss of AUC over labels.
    auc_loss: float = 0.0
    #: Largest absolute difference of fp32 ONNX logits from the trained model's.
    parity: float = 0.0


class Manifest(Frozen):
    """``manifest.json``. Its digest is the bundle's id; it is written last."""

    schema_version: Literal[1] = 1
    name: str
    created_at: str
    labels: tuple[Label, ...] = Field(min_length=1)
    input: InputSpec
    quantisation: Quantisation
    files: dict[str, str]
    provenance: Provenance

    @model_validator(mode="after")
    def _labels_in_order(self) -> Manifest:
        keys = [label.key for label in self.labels]
        if unknown := [key for key in keys if key not in OUTPUT_KEYS]:
            raise ValueError(f"unknown label {unknown[0]!r}; expected keys among {', '.join(OUTPUT_KEYS)}")
        if keys != sorted(set(keys), key=OUTPUT_KEYS.index):
            raise ValueError("labels must be distinct and in the order of the taxonomy's output keys")
        return self

    @property
    def keys(self) -> tuple[str, ...]:
        """Label keys in the order of the logits' columns."""
        return tuple(label.key for label in self.labels)

    def label(self, key: str) -> Label | None:
        """The label named ``key``, None when the model was not trained on it."""
        return next((label for label in self.labels if label.key == key), None)
