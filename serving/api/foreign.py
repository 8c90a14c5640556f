"""What other services' clients are answered: OpenAI's and Perspective's shapes, for the OpenAPI document.

Where ``vigie`` stands, it is ours and their clients pass over it. Knows shapes; the answers are made by the façades.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from serving.answers import BundleId, Flags, Levels, Probability, Scores

# --- OpenAI -----------------------------------------------------------------------------------------------------------


class TextLabels(BaseModel):
    """What Vigie itself says of a text."""

    labels: Scores
    levels: Levels
    flags: Flags


class ModerationResult(BaseModel):
    """One text, or one message. A category without a label is false and 0.0, and applied to nothing."""

    flagged: bool
    categories: dict[str, bool]
    category_scores: dict[str, Probability]
    category_applied_input_types: dict[str, list[Literal["text"]]]
    vigie: TextLabels


class CategoryNotes(BaseModel):
    """The bundle, categories without a label, and those of which labels cover a part."""

    bundle: BundleId
    not_scored: list[str]
    partial: list[str]


class Moderation(BaseModel):
    """``/v1/moderations``."""

    id: Annotated[str, Field(pattern="^modr-")]
    model: str
    results: list[ModerationResult]
    vigie: CategoryNotes


class OpenAIFault(BaseModel):
    """A refusal in OpenAI's words."""

    message: str
    type: str
    param: str | None
    code: str | None


class OpenAIError(BaseModel):
    """Every refusal of the OpenAI façade."""

    error: OpenAIFault


# --- Perspective ------------------------------------------------------------------------------------------------------


class AttributeScore(BaseModel):
    """A calibrated probability."""

    value: Probability
    type: Literal["PROBABILITY"]


class AttributeSpan(BaseModel):
    """The score of a part of the comment, in code points."""

    begin: Annotated[int, Field(ge=0)]
    end: Annotated[int, Field(ge=0)]
    score: AttributeScore


class AttributeAnswer(BaseModel):
    """One attribute that was asked for."""

    model_config = ConfigDict(title="AttributeScores")

    summaryScore: AttributeScore  # noqa: N815 - their names
    spanScores: list[AttributeSpan]  # noqa: N815


class AttributeNotes(BaseModel):
    """The bundle, attributes of which our labels cover a part, and how the text was read."""

    bundle: BundleId
    partial: list[str]
    flags: Flags


class AnalyzeAnswer(BaseModel):
    """``comments:analyze``. Attributes below their own threshold are left out."""

    attributeScores: dict[str, AttributeAnswer]  # noqa: N815
    languages: list[str]
    #: Where no language was named: ``und`` when it is surely not French.
    detectedLanguages: list[Literal["fr", "und"]] = []  # noqa: N815
    clientToken: str = ""  # noqa: N815
    vigie: AttributeNotes


class SuggestAnswer(BaseModel):
    """``comments:suggestscore``."""

    clientToken: str = ""  # noqa: N815
    requestedLanguages: list[str] = []  # noqa: N815


class GoogleFault(BaseModel):
    """A refusal in Google's words; Perspective's own ``errorType`` is among the details."""

    code: int
    message: str
    status: str
    details: list[dict[str, Any]] = []


class GoogleError(BaseModel):
    """Every refusal of the Perspective façade."""

    error: GoogleFault
