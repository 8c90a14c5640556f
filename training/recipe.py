"""A recipe: one complete TOML file that says how a bundle is made.

A recipe knows names and numbers; it opens no data, no model and no network. There is no inheritance between recipes
and no hidden default: a key that is missing or unknown is an error that names it and the nearest known key.

    vigie-train run configs/train/petit.toml
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from serving.bundle.config import Frozen, load, validate
from serving.bundle.errors import nearest
from serving.bundle.taxonomy import OUTPUT_KEYS
from training.data.recipe import DataRecipe

#: Classes of licence that may be trained on; our own text is always allowed.
LicenceClass = Literal["open", "research", "unlicensed"]
Rate = Annotated[float, Field(gt=0.0, lt=1.0)]


class CompactArchitecture(Frozen):
    """The encoder built here: ModernBERT's blocks (rotary, pre-norm, GEGLU), small, at random start."""

    #: Pieces of the byte-level BPE, the 256 bytes and the special tokens included.
    vocab_size: int = Field(ge=300)
    #: Fold case before the BPE: fewer forms to learn from few rows, at the price of shouting.
    lowercase: bool
    layers: int = Field(ge=1)
    heads: int = Field(ge=1)
    hidden_size: int = Field(ge=8)
    #: Width of each half of the GEGLU.
    intermediate_size: int = Field(ge=8)
    #: On embeddings, attention and feed-forward blocks.
    dropout: float = Field(ge=0, lt=1)

    @model_validator(mode="after")
    def _heads_divide(self) -> CompactArchitecture:
        if self.hidden_size % (2 * self.heads):
            raise ValueError(f"hidden_size {self.hidden_size} must be an even number of times heads ({self.heads})")
        return self


class NgramSection(Frozen):
    """The branch of hashed character n-grams beside the encoder (training/ngrams.py)."""

    #: Rows of its table.
    buckets: int = Field(ge=256)
    #: Longest n-gram, in bytes.
    longest: int = Field(ge=2, le=10)
    #: Inverse of its L2 penalty, as scikit-learn's ``C``.
    strength: float = Field(gt=0)
    #: Weight of the encoder's logits beside the branch's own; ``fitted`` chooses it on the validation rows.
    encoder_share: Annotated[float, Field(ge=0)] | Literal["fitted"]


class EncoderSection(Frozen):
    """Which encoder reads the tokens.

    ``compact`` builds one here; ``pretrained`` opens a hub id or a local folder with ``AutoModel``.
    """

    kind: Literal["compact", "pretrained"]
    pooling: Literal["mean", "cls"]
    #: ``almanach/camembert-base`` or a local folder; for ``pretrained`` only.
    path: str | None = None
    #: Commit, tag or branch on the hub; not read for a local folder.
    revision: str | None = None
    compact: CompactArchitecture | None = None
    #: Absent: the encoder works alone.
    ngrams: NgramSection | None = None

    @model_validator(mode="after")
    def _fits_its_kind(self) -> EncoderSection:
        if self.kind == "compact" and (self.compact is None or self.path or self.revision):
            raise ValueError("kind 'compact' needs the table [encoder.compact], and neither path nor revision")
        if self.kind == "pretrained" and (self.compact is not None or not self.path or not self.revision):
            raise ValueError("kind 'pretrained' needs path and revision, and no table [encoder.compact]")
        return self


class TrainingSection(Frozen):
    """The fine-tuning of encoder and head together."""

    #: Longer texts are cut here in training, and read in windows when served.
    max_tokens: int = Field(ge=8, le=8192)
    epochs: float = Field(gt=0)
    batch_size: int = Field(ge=1)
    gradient_accumulation: int = Field(ge=1)
    learning_rate: float = Field(gt=0)
    schedule: Literal["linear", "cosine", "constant_with_warmup"]
    #: Share of the steps over which the learning rate climbs.
    warmup: float = Field(ge=0, lt=1)
    weight_decay: float = Field(ge=0)
    head_dropout: float = Field(ge=0, lt=1)
    #: Bound on what one positive may weigh against one negative.
    pos_weight_max: float = Field(ge=1)
    #: Epochs without a better validation figure before stopping.
    patience: int = Field(ge=1)
    #: Validation positives that a label needs to count in that figure.
    min_positives: int = Field(ge=1)
    precision: Literal["fp32", "bf16", "fp16"]
    #: Share of the training rows disturbed, each time otherwise (training.noise).
    noise: Annotated[float, Field(ge=0, le=1)]


