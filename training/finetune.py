"""Fine-tuning: prepared rows in, a trained tagger and its logits out.

Knows nothing of where rows come from, of calibration or of bundles. A run is one folder:
    architecture/   configuration and tokenizer of the encoder
    checkpoints/    one per epoch kept, in the Trainer's own format (resume)
    model.safetensors, model.json   the best epoch, and what is needed to read it again
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from datasets import Dataset, DatasetDict
from safetensors.torch import load_file, save_file
from sklearn.metrics import average_precision_score
from torch.nn import functional as F
from transformers import (
    EarlyStoppingCallback,
    EvalPrediction,
    PreTrainedTokenizerFast,
    Trainer,
    TrainingArguments,
    set_seed,
)
from transformers.modeling_outputs import SequenceClassifierOutput
from transformers.trainer_utils import get_last_checkpoint

from serving.bundle.errors import ConfigError, NotFound
from training.encoder import Tagger, build_encoder, load_architecture, save_architecture
from training.ngrams import CharNgrams, fit, spelling_of
from training.noise import disturb
from training.recipe import NgramSection, Recipe, TrainingSection
from training.soft import distilled, with_soft
from training.targets import Targets, positive_weights, targets_of, trainable_labels

Array = npt.NDArray[np.float32]

ARCHITECTURE, CHECKPOINTS, WEIGHTS, MODEL = "architecture", "checkpoints", "model.safetensors", "model.json"
#: Weight of the encoder's logits while epochs are compared, where the recipe has it fitted afterwards.
START_SHARE = 0.3
#: Weights of the encoder's logits that are tried beside the n-grams'.
SHARES = (0.0, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0)
#: The validation figure that early stopping follows: mean average precision over labels with enough positives.
FIGURE = "mean_average_precision"


@dataclass(frozen=True)
class TrainedModel:
    """A fine-tuned tagger.

    Attributes:
        model: in evaluation mode, on the CPU.
        tokenizer: its encoder's.
        labels: keys of its outputs, in the order of OUTPUT_KEYS.
        random_start: nothing was pretrained.
        origin: where the encoder comes from, for the card.
        history: the Trainer's log, one record per epoch or evaluation; empty when read from disk.
    """

    model: Tagger
    tokenizer: PreTrainedTokenizerFast
    labels: tuple[str, ...]
    random_start: bool
    origin: str
    history: tuple[dict[str, float], ...] = ()


class MaskedLoss:
    """Binary cross-entropy on soft targets, each cell by its weight.

    The divisor is the *mean* known weight of a training row times the rows of the batch, not the batch's own sum: a
    batch of light rows (template instances come together when grouped by length) stays light.
    """

    def __init__(self, pos_weight: Array, weight_per_row: float) -> None:
        self.pos_weight = torch.from_numpy(pos_weight)
        self.weight_per_row = weight_per_row

    def __call__(self, outputs: Any, labels: torch.Tensor, num_items_in_batch: Any = None) -> torch.Tensor:
        """`labels` stacks values and weights: shape (batch, 2, keys). A scalar per-batch mean comes back."""
        logits = outputs["logits"]
        values, weights = labels[:, 0], labels[:, 1]
        cells = F.binary_cross_entropy_with_logits(
            logits, values, reduction="none", pos_weight=self.pos_weight.to(logits.device)
        )
        return (cells * weights).sum() / (self.weight_per_row * len(labels))


class _Outputs(torch.nn.Module):
    """The tagger as the Trainer wants it: logits in a named output."""

    def __init__(self, tagger: Tagger) -> None:
        super().__init__()
        self.tagger = tagger

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> SequenceClassifierOutput:
        return SequenceClassifierOutput(logits=self.tagger(input_ids, attention_mask))


def finetune(recipe: Recipe, tables: DatasetDict, out_dir: Path, *, resume: bool = False) -> TrainedModel:
    """Train encoder and head on `tables["train"]`, choosing the epoch on `tables["validation"]`.

    Raises:
        ConfigError: no label has a positive training row, or the encoder does not fit the recipe.
        NotFound: `resume` without a checkpoint in `out_dir`.
    """
    set_seed(recipe.seed)
    section = recipe.training
    targets = {split: targets_of(tables[split]) for split in ("train", "validation")}
    labels = trainable_labels(targets["train"])
    if not labels:
        raise ConfigError("data: no label has a positive training row; add sources or lift the row limit")
    encoder = build_encoder(recipe.encoder, tables["train"]["text"], max_tokens=section.max_tokens)
    save_architecture(encoder, out_dir / ARCHITECTURE)
    train, validation = (
        encode(tables[split]["text"], targets[split].columns(labels), encoder.tokenizer, section.max_tokens)
        for split in ("train", "validation")
    )
    train = with_soft(train, tables["train"], labels)
    train = train.add_column("place", list(range(len(train))))
    tagger = Tagger(
        encoder.model,
        len(labels),
        pooling=recipe.encoder.pooling,
        dropout=section.head_dropout,
        ngrams=_ngrams(recipe.encoder.ngrams, encoder.tokenizer, len(labels)),
        encoder_share=_encoder_share(recipe.encoder.ngrams),
    )
    _fit_ngrams(recipe, tagger, targets["train"].columns(labels), train["input_ids"], encoder.tokenizer.pad_token_id)
    facts: dict[str, Any] = {
        "labels": labels,
        "pooling": recipe.encoder.pooling,
        "ngrams": recipe.encoder.ngrams.model_dump() if recipe.encoder.ngrams else None,
        "random_start": encoder.random_start,
        "origin": encoder.origin,
    }
    _write_facts(facts, out_dir)
    collator = Disturbance(tables["train"]["text"], encoder.tokenizer, section, recipe.seed)
    trainer = _trainer(recipe, tagger, collator, targets["train"].columns(labels), train, validation, out_dir)
    trainer.train(resume_from_checkpoint=_last_checkpoint(out_dir) if resume else None)
    tagger = tagger.cpu().eval()
    save_file(tagger.state_dict(), out_dir / WEIGHTS)
    trained = TrainedModel(
        tagger, encoder.tokenizer, labels, encoder.random_start, encoder.origin, tuple(trainer.state.log_history)
    )
    if recipe.encoder.ngrams and recipe.encoder.ngrams.encoder_share == "fitted":
        known = targets["validation"].columns(labels)
        tagger.encoder_share = fitted_share(trained, tables["validation"]["text"], known, section)
        facts["ngrams"]["encoder_share"] = tagger.encoder_share
        _write_facts(facts, out_dir)
    return trained


def _write_facts(facts: dict[str, Any], out_dir: Path) -> None:
    (out_dir / MODEL).write_text(json.dumps(facts, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def fitted_share(trained: TrainedModel, texts: Sequence[str], known: Targets, section: TrainingSection) -> float:
    """The share of the encoder's logits, among SHARES, with the best mean average precision on ``texts``."""
    beside, both = (_with_share(trained, share, texts, section.max_tokens) for share in (0.0, 1.0))
    figures = {
        share: mean_average_precision(beside + share * (both - beside), known, section.min_positives)
        for share in SHARES
    }
    return max(figures, key=lambda share: figures[share])


