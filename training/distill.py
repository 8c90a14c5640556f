"""Distillation: the training rows with what teachers say of them, and unlabelled text that only teachers label.

Knows nothing of how the student learns: what comes out are prepared tables with the columns of ``training.soft``.

    vigie-train distill configs/train/distillation.toml --teacher runs/vigie-camembert-s13
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
import numpy.typing as npt
import torch
from datasets import Dataset, DatasetDict, Features, List, Value, concatenate_datasets

from serving.bundle import DatasetRecord
from serving.bundle.taxonomy import OUTPUT_KEYS
from training.corpus import excerpts, registers
from training.data.digests import digest_of, file_sha256
from training.data.ordinary import CORPUS, CORPUS_CLASS, CORPUS_LICENCE
from training.finetune import collate
from training.noise import disturb
from training.recipe import DistillationSection, Recipe, UnlabelledSection
from training.soft import SOFT, SOFT_WEIGHT
from training.teachers import Teacher, open_teacher

Array = npt.NDArray[np.float32]

#: Who taught, in the run's folder.
LESSON = "lesson.json"


@dataclass(frozen=True)
class Lesson:
    """What a student learns from.

    Attributes:
        tables: prepared tables whose training rows carry the teachers' answers; validation and test as they were.
        records: one for each teacher, and one for the unlabelled text.
    """

    tables: DatasetDict
    records: tuple[DatasetRecord, ...]

    def keep(self, folder: Path) -> None:
        """Write the records into the run's folder, so that its bundle can be made again without the teachers."""
        text = json.dumps([record.model_dump() for record in self.records], ensure_ascii=False, indent=1)
        (folder / LESSON).write_text(text + "\n", encoding="utf-8")


def lesson_records(folder: Path) -> tuple[DatasetRecord, ...]:
    """The records kept in a run's folder; none when nobody taught it."""
    path = folder / LESSON
    if not path.is_file():
        return ()
    return tuple(DatasetRecord.model_validate(record) for record in json.loads(path.read_text(encoding="utf-8")))


def teach(recipe: Recipe, tables: DatasetDict, names: Sequence[str], corpus: Path | None) -> Lesson:
    """Open the teachers and have them read the training rows and, where the recipe asks, excerpts of the corpus.

    Raises:
        ConfigError: a teacher does not fit the recipe, or the corpus is not there.
        Unavailable: a teacher cannot be opened.
    """
    section = recipe.distillation
    assert section is not None  # the caller refuses a recipe without
    files = registers(corpus, section.unlabelled.excerpts, "distillation.unlabelled") if section.unlabelled else {}
    teachers = [open_teacher(name, recipe) for name in names]
    texts = draw_excerpts(files, section.unlabelled, recipe.seed) if section.unlabelled else []
    done = taught(tables, teachers, texts, section)
    rows = len(done["train"])
    records = [teacher.record(rows) for teacher in teachers]
    if files:
        digest = digest_of(file_sha256(path) for path in files.values())
        records.append(
            DatasetRecord(
                name=f"{CORPUS}, étiqueté par le professeur",
                sha256=digest,
                licence=CORPUS_LICENCE,
                licence_class=CORPUS_CLASS,
                rows=rows - len(tables["train"]),
            )
        )
    return Lesson(done, tuple(records))


def log_odds(teacher: Teacher, texts: Sequence[str], section: DistillationSection) -> Array:
    """The teacher's log-odds of texts cut at ``section.max_tokens``, in the order given; shape (texts, keys)."""
    ids = teacher.tokenizer(
        list(texts), truncation=True, max_length=section.max_tokens, return_attention_mask=False
    )["input_ids"]  # fmt: skip
    found = np.zeros((len(ids), len(teacher.keys)), dtype=np.float32)
    order = sorted(range(len(ids)), key=lambda index: len(ids[index]))
    with torch.inference_mode():
        for start in range(0, len(order), section.batch_size):
            chunk = order[start : start + section.batch_size]
            batch = collate([{"input_ids": ids[index]} for index in chunk], teacher.tokenizer.pad_token_id or 0)
            found[chunk] = teacher.read(
                *(batch[name].to(teacher.device) for name in ("input_ids", "attention_mask"))
            ).cpu()
    return found


