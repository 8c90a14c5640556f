"""Statements of reasons (DSA art. 17) for the transparency database: ``POST /api/v1/statements``, 100 at most.

Rules and values: StatementStoreRequest.php and Statement.php of digital-services-act/transparency-database at 69e80a0b.
No text, name or account leaves in them: facts are told in general words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import Field, model_validator

from serving.bundle.config import Frozen
from serving.bundle.taxonomy import Ground, Taxonomy
from serving.review.records import KeyKind
from serving.review.reporting import Handled

from .config import ReportRules, among

BATCH = 100
Short = Annotated[str, Field(min_length=1, max_length=500)]
_ILLEGAL, _INCOMPATIBLE = "DECISION_GROUND_ILLEGAL_CONTENT", "DECISION_GROUND_INCOMPATIBLE_CONTENT"


class Statement(Frozen):
    """One statement with the database's own rules; only fields that a text service needs."""

    decision_visibility: Annotated[tuple[str, ...], Field(min_length=1)]
    decision_ground: str
    illegal_content_legal_ground: Short | None = None
    illegal_content_explanation: Annotated[str, Field(min_length=1, max_length=2000)] | None = None
    incompatible_content_ground: Short | None = None
    incompatible_content_explanation: Annotated[str, Field(min_length=1, max_length=2000)] | None = None
    incompatible_content_illegal: Literal["Yes", "No"] | None = None
    content_type: tuple[str, ...] = ("CONTENT_TYPE_TEXT",)
    category: str
    category_specification: tuple[str, ...] = ()
    category_specification_other: Short | None = None
    territorial_scope: tuple[str, ...]
    content_language: Annotated[str, Field(pattern=r"^[A-Z]{2}$")] | None = None
    content_date: date
    application_date: date
    decision_facts: Annotated[str, Field(min_length=1, max_length=5000)]
    source_type: str
    automated_detection: str
    automated_decision: str
    puid: Annotated[str, Field(max_length=500, pattern=r"^[a-zA-Z0-9_-]+$")]

    @model_validator(mode="after")
    def _values(self) -> Self:
        for value in self.decision_visibility:
            among(value, "decision_visibilities")
        for value in self.content_type:
            among(value, "content_types")
        for value in self.category_specification:
            among(value, "keywords")
        among(self.decision_ground, "decision_grounds")
        among(self.category, "statement_categories")
        among(self.source_type, "source_types")
        among(self.automated_detection, "automated_detections")
        among(self.automated_decision, "automated_decisions")
        return self

    @model_validator(mode="after")
    def _grounded(self) -> Self:
        illegal = (self.illegal_content_legal_ground, self.illegal_content_explanation)
        terms = (self.incompatible_content_ground, self.incompatible_content_explanation)
        needed, refused = (illegal, terms) if self.decision_ground == _ILLEGAL else (terms, illegal)
        if not all(needed) or any(refused):
            raise ValueError(f"{self.decision_ground} needs its own ground and explanation, and no other's")
        if not date(2000, 1, 1) <= self.content_date <= date(2038, 1, 1):
            raise ValueError("content_date must lie between 2000-01-01 and 2038-01-01")
        if not date(2020, 1, 1) <= self.application_date <= date(2038, 1, 1):
            raise ValueError("application_date must lie between 2020-01-01 and 2038-01-01")
        return self


def statements(found: Iterable[Handled], rules: ReportRules, taxonomy: Taxonomy, zone: ZoneInfo) -> list[Statement]:
    """One statement for each decision that restricts content."""
    told = [case for case in found if case.action in rules.statements.visibility]
    return [_statement(case, rules, taxonomy, zone) for case in told]


def batches(made: list[Statement]) -> list[dict[str, list[dict[str, object]]]]:
    """Bodies to post, each all or nothing; absent fields are left out."""
    bodies = [one.model_dump(mode="json", exclude_none=True) for one in made]
    return [{"statements": bodies[at : at + BATCH]} for at in range(0, len(bodies), BATCH)]


def _statement(case: Handled, rules: ReportRules, taxonomy: Taxonomy, zone: ZoneInfo) -> Statement:
    given = rules.statements
    ground = taxonomy.ground(case.ground) if case.illegal and case.ground else None
    words = given.grounds[ground.key] if ground else None
    grounded = _illegal(ground) if ground else _incompatible(rules)
    return Statement(
        **grounded,
        decision_visibility=(given.visibility[case.action],),
        category=words.category if words else given.terms_category,
        category_specification=words.keywords if words else (),
        category_specification_other=words.other if words else None,
        territorial_scope=given.territorial_scope,
        content_language=_language(case.language),
        content_date=(case.received_at or case.created_at).astimezone(zone).date(),
        application_date=case.in_effect_since(given.visibility.get).astimezone(zone).date(),
        decision_facts=_facts(case),
        source_type=_source(case),
        automated_detection=given.automated_detection,
        automated_decision=given.automated_decision_of_copies if case.copied else given.automated_decision,
        puid=f"{case.case_id}-{case.decision_id}",
    )


def _illegal(ground: Ground) -> dict[str, Any]:
    explanation = f"Le contenu relève de la qualification suivante : {ground.title} ({ground.text})."
    return {
        "decision_ground": _ILLEGAL,
        "illegal_content_legal_ground": ground.text,
        "illegal_content_explanation": explanation,
    }


def _incompatible(rules: ReportRules) -> dict[str, Any]:
    return {
        "decision_ground": _INCOMPATIBLE,
        "incompatible_content_ground": rules.statements.terms_ground,
        "incompatible_content_explanation": rules.statements.terms_explanation,
        "incompatible_content_illegal": "No",
    }


def _facts(case: Handled) -> str:
    came = {
        KeyKind.AUTHORITY: "Le contenu a été signalé par une autorité.",
        KeyKind.TRUSTED_FLAGGER: "Le contenu a été signalé par un signaleur de confiance.",
        KeyKind.PLATFORM: "Le contenu a été signalé." if case.reported else "Le contenu a été relevé par le service.",
    }[case.key_kind]
    if case.copied:
        return f"{came} Son texte est égal à un texte déjà examiné par une personne ; la même décision s’applique."
    again = " après réclamation" if case.on_appeal else ""
    return f"{came} Il a été examiné par une personne{again}, qui a pris la décision au vu du texte et de son contexte."


def _source(case: Handled) -> str:
    if case.key_kind is KeyKind.TRUSTED_FLAGGER:
        return "SOURCE_TRUSTED_FLAGGER"
    if case.key_kind is KeyKind.AUTHORITY:
        return "SOURCE_TYPE_OTHER_NOTIFICATION"
    return "SOURCE_ARTICLE_16" if case.reported else "SOURCE_VOLUNTARY"


def _language(tag: str | None) -> str | None:
    """The two-letter code of a language tag, if it has one."""
    found = re.match(r"([a-zA-Z]{2})(?:[-_]|$)", tag or "")
    return found.group(1).upper() if found else None