def _with_share(trained: TrainedModel, share: float, texts: Sequence[str], max_tokens: int) -> Array:
    trained.model.encoder_share = share
    return predict(trained, texts, max_tokens)


def _ngrams(section: NgramSection | None, tokenizer: PreTrainedTokenizerFast, n_labels: int) -> CharNgrams | None:
    """The branch that a recipe asks for, not yet fitted."""
    if section is None:
        return None
    return CharNgrams(spelling_of(tokenizer), n_labels, buckets=section.buckets, longest=section.longest)


def _fit_ngrams(recipe: Recipe, tagger: Tagger, known: Targets, rows: Sequence[Sequence[int]], pad_id: int) -> None:
    if tagger.ngrams is None or recipe.encoder.ngrams is None:
        return
    extra = positive_weights(known, recipe.training.pos_weight_max)
    weights = known.weights * np.where(known.values >= 0.5, extra, np.float32(1))
    fit(tagger.ngrams, list(rows), known.values, weights, pad_id, strength=recipe.encoder.ngrams.strength)


def _encoder_share(section: NgramSection | None) -> float:
    if section is None:
        return 1.0
    return START_SHARE if section.encoder_share == "fitted" else section.encoder_share


def _last_checkpoint(out_dir: Path) -> str:
    folder = out_dir / CHECKPOINTS
    found: str | None = get_last_checkpoint(str(folder)) if folder.is_dir() else None  # type: ignore[no-untyped-call]
    if found is None:
        raise NotFound(f"--resume: no checkpoint in {folder}; start the run without --resume")
    return found


