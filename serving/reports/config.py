"""What a deployment says of itself and of its decisions in documents: ``configs/reports.toml``, complete."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from serving.bundle.config import Frozen, load
from serving.bundle.errors import ConfigError, nearest
from serving.bundle.taxonomy import Taxonomy
from serving.policy import Policy

Text = Annotated[str, Field(min_length=1, max_length=500)]


@cache
def values(name: str) -> tuple[str, ...]:
    """The values that the transparency database accepts, such as ``statement_categories``."""
    content: dict[str, Any] = json.loads(Path(__file__).with_name("statement_values.json").read_text(encoding="utf-8"))
    return tuple(content[name])


def among(value: str, name: str) -> str:
    """``value``, when the transparency database knows it.

    Raises:
        ValueError: names the nearest that it knows.
    """
    if value not in values(name):
        raise ValueError(f"{value!r} is not one of the transparency database's {name}{nearest(value, values(name))}")
    return value


class Organisation(Frozen):
    """Who signs."""

    name: Text
    address: Text
    email: Text
    representative: Text


class GroundWords(Frozen):
    """How the transparency database files a legal ground."""

    category: str
    keywords: tuple[str, ...]
    #: Needed with KEYWORD_OTHER.
    other: Text | None = None

    @model_validator(mode="after")
    def _known(self) -> Self:
        among(self.category, "statement_categories")
        for keyword in self.keywords:
            among(keyword, "keywords")
        return self


class Statements(Frozen):
    """How decisions become statements of reasons."""

    territorial_scope: Annotated[tuple[Annotated[str, Field(pattern=r"^[A-Z]{2}$")], ...], Field(min_length=1)]
    automated_detection: str
    automated_decision: str
    automated_decision_of_copies: str
    terms_ground: Text
    terms_explanation: Annotated[str, Field(min_length=1, max_length=2000)]
    terms_category: str
    visibility: dict[str, str]
    grounds: dict[str, GroundWords]

    @model_validator(mode="after")
    def _known(self) -> Self:
        among(self.automated_detection, "automated_detections")
        among(self.automated_decision, "automated_decisions")
        among(self.automated_decision_of_copies, "automated_decisions")
        among(self.terms_category, "statement_categories")
        for value in self.visibility.values():
            among(value, "decision_visibilities")
        return self


class ReportRules(Frozen):
    """The whole of ``configs/reports.toml``."""

    organisation: Organisation
    statements: Statements
    notices: dict[str, Text]


def load_rules(path: Path, taxonomy: Taxonomy, policy: Policy) -> ReportRules:
    """Read and check ``reports.toml`` against the grounds and actions that exist.

    Raises:
        ConfigError: names the key, the value and what was expected.
    """
    rules = load(ReportRules, path)
    grounds, actions = [ground.key for ground in taxonomy.grounds], [action.key for action in policy.actions]
    _cover(path, "statements.grounds", list(rules.statements.grounds), grounds)
    for key in (*rules.statements.visibility, *rules.notices):
        if key not in actions:
            raise ConfigError(f"{path}: action {key!r} is not in policy.toml{nearest(key, actions)}", pointer=str(path))
    return rules


def _cover(path: Path, where: str, given: list[str], wanted: list[str]) -> None:
    if missing := [key for key in wanted if key not in given]:
        raise ConfigError(f"{path}: {where} lacks {missing[0]!r}; expected every ground of taxonomy.toml")
    if unknown := [key for key in given if key not in wanted]:
        raise ConfigError(f"{path}: {where} has {unknown[0]!r}, not in taxonomy.toml{nearest(unknown[0], wanted)}")