def soft_targets(
    teachers: Iterable[Teacher], texts: Sequence[str], section: DistillationSection
) -> tuple[Array, npt.NDArray[np.bool_]]:
    """Probabilities at the section's temperature, and which outputs some teacher answers: (texts, 22) and (22,).

    Several teachers are one: the mean of the log-odds of those that answer.
    """
    total = np.zeros((len(texts), len(OUTPUT_KEYS)), dtype=np.float32)
    voices = np.zeros(len(OUTPUT_KEYS))
    for teacher in teachers:
        columns = [OUTPUT_KEYS.index(key) for key in teacher.keys]
        total[:, columns] += log_odds(teacher, texts, section)
        voices[columns] += 1
    mean = total / np.maximum(voices, 1)
    return np.asarray(1 / (1 + np.exp(-mean / section.temperature)), dtype=np.float32), voices > 0


def taught(
    tables: DatasetDict, teachers: Sequence[Teacher], unlabelled: Sequence[str], section: DistillationSection
) -> DatasetDict:
    """The tables with the teachers' answers beside the training rows, and the unlabelled texts among these.

    Validation and test stay as they are; an unlabelled text that is also a row, of any split, is left out.
    """
    known = {text for table in tables.values() for text in table["text"]}
    texts = [text for text in dict.fromkeys(unlabelled) if text not in known]
    weight = section.unlabelled.weight if section.unlabelled else 0.0
    train = tables["train"]
    rows = concatenate_datasets([train, _without_labels(texts, weight, train.features)]) if texts else train
    soft, answered = soft_targets(teachers, list(rows["text"]), section)
    weights = np.asarray(rows["weight"], dtype=np.float32)[:, None] * answered
    vector = List(Value("float32"), length=len(OUTPUT_KEYS))
    columns = Dataset.from_dict(
        {SOFT: soft.tolist(), SOFT_WEIGHT: weights.tolist()},
        features=Features({SOFT: vector, SOFT_WEIGHT: vector}),
    )
    return DatasetDict({**tables, "train": concatenate_datasets([rows, columns], axis=1)})


def _without_labels(texts: Sequence[str], weight: float, features: Features) -> Dataset:
    """Rows of which nothing is known but what a teacher will say."""
    unknown = [0.0] * len(OUTPUT_KEYS)
    names = [f"{CORPUS}/{number:06d}" for number in range(len(texts))]
    known = {"text": list(texts), "source": [CORPUS] * len(texts), "row_id": names, "group": names}
    vectors = {"target": [unknown] * len(texts), "mask": [unknown] * len(texts), "weight": [weight] * len(texts)}
    empty = {name: [""] * len(texts) for name in features if name not in known | vectors}
    return Dataset.from_dict(known | vectors | empty, features=features)


def draw_excerpts(files: dict[str, Path], section: UnlabelledSection, seed: int) -> list[str]:
    """Excerpts drawn evenly over each register, some disturbed; none from passages reserved for evaluation."""
    found: list[str] = []
    for name, path in files.items():
        draw = Random(f"{seed}:{name}")
        kept = _reservoir(excerpts(path, for_evaluation=False), section.excerpts[name], draw)
        found += [disturb(text, draw) if draw.random() < section.noise else text for text in kept]
    return found


def _reservoir(stream: Iterable[str], size: int, draw: Random) -> list[str]:
    """``size`` items of a stream of unknown length, each as likely (Vitter, 1985, algorithm R)."""
    kept: list[str] = []
    for number, item in enumerate(stream):
        if number < size:
            kept.append(item)
        elif (place := draw.randrange(number + 1)) < size:
            kept[place] = item
    return kept