def encode(texts: Sequence[str], targets: Targets, tokenizer: PreTrainedTokenizerFast, max_tokens: int) -> Dataset:
    """Rows for the Trainer: `input_ids`, `length` and `labels` (values and weights, shape (2, keys))."""
    ids = tokenizer(list(texts), truncation=True, max_length=max_tokens, return_attention_mask=False)["input_ids"]
    stacked = np.stack([targets.values, targets.weights], axis=1)
    return Dataset.from_dict({"input_ids": ids, "length": [len(row) for row in ids], "labels": stacked.tolist()})


class Disturbance:
    """Collates training rows, a share of them disturbed, each time otherwise, and read again by the tokenizer."""

    def __init__(self, texts: Sequence[str], tokenizer: PreTrainedTokenizerFast, section: TrainingSection, seed: int):
        self._texts, self._tokenizer, self._section = texts, tokenizer, section
        self._draw = Random(seed)

    def __call__(self, rows: Sequence[dict[str, Any]]) -> dict[str, torch.Tensor]:
        """As ``collate``; a row without ``place`` (its index among the texts) is left as it is."""
        return collate([self._again(row) for row in rows], self._tokenizer.pad_token_id)

    def _again(self, row: dict[str, Any]) -> dict[str, Any]:
        if "place" not in row or self._draw.random() >= self._section.noise:
            return row
        text = disturb(self._texts[row["place"]], self._draw)
        ids = self._tokenizer(text, truncation=True, max_length=self._section.max_tokens)["input_ids"]
        return row | {"input_ids": ids}


def collate(rows: Sequence[dict[str, Any]], pad_id: int) -> dict[str, torch.Tensor]:
    """A padded batch; ids and mask are int64 of shape (batch, longest), labels float of shape (batch, 2, keys)."""
    longest = max(len(row["input_ids"]) for row in rows)
    ids = torch.full((len(rows), longest), pad_id, dtype=torch.int64)
    mask = torch.zeros_like(ids)
    for index, row in enumerate(rows):
        ids[index, : len(row["input_ids"])] = torch.tensor(row["input_ids"])
        mask[index, : len(row["input_ids"])] = 1
    batch = {"input_ids": ids, "attention_mask": mask}
    if "labels" in rows[0]:
        batch["labels"] = torch.tensor([row["labels"] for row in rows], dtype=torch.float32)
    return batch


def mean_average_precision(logits: Array, targets: Targets, min_positives: int) -> float:
    """Mean over labels with at least `min_positives` positives and one negative; 0 when there is none."""
    figures = []
    for column in range(len(targets.keys)):
        known = targets.weights[:, column] > 0
        truth = targets.positive[known, column]
        if truth.sum() >= min_positives and not truth.all():
            figures.append(
                average_precision_score(truth, logits[known, column], sample_weight=targets.weights[known, column])
            )
    return float(np.mean(figures)) if figures else 0.0


