"""The harms people agreed on: the output keys of every model, and the legal grounds that people choose.

Authored as data in ``configs/taxonomy.toml``; a bundle carries its own copy of what its model was trained on.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from .config import Frozen, load

FAMILIES = ("haine", "terrorisme", "harcelement")

#: Exactly these keys, in this order, everywhere: taxonomy, bundle, JSON and data files.
OUTPUT_KEYS = (
    "haine",
    "haine.origine",
    "haine.religion",
    "haine.genre",
    "haine.orientation",
    "haine.identite_genre",
    "haine.handicap",
    "haine.autre",
    "terrorisme",
    "terrorisme.apologie",
    "terrorisme.sollicitation",
    "terrorisme.recrutement",
    "terrorisme.instructions",
    "terrorisme.menace",
    "harcelement",
    "harcelement.injure",
    "harcelement.menace",
    "harcelement.denigrement",
    "harcelement.sexuel",
    "contexte_protege",
    "toxicite",
    "vulgarite",
)

#: Keys whose level is announced: the three families and the protected context.
LEVELED = (*FAMILIES, "contexte_protege")

GROUND_PREFIXES = ("loi1881.", "cp.", "tco.")


def family_of(key: str) -> str | None:
    """The family a key belongs to, itself included; None outside the three families."""
    head = key.partition(".")[0]
    return head if head in FAMILIES else None


def with_parents(keys: Iterable[str]) -> set[str]:
    """``keys`` and their families: a known positive child makes its family positive."""
    found = set(keys)
    return found | {family for key in found if (family := family_of(key))}


class Output(Frozen):
    """One model output, as people agreed on it."""

    key: str
    title: str = Field(description="French, shown to analysts")
    definition: str
    examples: tuple[str, ...] = Field(min_length=1)
    counter_examples: tuple[str, ...] = Field(min_length=1)
    #: Weight of the harm in the queue, 0 to 10; none for outputs that only feed façades or lower priority.
    severity: Annotated[float, Field(gt=0, le=10)] | None = None


class Ground(Frozen):
    """One legal ground of a decision, chosen by people, never a model output."""

    key: str
    title: str
    text: str = Field(description="the law's reference")
    #: The family whose cases it usually qualifies; empty for a category that only people qualify.
    family: str = ""

    @model_validator(mode="after")
    def _prefixed(self) -> Ground:
        if not self.key.startswith(GROUND_PREFIXES):
            raise ValueError(f"ground {self.key!r} must start with one of {', '.join(GROUND_PREFIXES)}")
        if self.family and self.family not in FAMILIES:
            raise ValueError(f"family {self.family!r} of ground {self.key!r} must be one of {', '.join(FAMILIES)}")
        return self


class Taxonomy(Frozen):
    """The whole of ``configs/taxonomy.toml``."""

    version: str
    outputs: tuple[Output, ...] = Field(alias="output")
    grounds: tuple[Ground, ...] = Field(alias="ground")

    @model_validator(mode="after")
    def _exact_keys(self) -> Taxonomy:
        keys = tuple(output.key for output in self.outputs)
        if keys != OUTPUT_KEYS:
            wrong = next((pair for pair in zip(keys, OUTPUT_KEYS, strict=False) if pair[0] != pair[1]), None)
            raise ValueError(f"outputs must be the {len(OUTPUT_KEYS)} keys in order; found {len(keys)}, first {wrong}")
        grounds = [ground.key for ground in self.grounds]
        if repeated := {key for key in grounds if grounds.count(key) > 1}:
            raise ValueError(f"grounds given twice: {', '.join(sorted(repeated))}")
        return self

    def output(self, key: str) -> Output:
        """The output named ``key`` (KeyError when there is none)."""
        return self.outputs[OUTPUT_KEYS.index(key)] if key in OUTPUT_KEYS else _missing(key)

    def ground(self, key: str) -> Ground | None:
        """The ground named ``key``, if any."""
        return next((ground for ground in self.grounds if ground.key == key), None)


def _missing(key: str) -> Output:
    raise KeyError(key)


def load_taxonomy(path: Path) -> Taxonomy:
    """Read and check ``taxonomy.toml``.

    Raises:
        ConfigError: names the key and what was expected.
    """
    return load(Taxonomy, path)
