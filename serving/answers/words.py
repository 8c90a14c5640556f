"""What answers are made of: their base, the words of their lists, and the refusal that every route shares."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema


class Answer(BaseModel):
    """Base of every record: frozen; says nothing of an answer's content when it does not fit."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


def _one_of(*words: str) -> Any:
    """A string for those who read, one of ``words`` for those who check."""
    return WithJsonSchema({"type": "string", "enum": list(words)})


Level = Annotated[str, _one_of("tres_probable", "probable", "possible", "peu_probable")]
Status = Annotated[str, _one_of("scored", "error")]
State = Annotated[str, _one_of("received", "scored", "claimed", "decided", "second_review", "appealed", "closed")]
KeyKind = Annotated[str, _one_of("platform", "authority", "trusted_flagger")]
Probability = Annotated[float, Field(ge=0, le=1)]
BundleId = Annotated[str, Field(pattern="^sha256:[0-9a-f]{64}$")]
Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
#: On a text, or what people wrote about it: never in a representation, hence never in a log.
UNSHOWN = Field(repr=False)

#: A probability for each of the 22 keys; None where the bundle was not trained on it.
Scores = dict[str, Probability | None]
#: The level of each family and of ``contexte_protege``; None likewise.
Levels = dict[str, Level | None]


class Fault(Answer):
    """One thing that is wrong: a machine name, a sentence, and the JSON pointer to it."""

    code: str
    detail: str
    pointer: str | None


class Problem(Answer):
    """Why a request was refused (RFC 9457). A text is never quoted."""

    type: str
    title: str
    status: Annotated[int, Field(ge=400, le=599)]
    detail: str
    code: str
    pointer: str | None
    instance: str | None
    request_id: str | None
    #: Everything that is wrong, where there are several things.
    errors: tuple[Fault, ...] = ()
