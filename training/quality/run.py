"""One reading of the labels of a recipe's sources, from cards to its report. The wiring; doubts nothing itself."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from serving.bundle import OUTPUT_KEYS, InputError, load_taxonomy
from serving.bundle.errors import nearest
from serving.settings import Settings
from training.data.cards import Card, check_allowed, load_cards, pick
from training.data.cases import load_cases
from training.data.cleaning import Probabilities, out_of_fold
from training.data.examples import OWN, Example, own_examples, source_examples
from training.data.recipe import CleaningSection
from training.data.second_reading import FOLDER, Reading, load_readings
from training.data.truth import places
from training.evaluation.records import write_json
from training.recipe import load_recipe

from .agreement import agreements
from .doubt import LEAST, noise
from .page import write_report
from .records import LabelQuality, SourceQuality

log = logging.getLogger(__name__)

JSON, HTML = "labels.json", "labels.html"


@dataclass(frozen=True)
class Asked:
    """What is asked of the labels.

    Attributes:
        recipe: file; its sources are read, as published, whatever its second reading or cleaning would change.
        sources: some of them; all when empty.
        folds: parts of the rows, whole groups each; a model learns from the others.
        most: suspects listed for each label of each source.
    """

    recipe: Path
    out: Path
    sources: tuple[str, ...] = ()
    folds: int = 5
    most: int = 20
    show_text: bool = False


def read_labels(settings: Settings, asked: Asked) -> LabelQuality:
    """Judge the labels; write ``labels.json`` and ``labels.html``.

    Raises:
        VigieError: of the part that failed.
        InputError: a source that the recipe does not have.
    """
    started = time.monotonic()
    recipe = load_recipe(asked.recipe)
    cards = _cards(recipe.data.sources, settings, asked, recipe.licence_classes)
    published = {name: source_examples(card, settings)[0] for name, card in cards.items()}
    own = load_cases(settings.datasets / OWN) if recipe.data.own_cases else None
    everything = [example for rows in published.values() for example in rows]
    everything += [e for e in own_examples(own, 1, recipe.seed) if not e.held_out] if own else []
    labels = _labels(published)
    if not labels:
        raise InputError(f"no label of {', '.join(cards)} has {LEAST} annotations of either answer; name other sources")
    log.info("labels: %d rows in %d folds, %s", len(everything), asked.folds, ", ".join(labels))
    believed = _believed(everything, tuple(cards), labels, asked.folds, recipe.seed)
    titles = {output.key: output.title for output in load_taxonomy(settings.taxonomy_path).outputs}
    done = LabelQuality(
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        recipe=recipe.name,
        seed=recipe.seed,
        folds=asked.folds,
        rows=len(everything),
        show_text=asked.show_text,
        sources=tuple(
            _source(card, published[name], believed[name], _readings(settings, name), titles, asked)
            for name, card in cards.items()
        ),
        seconds=round(time.monotonic() - started, 1),
    )
    write_json(done, asked.out / JSON)
    write_report(done, asked.out / HTML)
    return done


def _cards(known: Sequence[str], settings: Settings, asked: Asked, classes: Sequence[str]) -> dict[str, Card]:
    if unknown := [name for name in asked.sources if name not in known]:
        hint = nearest(unknown[0], list(known))
        raise InputError(f"--sources {unknown[0]!r} is not of the recipe{hint}; expected some of {', '.join(known)}")
    cards = load_cards(settings.datasets)
    chosen = {name: pick(cards, name) for name in asked.sources or known}
    for card in chosen.values():
        check_allowed(card, tuple(classes))
    return chosen


def _labels(published: Mapping[str, Sequence[Example]]) -> list[str]:
    """Labels that some source annotates with both answers often enough to be judged."""
    found = set()
    for rows in published.values():
        target, mask = (np.stack([getattr(e.truth, name) for e in rows]) for name in ("target", "mask"))
        sides = [((mask >= 1) & (target > 0.5)).sum(axis=0), ((mask >= 1) & (target <= 0.5)).sum(axis=0)]
        found |= {key for key in OUTPUT_KEYS if min(side[places([key])[0]] for side in sides) >= LEAST}
    return [key for key in OUTPUT_KEYS if key in found]


def _believed(
    everything: Sequence[Example], sources: tuple[str, ...], labels: Sequence[str], folds: int, seed: int
) -> dict[str, dict[str, Probabilities]]:
    """Source -> label -> probabilities of its rows, each by a model that learnt from other groups."""
    section = CleaningSection(sources=sources, labels=tuple(labels), method="confident", folds=folds, most=0.4)
    found = out_of_fold(everything, section, seed)
    origin = np.array([example.source for example in everything])
    return {name: {key: found[origin == name, n] for n, key in enumerate(labels)} for name in sources}


def _readings(settings: Settings, name: str) -> dict[str, Reading]:
    """Our second reading of a source; none where there is no file."""
    return load_readings(settings.datasets, name) if (settings.datasets / FOLDER / f"{name}.csv").is_file() else {}


def _source(
    card: Card,
    rows: Sequence[Example],
    believed: Mapping[str, Probabilities],
    readings: Mapping[str, Reading],
    titles: Mapping[str, str],
    asked: Asked,
) -> SourceQuality:
    judged = (
        noise(rows, chances, key, titles[key], readings, most=asked.most, show_text=asked.show_text)
        for key, chances in believed.items()
    )
    return SourceQuality(
        name=card.name,
        title=card.title,
        licence=card.licence,
        rows=len(rows),
        reread=len(readings),
        agreements=agreements(rows, readings, titles),
        noise=tuple(found for found in judged if found),
    )
