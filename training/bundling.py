"""Makes a bundle out of a trained tagger: export, served logits, calibration, figures, card, manifest last.

Calibration sees the logits that will be served (int8, windows, maximum over windows), read by serving's own
classifier; so the rule from text to score exists once.
"""

from __future__ import annotations

import dataclasses
import datetime
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
from datasets import Dataset, DatasetDict
from sklearn.metrics import roc_auc_score
from torch import nn
from transformers import PreTrainedTokenizerFast

from serving.bundle import (
    LEVELED,
    Bundle,
    BundleError,
    Calibration,
    ConfigError,
    DatasetRecord,
    InputSpec,
    Interval,
    Label,
    Manifest,
    Provenance,
    Quantisation,
    Taxonomy,
    calibrated,
    family_of,
    level_of,
    save_curves,
    seal_bundle,
)
from serving.classifier import Classifier
from training.calibrate import Calibrated, calibratable, calibrate, fitting_half
from training.card import write_card
from training.encoder import Tagger, served_tokenizer
from training.export import export_model, quantise
from training.finetune import TrainedModel
from training.provenance import git_commit, versions
from training.recipe import Recipe
from training.targets import Targets, targets_of

Array = npt.NDArray[np.float32]

#: Between the recipe's name and the row limit, in the name of a smoke run's bundle.
_TRIAL = "-essai-"

#: Figures of a sealed bundle per label key, as a manifest carries them.
Measure = Callable[[Bundle], Mapping[str, Mapping[str, Interval]]]


@dataclass(frozen=True)
class Origin:
    """Where a bundle comes from, beside its recipe.

    Attributes:
        recipe_file: as given on the command line, relative where possible.
        datasets: every source the rows come from.
        mlflow_run: id of the tracked run, if any.
        row_limit: rows kept of each split in a smoke run; None for all.
        teachers: of a distilled model, as given on the command line.
        rows_sha256: digest of the prepared rows of each split.
    """

    recipe_file: str
    datasets: tuple[DatasetRecord, ...]
    mlflow_run: str | None = None
    row_limit: int | None = None
    teachers: tuple[str, ...] = ()
    rows_sha256: Mapping[str, str] = field(default_factory=dict)


def make_bundle(
    recipe: Recipe,
    trained: TrainedModel,
    tables: DatasetDict,
    taxonomy: Taxonomy,
    folder: Path,
    origin: Origin,
    measure: Measure | None = None,
) -> Bundle:
    """Write and seal the bundle of a trained model in `folder` (made when absent; an older bundle there is replaced).

    Args:
        measure: figures on the test rows, computed on the bundle as sealed without them; none when not given.

    Raises:
        BundleError: the exported model is not the trained one.
        ConfigError: no label can be calibrated on the validation rows.
    """
    folder.mkdir(parents=True, exist_ok=True)
    # A manifest means a whole folder: none may stand while files change.
    (folder / "manifest.json").unlink(missing_ok=True)
    halves = Halves.of(tables["validation"], recipe.seed)
    trained = keep_labels(trained, halves.calibratable(trained.labels))
    with tempfile.TemporaryDirectory(prefix="vigie-export-") as scratch:
        served = Served.of(recipe, trained, Path(scratch))
        result = _calibrated(
            recipe, halves, trained.labels, served.logits(tables["validation"]["text"], trained.labels)
        )
        labels = _labels(result, taxonomy)
        quantisation = served.quantisation(tables["test"], labels)
        served.copy_to(folder)
    save_curves(folder / "curves.npz", {key: found.curve for key, found in result.items()})
    manifest = _manifest(recipe, trained, labels, quantisation, origin)
    manifest = _with_figures(folder, manifest, measure)
    write_card(folder / "CARD.md", recipe, trained, manifest, tables, origin)
    return seal_bundle(folder, manifest)


def _with_figures(folder: Path, manifest: Manifest, measure: Measure | None) -> Manifest:
    if measure is None:
        return manifest
    (folder / "CARD.md").write_text("Ébauche : les chiffres ne sont pas encore mesurés.\n", encoding="utf-8")
    figures = measure(seal_bundle(folder, manifest))
    (folder / "manifest.json").unlink()
    labels = tuple(label.model_copy(update={"metrics": dict(figures.get(label.key, {}))}) for label in manifest.labels)
    return manifest.model_copy(update={"labels": labels})


