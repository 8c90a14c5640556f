"""CARD.md: what a person must know before trusting a bundle. Written from records only; invents nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datasets import DatasetDict

from serving.bundle import FAMILIES, Label, Manifest, family_of
from training.finetune import TrainedModel
from training.pages import render_markdown
from training.recipe import Recipe
from training.targets import targets_of
from training.wording import decimal

#: `source` of the rows that we wrote ourselves.
OWN = "vigie"


@dataclass(frozen=True)
class Taught:
    """Who taught one label.

    Attributes:
        positives: known positive training rows.
        own: how many of them we wrote ourselves.
    """

    positives: int
    own: int


def write_card(
    path: Path, recipe: Recipe, trained: TrainedModel, manifest: Manifest, tables: DatasetDict, origin: Any
) -> None:
    """Write the card of a bundle about to be sealed. `origin` is a `training.bundling.Origin`."""
    taught = taught_by(tables, [label.key for label in manifest.labels])
    text = render_markdown(
        "training",
        "card.md.jinja",
        {"threshold": _threshold},
        manifest=manifest,
        recipe=recipe,
        trained=trained,
        origin=origin,
        taught=taught,
        rows={split: len(table) for split, table in tables.items()},
        parameters=sum(parameter.numel() for parameter in trained.model.parameters()),
        research=any(record.licence_class == "research" for record in manifest.provenance.datasets),
        own_families=own_families(taught),
        off=off_labels(manifest),
    )
    path.write_text(text, encoding="utf-8")


def taught_by(tables: DatasetDict, keys: Iterable[str]) -> dict[str, Taught]:
    """Positive training rows of each label, and how many of them are our own."""
    targets, sources = targets_of(tables["train"]), list(tables["train"]["source"])
    found = {}
    for key in keys:
        positive = targets.columns([key]).positive[:, 0]
        counted = Counter(source for source, yes in zip(sources, positive, strict=True) if yes)
        found[key] = Taught(counted.total(), sum(n for source, n in counted.items() if is_own(source)))
    return found


def is_own(source: str) -> bool:
    """Whether a row's source is our own cases (`vigie`, or one of its files)."""
    return source == OWN or source.startswith(f"{OWN}.")


def own_families(taught: dict[str, Taught]) -> tuple[str, ...]:
    """Families whose positive training rows are all ours: what they score elsewhere is unknown."""
    members = {family: [n for key, n in taught.items() if family_of(key) == family] for family in FAMILIES}
    return tuple(family for family, found in members.items() if found and all(n.own == n.positives for n in found))


def off_labels(manifest: Manifest) -> list[Label]:
    """Labels of which no level above the rest is attainable."""
    return [label for label in manifest.labels if all(point.threshold is None for point in label.operating_points)]


def _threshold(label: Label, level: str) -> str:
    found = next((point.threshold for point in label.operating_points if point.level == level), None)
    return decimal(found, 3) if found is not None else "éteint"