def _trainer(
    recipe: Recipe,
    tagger: Tagger,
    collator: Disturbance,
    targets: Targets,
    train: Dataset,
    validation: Dataset,
    out_dir: Path,
) -> Trainer:
    section = recipe.training

    def figures(prediction: EvalPrediction) -> dict[str, float]:
        stacked = np.asarray(prediction.label_ids, dtype=np.float32)
        known = Targets(targets.keys, stacked[:, 0], stacked[:, 1])
        return {FIGURE: mean_average_precision(np.asarray(prediction.predictions), known, section.min_positives)}

    trainer = Trainer(
        model=_Outputs(tagger),
        args=_arguments(section, recipe.seed, out_dir),
        train_dataset=train,
        eval_dataset=validation,
        data_collator=collator,
        compute_loss_func=distilled(
            recipe.distillation,
            MaskedLoss(positive_weights(targets, section.pos_weight_max), float(targets.weights.sum(1).mean())),
            train,
        ),
        compute_metrics=figures,
        callbacks=[EarlyStoppingCallback(early_stopping_patience=section.patience)],
    )
    # Our loss is a per-batch mean: the Trainer divides it by the accumulation steps.
    trainer.loss_is_scaled_for_ga = False
    return trainer


def _arguments(section: TrainingSection, seed: int, out_dir: Path) -> TrainingArguments:
    return TrainingArguments(
        output_dir=str(out_dir / CHECKPOINTS),
        num_train_epochs=section.epochs,
        per_device_train_batch_size=section.batch_size,
        per_device_eval_batch_size=2 * section.batch_size,
        gradient_accumulation_steps=section.gradient_accumulation,
        learning_rate=section.learning_rate,
        lr_scheduler_type=section.schedule,
        warmup_steps=section.warmup,
        weight_decay=section.weight_decay,
        use_cpu=not torch.cuda.is_available(),
        bf16=section.precision == "bf16",
        fp16=section.precision == "fp16",
        train_sampling_strategy="group_by_length",
        eval_strategy="epoch",
        save_strategy="epoch",
        save_total_limit=2,
        logging_strategy="epoch",
        load_best_model_at_end=True,
        metric_for_best_model=FIGURE,
        greater_is_better=True,
        label_names=["labels"],
        remove_unused_columns=False,
        dataloader_pin_memory=False,
        report_to="none",
        seed=seed,
    )


def load_trained(path: Path) -> TrainedModel:
    """Read a run folder (its best epoch) or one of its checkpoints.

    Raises:
        NotFound: `path` is neither.
    """
    run = path.parent.parent if path.parent.name == CHECKPOINTS else path
    if not (run / MODEL).is_file() or not (path / WEIGHTS).is_file():
        raise NotFound(f"{path}: expected a run folder with {MODEL} and {WEIGHTS}, or a checkpoint inside one")
    facts = json.loads((run / MODEL).read_text(encoding="utf-8"))
    encoder, tokenizer = load_architecture(run / ARCHITECTURE)
    section = NgramSection.model_validate(facts["ngrams"]) if facts["ngrams"] else None
    branch = _ngrams(section, tokenizer, len(facts["labels"]))
    tagger = Tagger(
        encoder,
        len(facts["labels"]),
        pooling=facts["pooling"],
        ngrams=branch,
        encoder_share=_encoder_share(section),
    )
    state = load_file(path / WEIGHTS)
    tagger.load_state_dict({name.removeprefix("tagger."): value for name, value in state.items()})
    return TrainedModel(tagger.eval(), tokenizer, tuple(facts["labels"]), facts["random_start"], facts["origin"])


def predict(trained: TrainedModel, texts: Sequence[str], max_tokens: int, batch_size: int = 64) -> Array:
    """fp32 logits of texts cut at `max_tokens`, in the order given; shape (texts, labels)."""
    ids = trained.tokenizer(list(texts), truncation=True, max_length=max_tokens, return_attention_mask=False)[
        "input_ids"
    ]
    logits = np.zeros((len(ids), len(trained.labels)), dtype=np.float32)
    order = sorted(range(len(ids)), key=lambda index: len(ids[index]))
    with torch.inference_mode():
        for start in range(0, len(order), batch_size):
            chunk = order[start : start + batch_size]
            batch = collate([{"input_ids": ids[index]} for index in chunk], trained.tokenizer.pad_token_id)
            logits[chunk] = trained.model(**batch).numpy()
    return logits
