"""Teachers: trained classifiers that answer some of our outputs.

A teacher is the folder of one of our runs, or any sequence classifier of the hub or of a local folder with a declared
mapping of its labels onto ours. Knows nothing of students: token ids go in, log-odds come out.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn
from transformers import AutoModelForSequenceClassification, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerFast

from serving.bundle import DatasetRecord
from serving.bundle.config import read_toml
from serving.bundle.errors import ConfigError, Unavailable, nearest
from serving.bundle.taxonomy import OUTPUT_KEYS
from training.finetune import MODEL, load_trained
from training.recipe import CheckpointSection, LicenceClass, Recipe

#: Token ids and mask, both (batch, length), to log-odds (batch, keys).
Read = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]

#: From free to restricted: a student inherits the most restricted class that its teachers learnt from.
_STRICTNESS: tuple[LicenceClass, ...] = ("open", "research", "unlicensed")


@dataclass(frozen=True)
class Teacher:
    """A classifier that answers some of our outputs.

    Attributes:
        name: hub id and revision, or the folder as given.
        keys: outputs it answers, in the order of OUTPUT_KEYS.
        read: its log-odds; log-odds of a softmax teacher are those of one label against all others.
        tokenizer: its own.
        device: where ``read`` wants its input.
        sha256: of its weights.
        licence, licence_class: what its use, and its student's, is bound to.
    """

    name: str
    keys: tuple[str, ...]
    read: Read
    tokenizer: PreTrainedTokenizerFast
    device: torch.device
    sha256: str
    licence: str
    licence_class: LicenceClass

    def record(self, rows: int) -> DatasetRecord:
        """What the student's bundle remembers of a teacher that read ``rows`` texts."""
        return DatasetRecord(
            name=f"professeur {self.name}",
            sha256=self.sha256,
            licence=self.licence,
            licence_class=self.licence_class,
            rows=rows,
        )


def open_teacher(name: str, recipe: Recipe) -> Teacher:
    """The teacher called ``name``: a run folder of ours, else a local checkpoint or a hub id.

    Raises:
        ConfigError: what it learnt from is not allowed by the recipe's ``licence_classes``, the recipe lacks
            ``[distillation.checkpoint]``, or the mapping does not fit its labels.
        Unavailable: the checkpoint is neither local nor reachable on the hub.
    """
    assert recipe.distillation is not None  # the caller refuses a recipe without
    if (Path(name) / MODEL).is_file():
        teacher = _run_of_ours(Path(name))
    elif recipe.distillation.checkpoint is not None:
        teacher = _checkpoint(name, recipe.distillation.checkpoint)
    else:
        raise ConfigError(
            f"--teacher {name!r}: not the folder of a run ({MODEL}); any other classifier needs the table "
            "[distillation.checkpoint] in the recipe, with its licence and the mapping of its labels"
        )
    if teacher.licence_class not in recipe.licence_classes:
        raise ConfigError(
            f"--teacher {name!r} has licence class {teacher.licence_class!r}; the recipe allows licence_classes = "
            f"{list(recipe.licence_classes)}: add the class if you may use it, or take another teacher",
            code="licence_class",
        )
    return teacher


def _run_of_ours(folder: Path) -> Teacher:
    trained = load_trained(folder)
    classes = read_toml(folder / "recipe.toml")["licence_classes"]
    _make_ready(trained.model)
    return Teacher(
        name=folder.name,
        keys=trained.labels,
        read=trained.model,
        tokenizer=trained.tokenizer,
        device=_device(),
        sha256=_weights_sha256(trained.model),
        licence="celles de ses données",
        licence_class=max(classes, key=_STRICTNESS.index),
    )


def _checkpoint(path: str, section: CheckpointSection) -> Teacher:
    model, tokenizer = _opened(path, section.revision)
    columns = _columns(path, {label: int(place) for place, label in (model.config.id2label or {}).items()}, section)
    _make_ready(model)
    return Teacher(
        name=Path(path).name if Path(path).is_dir() else f"{path}@{section.revision}",
        keys=tuple(columns),
        read=_reader(model, list(columns.values()), section.activation),
        tokenizer=tokenizer,
        device=_device(),
        sha256=_weights_sha256(model),
        licence=section.licence,
        licence_class=section.licence_class,
    )


def _opened(path: str, revision: str) -> tuple[PreTrainedModel, PreTrainedTokenizerFast]:
    local = Path(path).is_dir()
    offline = local or os.environ.get("HF_HUB_OFFLINE", "").lower() in ("1", "true", "yes", "on")
    where = {"local_files_only": offline} | ({} if local else {"revision": revision})
    try:
        model, loading = AutoModelForSequenceClassification.from_pretrained(
            path, dtype=torch.float32, output_loading_info=True, **where
        )
        tokenizer = AutoTokenizer.from_pretrained(path, **where)
    except (OSError, ValueError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise Unavailable(
            f"--teacher {path!r} (revision {revision!r}) cannot be opened: {reason}; give the folder of a saved "
            "classifier, or an id of the hub with the network allowed (HF_HUB_OFFLINE unset)"
        ) from None
    if loading["missing_keys"]:  # drawn at random: an encoder alone would teach noise
        raise ConfigError(f"--teacher {path!r}: has no weights for its head ({min(loading['missing_keys'])}); "
                          "give a trained classifier")  # fmt: skip
    if not isinstance(tokenizer, PreTrainedTokenizerFast):
        raise ConfigError(f"--teacher {path!r}: its tokenizer has no fast form (tokenizer.json); choose another")
    return model, tokenizer


def _columns(path: str, theirs: Mapping[str, int], section: CheckpointSection) -> dict[str, int]:
    """Column of the teacher's output behind each of ours, in the order of OUTPUT_KEYS."""
    if section.activation == "softmax" and len(theirs) < 2:
        raise ConfigError(f"distillation.checkpoint.activation 'softmax': {path} has one label only; use 'sigmoid'")
    for ours, label in section.labels.items():
        if label not in theirs:
            known = ", ".join(theirs)
            raise ConfigError(
                f"distillation.checkpoint.labels.{ours} = {label!r}: {path} has no such label"
                f"{nearest(label, theirs)}; its labels: {known}"
            )
    return {key: theirs[section.labels[key]] for key in OUTPUT_KEYS if key in section.labels}


def _reader(model: PreTrainedModel, columns: Sequence[int], activation: str) -> Read:
    def read(input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        logits = model(input_ids=input_ids, attention_mask=attention_mask).logits
        return logits[:, columns] if activation == "sigmoid" else against_the_others(logits)[:, columns]

    return read


def against_the_others(logits: torch.Tensor) -> torch.Tensor:
    """Log-odds of each of several labels that exclude each other, shape (batch, labels): log p - log(1 - p)."""
    count = logits.shape[1]
    others = logits.unsqueeze(1).expand(-1, count, -1)
    own = torch.eye(count, dtype=torch.bool, device=logits.device)
    return logits - others.masked_fill(own, -torch.inf).logsumexp(2)


def _make_ready(model: nn.Module) -> None:
    model.to(_device()).eval()


def _device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def _weights_sha256(model: nn.Module) -> str:
    digest = hashlib.sha256()
    for name, value in sorted(model.state_dict().items()):
        digest.update(name.encode() + value.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