def keep_labels(trained: TrainedModel, keys: Sequence[str]) -> TrainedModel:
    """The same model answering only `keys`: the columns of the others leave the head."""
    if not keys:
        raise ConfigError(
            "calibration: no trained label has known positives and negatives on both halves of validation; "
            "add sources or cases, or lift the row limit"
        )
    if tuple(keys) == trained.labels:
        return trained
    index = [trained.labels.index(key) for key in keys]
    head = nn.Linear(trained.model.head.in_features, len(keys))
    head.weight.data = trained.model.head.weight.data[index].clone()
    head.bias.data = trained.model.head.bias.data[index].clone()
    branch = trained.model.ngrams.columns(index) if trained.model.ngrams is not None else None
    model = Tagger(
        trained.model.encoder,
        len(keys),
        pooling=trained.model.pooling,
        ngrams=branch,
        encoder_share=trained.model.encoder_share,
    )
    model.head = head
    return dataclasses.replace(trained, model=model.eval(), labels=tuple(keys))


@dataclass(frozen=True)
class Halves:
    """What is known of the validation rows, and which of them fit the calibration (the others, the thresholds)."""

    targets: Targets
    groups: tuple[str, ...]
    fitting: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, validation: Dataset, seed: int) -> Halves:
        targets, groups = targets_of(validation), tuple(validation["group"])
        return cls(targets, groups, fitting_half(targets.positive, groups, seed=seed))

    def calibratable(self, keys: Sequence[str]) -> tuple[str, ...]:
        """Those of `keys` with positives and negatives on both sides; the others cannot answer a probability."""
        known = self.targets.columns(keys)
        return tuple(
            key
            for column, key in enumerate(keys)
            if calibratable(known.positive[:, column], known.weights[:, column], self.fitting)
        )


def _calibrated(recipe: Recipe, halves: Halves, keys: Sequence[str], logits: Array) -> dict[str, Calibrated]:
    known = halves.targets.columns(keys)
    return {
        key: calibrate(
            logits[:, column],
            known.positive[:, column],
            known.weights[:, column],
            halves.groups,
            halves.fitting,
            rate=recipe.calibration.population_rate[key],
            bootstrap=recipe.calibration.bootstrap,
            seed=recipe.seed,
        )
        for column, key in enumerate(keys)
    }


def _labels(result: Mapping[str, Calibrated], taxonomy: Taxonomy) -> tuple[Label, ...]:
    return tuple(
        Label(
            key=key,
            title=taxonomy.output(key).title,
            family=family_of(key),
            severity=taxonomy.output(key).severity,
            calibration=found.calibration,
            operating_points=found.operating_points,
        )
        for key, found in result.items()
    )


@dataclass(frozen=True)
class Served:
    """The exported model in two scratch bundles, as fp32 and in the precision that will be served.

    Attributes:
        exact, shipped: sealed scratch bundles without calibration; the same one when fp32 is served.
        precision: of `shipped`.
        parity: largest difference of an fp32 logit from the trained model's.
    """

    exact: Bundle
    shipped: Bundle
    precision: str
    parity: float

    @classmethod
    def of(cls, recipe: Recipe, trained: TrainedModel, scratch: Path) -> Served:
        exact = scratch / "fp32"
        exact.mkdir()
        max_tokens, size = recipe.training.max_tokens, len(trained.tokenizer)
        model, parity = export_model(
            trained.model, scratch, exporter=recipe.export.exporter, max_tokens=max_tokens, vocab_size=size
        )
        model.rename(exact / "model.onnx")
        first = _scratch_bundle(exact, recipe, trained)
        if recipe.export.precision == "fp32":
            return cls(first, first, "fp32", parity)
        shipped = scratch / "int8"
        shipped.mkdir()
        quantise(exact / "model.onnx", shipped / "model.onnx")
        return cls(first, _scratch_bundle(shipped, recipe, trained), "int8", parity)

    def logits(self, texts: Sequence[str], labels: Sequence[str]) -> Array:
        """Served logits, maximum over windows, shape (texts, labels)."""
        return top_logits(self.shipped, texts)[:, : len(labels)]

    def quantisation(self, test: Dataset, labels: Sequence[Label]) -> Quantisation:
        """What the served precision costs against fp32 on the test rows."""
        if self.precision == "fp32":
            return Quantisation(precision="fp32", parity=self.parity)
        exact, shipped = (top_logits(bundle, test["text"]) for bundle in (self.exact, self.shipped))
        return Quantisation(
            precision="int8",
            level_change_rate=level_change_rate(exact, shipped, labels),
            auc_loss=auc_loss(exact, shipped, targets_of(test).columns([label.key for label in labels])),
            parity=self.parity,
        )

    def copy_to(self, folder: Path) -> None:
        """Put the served model and its tokenizer in `folder`."""
        for name in ("model.onnx", "tokenizer.json"):
            (folder / name).write_bytes((self.shipped.path / name).read_bytes())


