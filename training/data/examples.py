"""Examples: a prepared text with its truth and its origin, whatever it comes from. The one currency of this package."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from serving.bundle import prepare
from serving.settings import Settings

from .cards import Card
from .cases import OwnCases, Role
from .fetch import fetch
from .instances import write_instances
from .readers import READERS
from .truth import Truth, of_case, of_values

#: Source name of our own cases.
OWN = "vigie"


@dataclass(frozen=True, slots=True)
class Example:
    """One row before it is split.

    Attributes:
        text: as ``serving.bundle.prepare`` leaves it, never empty.
        group: rows of one group stay in one split.
        held_out: one of our own cases that is never learnt from.
    """

    text: str
    source: str
    row_id: str
    group: str
    truth: Truth
    case_id: str = ""
    functionality: str = ""
    family: str = ""
    target_group: str = ""
    register: str = ""
    held_out: bool = False


def source_examples(card: Card, settings: Settings) -> tuple[list[Example], Counter[str]]:
    """Every usable row of a source in its order, and counts of what its reader met (``read``: rows read)."""
    reading = READERS[card.reader](fetch(card, settings))
    notes = Counter(reading.notes)
    notes["read"] = len(reading.rows)
    examples = []
    for row in reading.rows:
        text = prepare(row.text)
        if not text:
            notes["empty_text"] += 1
            continue
        truth = of_values(card, row.values)
        examples.append(Example(text, card.name, f"{card.name}/{row.key}", f"{card.name}/{row.group}", truth))
    return examples, notes


def own_examples(cases: OwnCases, most: int, seed: int) -> list[Example]:
    """Instances of our own cases, at most ``most`` of each; their group is, for now, their case."""
    return [
        Example(
            text=prepare(instance.text),
            source=OWN,
            row_id=f"{OWN}/{case.id}/{instance.number}",
            group=f"{OWN}/{case.id}",
            truth=of_case(instance.labels, case.unknown),
            case_id=case.id,
            functionality=case.functionality.key,
            family=case.family,
            target_group=instance.group,
            register=case.register.value,
            held_out=case.role is Role.HELD_OUT,
        )
        for case in cases.cases
        for instance in write_instances(case, cases.lexicon, most, seed)
    ]
