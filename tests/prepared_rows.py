"""Prepared rows of our own for the tiny bundle: what ``training.data.prepare`` would hand over, in miniature."""

from __future__ import annotations

import random
from types import SimpleNamespace

from datasets import Dataset, DatasetDict

from serving.bundle import OUTPUT_KEYS, DatasetRecord

FILLER = [
    "le",
    "train",
    "de",
    "midi",
    "arrive",
    "toujours",
    "avec",
    "un",
    "peu",
    "de",
    "retard",
    "sous",
    "la",
    "pluie",
    "fine",
    "du",
    "matin",
]
#: Word the tiny bundle knows -> labels that are true where it stands.
SIGNS = {
    "haine": ("haine",),
    "menace": ("terrorisme", "terrorisme.menace"),
    "insulte": ("harcelement",),
    "citation": ("contexte_protege",),
}


def make_prepared(seed: int = 0) -> SimpleNamespace:
    """Three splits of two public-looking sources and of our own cases; one row in eight contradicts its sign."""
    rng = random.Random(seed)
    tables = {name: _table(rng, rows, name) for name, rows in (("train", 240), ("validation", 240), ("test", 320))}
    records = [
        DatasetRecord(name=n, sha256="0" * 64, licence="MIT", licence_class="open", rows=400) for n in ("a", "b")
    ]
    return SimpleNamespace(tables=DatasetDict(tables), records=records)


def _table(rng: random.Random, rows: int, split: str) -> Dataset:
    lines = [_public(rng, number) for number in range(rows)]
    lines += [_own(rng, case, instance) for case in range(48) for instance in range(2)]
    for number, line in enumerate(lines):
        line["row_id"] = f"{split}-{number}"
        line["group"] = f"{split}-{line['group']}"
    return Dataset.from_list(lines)


def _public(rng: random.Random, number: int) -> dict:
    sign = rng.choice([*SIGNS, "", ""])
    truth = set(SIGNS.get(sign, ())) if rng.random() < 0.875 else set(rng.choice(list(SIGNS.values())))
    source = "a" if number % 2 else "b"
    # Source b annotates hatred only; the rest is unknown there, and terrorism is presumed absent.
    masks = dict.fromkeys(OUTPUT_KEYS, 1.0) if source == "a" else {"haine": 1.0, "terrorisme": 0.1}
    return _line(rng, sign, truth, masks, source=source, group=f"g{number // 2}", weight=1.0 if source == "a" else 0.5)


def _own(rng: random.Random, case: int, instance: int) -> dict:
    family, harmful = ("haine", "terrorisme", "harcelement")[case % 3], case % 2 == 0
    sign = {"haine": "haine", "terrorisme": "menace", "harcelement": "insulte"}[family]
    if case % 8 == 7:
        sign = "citation"
    shown = sign if harmful or case % 8 == 1 else ""
    truth = set(SIGNS[sign]) if harmful and sign != "citation" else set()
    line = _line(rng, shown, truth, dict.fromkeys(OUTPUT_KEYS, 1.0), source="vigie", group=f"case{case}", weight=0.3)
    kind = "attaque" if family in truth else "innocent"
    return line | {
        "case_id": f"{family}-{case}",
        "functionality": f"{kind}_{case % 4}",
        "family": family,
        "target_group": "femmes" if case % 2 else "",
        "register": "standard",
    }


def _line(rng: random.Random, sign: str, truth: set[str], masks: dict, **known: object) -> dict:
    words = rng.choices(FILLER, k=rng.randint(2, 9))
    if sign:
        words.insert(rng.randrange(len(words)), sign)
    return {
        "text": " ".join(words),
        "case_id": "",
        "functionality": "",
        "family": "",
        "target_group": "",
        "register": "",
        "target": [float(key in truth and masks.get(key, 0) > 0) for key in OUTPUT_KEYS],
        # A presumption never holds where the label is true.
        "mask": [1.0 if key in truth and key in masks else masks.get(key, 0.0) for key in OUTPUT_KEYS],
        **known,
    }