def _scratch_bundle(folder: Path, recipe: Recipe, trained: TrainedModel) -> Bundle:
    """Enough of a bundle for the classifier to read logits."""
    served_tokenizer(trained.tokenizer).save(str(folder / "tokenizer.json"))
    save_curves(folder / "curves.npz", {})
    (folder / "CARD.md").write_text("Ébauche sans étalonnage.\n", encoding="utf-8")
    neutral = Calibration(slope=1.0, intercept=0.0, population_rate=0.5)
    labels = tuple(
        Label(key=key, title=key, family=family_of(key), severity=None, calibration=neutral, operating_points=())
        for key in trained.labels
    )
    origin = Origin(recipe_file="", datasets=())
    return seal_bundle(folder, _manifest(recipe, trained, labels, Quantisation(precision="fp32"), origin))


def top_logits(bundle: Bundle, texts: Sequence[str]) -> Array:
    """Served logits of texts, maximum over windows, shape (texts, labels)."""
    with closing(Classifier(bundle)) as classifier:
        return np.stack([rows.max(axis=0) for rows in classifier.logits(list(texts))])


def level_change_rate(exact: Array, shipped: Array, labels: Sequence[Label]) -> float:
    """Share of (row, levelled label) whose level differs between two sets of logits of shape (rows, labels)."""
    changes = [
        level_of(label, float(one)) != level_of(label, float(other))
        for column, label in enumerate(labels)
        if label.key in LEVELED
        for one, other in zip(calibrated(label, exact[:, column]), calibrated(label, shipped[:, column]), strict=True)
    ]
    return float(np.mean(changes)) if changes else 0.0


def auc_loss(exact: Array, shipped: Array, targets: Targets) -> float:
    """Largest loss of AUC over the labels that the rows can measure; 0 when none loses."""
    losses = [0.0]
    for column in range(len(targets.keys)):
        known = targets.weights[:, column] > 0
        truth, weights = targets.positive[known, column], targets.weights[known, column]
        if truth.any() and not truth.all():
            before, after = (
                roc_auc_score(truth, logits[known, column], sample_weight=weights) for logits in (exact, shipped)
            )
            losses.append(float(before - after))
    return max(losses)


def _manifest(
    recipe: Recipe, trained: TrainedModel, labels: tuple[Label, ...], quantisation: Quantisation, origin: Origin
) -> Manifest:
    start_id, end_id = special_ids(trained.tokenizer)
    return Manifest(
        name=recipe.name if origin.row_limit is None else f"{recipe.name}{_TRIAL}{origin.row_limit}",
        created_at=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        labels=labels,
        input=InputSpec(
            max_tokens=recipe.training.max_tokens,
            pad_id=trained.tokenizer.pad_token_id,
            start_id=start_id,
            end_id=end_id,
            window_stride=recipe.export.window_stride,
            max_windows=recipe.export.max_windows,
        ),
        quantisation=quantisation,
        files={},
        provenance=Provenance(
            git_commit=git_commit(),
            recipe=origin.recipe_file,
            recipe_sha256=recipe.digest,
            seed=recipe.seed,
            datasets=origin.datasets,
            rows_sha256=dict(origin.rows_sha256),
            mlflow_run=origin.mlflow_run,
            versions=versions(),
        ),
    )


def row_limit_of(manifest: Manifest, recipe: Recipe) -> int | None:
    """Rows kept of each split by the smoke run that made the bundle; None for a whole run."""
    _, trial, limit = manifest.name.removeprefix(recipe.name).partition(_TRIAL)
    return int(limit) if trial and limit.isdecimal() else None


def special_ids(tokenizer: PreTrainedTokenizerFast) -> tuple[int | None, int | None]:
    """The tokens that the tokenizer puts before and after a text; None where it puts none.

    Raises:
        BundleError: it puts more than one on a side, which the classifier's windows do not do.
    """
    bare = tokenizer("a", add_special_tokens=False)["input_ids"]
    full = tokenizer("a")["input_ids"]
    at = next(i for i in range(len(full)) if full[i : i + len(bare)] == bare)
    before, after = full[:at], full[at + len(bare) :]
    if len(before) > 1 or len(after) > 1:
        raise BundleError(f"tokenizer: {len(before)} tokens before and {len(after)} after a text; expected at most one")
    return (before or [None])[0], (after or [None])[0]
