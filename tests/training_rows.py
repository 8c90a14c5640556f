"""Small prepared tables from our own sentences, and the tables of a recipe, for tests of training.

A sentence that holds a marker word is positive for its label, so that a tiny encoder can learn it in seconds.
"""

from __future__ import annotations

import random
import tomllib
from pathlib import Path
from typing import Any

import datasets
import numpy as np

from serving.bundle import OUTPUT_KEYS

SENTENCE = "le chat dort dehors aujourd’hui il pleut sur la ville et l’école ouvre à 8 heures demain nous mangeons"
FILLER = tuple(SENTENCE.split())
MARKERS = {"haine.origine": "chassons", "harcelement.injure": "crétin", "contexte_protege": "témoignage"}


def tables(train: int = 160, validation: int = 160, test: int = 80) -> datasets.DatasetDict:
    """Tables with the columns that training reads."""
    sizes = {"train": train, "validation": validation, "test": test}
    return datasets.DatasetDict({split: _table(split, n, seed) for seed, (split, n) in enumerate(sizes.items())})


def _table(split: str, size: int, seed: int) -> datasets.Dataset:
    generator = random.Random(seed)
    return datasets.Dataset.from_list([_row(f"{split}-{index}", generator) for index in range(size)])


def _row(row_id: str, generator: random.Random) -> dict[str, Any]:
    target, mask = np.zeros(len(OUTPUT_KEYS)), np.zeros(len(OUTPUT_KEYS))
    words = [generator.choice(FILLER) for _ in range(generator.randint(4, 14))]
    for key, marker in MARKERS.items():
        mask[OUTPUT_KEYS.index(key)] = 1
        if generator.random() < 0.35:
            words.insert(generator.randint(0, len(words)), marker)
            target[OUTPUT_KEYS.index(key)] = 1
    # Families are annotated negative where no child is positive; terrorism is only presumed absent.
    for family in ("haine", "harcelement"):
        mask[OUTPUT_KEYS.index(family)] = 1
    mask[OUTPUT_KEYS.index("terrorisme")] = 0.1
    empty = dict.fromkeys(("case_id", "functionality", "family", "target_group", "register"), "")
    known = {"target": target.tolist(), "mask": mask.tolist(), "weight": generator.choice([0.5, 1.0])}
    source = generator.choice(["vigie", "ftr"])
    return {"text": " ".join(words), "source": source, "row_id": row_id, "group": row_id} | empty | known


#: A random start of seconds.
COMPACT = {
    "vocab_size": 400,
    "lowercase": True,
    "layers": 1,
    "heads": 2,
    "hidden_size": 32,
    "intermediate_size": 48,
    "dropout": 0.0,
}


def recipe_table(root: Path) -> dict[str, Any]:
    """The shipped recipe, shrunk to seconds."""
    table = tomllib.loads((root / "configs/train/petit.toml").read_text(encoding="utf-8"))
    branch = table["encoder"]["ngrams"]
    table["encoder"] = {"kind": "compact", "pooling": "mean", "compact": dict(COMPACT), "ngrams": branch}
    table["encoder"]["ngrams"] |= {"buckets": 4096, "strength": 10.0, "encoder_share": "fitted"}
    table["training"] |= {"precision": "fp32", "noise": 0.0}
    table["training"] |= {"epochs": 8.0, "batch_size": 16, "max_tokens": 24, "learning_rate": 5e-3, "min_positives": 5}
    table["calibration"]["bootstrap"] = 20
    table["export"] |= {"window_stride": 16, "max_windows": 4}
    return table


def own_recipe_table(root: Path) -> dict[str, Any]:
    """The same on our own cases alone, one instance each: no mirror, no corpus, no network."""
    table = recipe_table(root)
    table["data"] |= {"sources": [], "own_cases": True, "instances_per_case": 1, "weights": {}}
    for section in ("ordinary", "mentions", "names", "second_reading"):
        del table["data"][section]
    table["training"] |= {"epochs": 2.0, "max_tokens": 32}
    return table