class CalibrationSection(Frozen):
    """What a probability refers to: the rate of each label among the notices received."""

    population_rate: dict[str, Rate]
    #: Resamples behind each 95 % interval.
    bootstrap: int = Field(ge=1)

    @field_validator("population_rate")
    @classmethod
    def _one_rate_per_output(cls, rates: dict[str, float]) -> dict[str, float]:
        if unknown := [key for key in rates if key not in OUTPUT_KEYS]:
            raise ValueError(f"{unknown[0]!r} is not a model output{nearest(unknown[0], OUTPUT_KEYS)}")
        if missing := [key for key in OUTPUT_KEYS if key not in rates]:
            raise ValueError(f"every model output needs its rate; missing: {', '.join(missing)}")
        return rates


class ExportSection(Frozen):
    """The served form of the model."""

    precision: Literal["int8", "fp32"]
    exporter: Literal["torchscript", "dynamo"]
    #: Tokens by which one window of a long text starts after the other.
    window_stride: int = Field(ge=1)
    #: Windows read of one text; beyond, the answer says that it was truncated.
    max_windows: int = Field(ge=1)


class UnlabelledSection(Frozen):
    """Excerpts of the pretraining corpus (VIGIE_CORPUS) that only the teacher labels."""

    #: Excerpts by register of the corpus (``<register>.txt.xz``), drawn evenly over it.
    excerpts: dict[str, Annotated[int, Field(ge=1)]] = Field(min_length=1)
    #: Share of them that is disturbed (training/noise.py).
    noise: float = Field(ge=0, le=1)
    #: What one excerpt weighs, where a row of the sources weighs about one.
    weight: float = Field(gt=0)


class CheckpointSection(Frozen):
    """What a run of ours says of itself, and a classifier from elsewhere does not."""

    #: Commit, tag or branch on the hub; not read for a local folder.
    revision: str
    #: ``sigmoid`` when its labels are independent, ``softmax`` when they exclude each other.
    activation: Literal["sigmoid", "softmax"]
    licence: str = Field(min_length=1)
    licence_class: LicenceClass
    #: Our output = its label (``id2label`` of its configuration); an output left out is not taught.
    labels: dict[str, str] = Field(min_length=1)

    @field_validator("labels")
    @classmethod
    def _our_outputs(cls, labels: dict[str, str]) -> dict[str, str]:
        if unknown := [key for key in labels if key not in OUTPUT_KEYS]:
            raise ValueError(f"{unknown[0]!r} is not a model output{nearest(unknown[0], OUTPUT_KEYS)}")
        return labels


class DistillationSection(Frozen):
    """How ``vigie-train distill`` learns from a teacher (training/distill.py, training/soft.py)."""

    #: Divides the logits of both: above 1, how the teacher ranks what it refuses counts too.
    temperature: float = Field(ge=1)
    #: Of a cell that the teacher answers, the part that follows it; the annotation keeps the rest.
    share: float = Field(gt=0, le=1)
    #: The teacher cuts longer texts here.
    max_tokens: int = Field(ge=8, le=8192)
    #: Texts that the teacher reads at once.
    batch_size: int = Field(ge=1)
    #: Absent: the teacher must be a run of ours.
    checkpoint: CheckpointSection | None = None
    #: Absent: the teacher reads the training rows only.
    unlabelled: UnlabelledSection | None = None


class TrackingSection(Frozen):
    """Where MLflow files the run."""

    experiment: str = Field(min_length=1)
    registered_model: str = Field(min_length=1)


class Recipe(Frozen):
    """One bundle, from rows to folder."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")
    seed: int = Field(ge=0)
    licence_classes: tuple[LicenceClass, ...] = Field(min_length=1)
    encoder: EncoderSection
    data: DataRecipe
    training: TrainingSection
    calibration: CalibrationSection
    export: ExportSection
    tracking: TrackingSection
    #: Only `vigie-train distill` takes a recipe with this table.
    distillation: DistillationSection | None = None

    @model_validator(mode="after")
    def _windows_overlap(self) -> Recipe:
        if self.export.window_stride > self.training.max_tokens - 2:
            raise ValueError(
                f"export.window_stride {self.export.window_stride} would skip tokens between windows: "
                f"at most training.max_tokens - 2 = {self.training.max_tokens - 2}"
            )
        return self

    @property
    def digest(self) -> str:
        """Hexadecimal SHA-256 of the recipe's values; comments, order of keys and tables left out do not."""
        return hashlib.sha256(self.model_dump_json(exclude_none=True).encode()).hexdigest()


def load_recipe(path: Path) -> Recipe:
    """Read and check a recipe file.

    Raises:
        ConfigError: names the file, the key, what was found and the nearest known key.
    """
    return load(Recipe, path)


def parse_recipe(table: dict[str, Any], source: str) -> Recipe:
    """Check a recipe's table; ``source`` opens the error message.

    Raises:
        ConfigError: as `load_recipe`.
    """
    return validate(Recipe, table, source)
