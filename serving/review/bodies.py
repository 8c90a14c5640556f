"""What people and programs send to the queue: bodies, validated and frozen. Knows nothing of SQL, HTTP or models.

Refusals name the field and what was expected, never the text.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field, ValidationError

from serving.bundle.config import Frozen
from serving.bundle.errors import InputError, nearest
from serving.bundle.faults import culprits_of
from serving.bundle.taxonomy import Taxonomy
from serving.policy import Policy


def _storable(value: str) -> str:
    """Refuse what no database column of text can hold."""
    if "\x00" in value:
        raise ValueError("contains the character U+0000, which no database stores; remove it")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError("contains a lone surrogate, which UTF-8 cannot carry; send valid Unicode") from None
    return value


def _written(value: object) -> object:
    """Refuse the numbers that pydantic would take for seconds since 1970: the interface says text."""
    if isinstance(value, (str, datetime)):
        return value
    raise ValueError("must be a moment as text, such as 2026-03-02T10:00:00+01:00")


def _in_our_time(value: datetime) -> datetime:
    """Refuse years that no calendar of ours can turn into UTC or add a delay to."""
    if not 1900 <= value.year <= 2999:
        raise ValueError("lies outside the years 1900 to 2999; send the moment it happened")
    return value


def _not_blank(value: str) -> str:
    if not value.strip():
        raise ValueError("is blank; send the words to be read")
    return value


Storable = Annotated[str, AfterValidator(_storable)]
Short = Annotated[Storable, Field(min_length=1, max_length=200)]
Long = Annotated[Storable, Field(max_length=20_000)]
#: Longer than what the model reads: such a case is kept, claimable, and says that it was not scored.
CaseText = Annotated[Storable, AfterValidator(_not_blank), Field(max_length=2_000_000)]
When = Annotated[AwareDatetime, BeforeValidator(_written), AfterValidator(_in_our_time)]
Url = Annotated[Storable, Field(min_length=1, max_length=8_192)]


class ThreadPost(Frozen):
    """One message of the conversation around a text, oldest first."""

    text: Annotated[Storable, Field(max_length=100_000)]
    author_id: Short | None = None
    at: When | None = None


class Reporter(Frozen):
    """Who reported; kept only as a keyed hash."""

    id: Short


class Notice(Frozen):
    """A notice in the sense of DSA art. 16(2). Name and e-mail serve its receipt and are erased with the text."""

    explanation: Long | None = None
    name: Short | None = None
    email: Short | None = None
    good_faith: bool | None = None


class Order(Frozen):
    """An authority's order.

    Attributes:
        reference: the order's own reference; it may tell the kind.
        received_at: its receipt, from which the clock runs; the queue's own receipt when absent.
        kind: key of an ``[[order]]`` of the policy, where the reference does not tell it.
        due_at: the deadline that the order itself states, if any.
    """

    authority: Short
    reference: Short
    received_at: When | None = None
    kind: Short | None = None
    due_at: When | None = None


class NewCase(Frozen):
    """The body of ``POST /v1/cases``."""

    external_id: Short
    text: CaseText
    url: Url | None = None
    received_at: When | None = None
    language: Annotated[Storable, Field(min_length=2, max_length=35)] | None = None
    reach: Annotated[int, Field(ge=0, le=10**15)] | None = None
    category: Short | None = None
    author_id: Short | None = None
    target_id: Short | None = None
    thread: Annotated[tuple[ThreadPost, ...], Field(max_length=200)] = ()
    reporter: Reporter | None = None
    notice: Notice | None = None
    order: Order | None = None


class DecisionForm(Frozen):
    """What an analyst sends to decide: a finding, its ground, an action."""

    illegal: bool
    #: Key of a ground of the taxonomy; needed when ``illegal``.
    ground: Annotated[str, Field(max_length=200)] | None = None
    action: Annotated[str, Field(max_length=200)]
    note: Long = ""


class NoteForm(Frozen):
    """What an analyst writes for colleagues."""

    text: Annotated[Long, AfterValidator(_not_blank)]


def parse_note(text: str) -> str:
    """``text`` as a note.

    Raises:
        InputError: it is blank, too long or not storable; never quotes it.
    """
    try:
        return NoteForm(text=text).text
    except ValidationError as error:
        first = culprits_of(error.errors(), known=NoteForm.model_fields)[0]
        raise InputError(first.detail, code=first.code, pointer=first.pointer) from None


def parse_case(value: object) -> NewCase:
    """``value`` as a case, for doors that read files.

    Raises:
        InputError: names the first field that is wrong and what was expected, never a text.
    """
    try:
        return NewCase.model_validate(value)
    except ValidationError as error:
        first = culprits_of(error.errors(), known=NewCase.model_fields)[0]
        raise InputError(first.detail, code=first.code, pointer=first.pointer) from None


def check_decision(form: DecisionForm, policy: Policy, taxonomy: Taxonomy) -> None:
    """Whether a decision makes sense.

    Raises:
        InputError: the ground or the action is unknown, or they contradict the finding.
    """
    action = policy.action(form.action)
    if action is None:
        known = [offered.key for offered in policy.offered_actions()]
        detail = f"action {form.action!r} is unknown{nearest(form.action, known)}; expected one of {', '.join(known)}"
        raise InputError(detail, code="unknown_action", pointer="/action")
    finding = "illegal" if form.illegal else "legal"
    if finding not in action.after:
        detail = f"action {form.action!r} does not follow a finding of {finding}; choose another"
        raise InputError(detail, code="contradiction", pointer="/action")
    if form.ground is None and form.illegal:
        raise InputError("ground is required when illegal is true", code="missing_ground", pointer="/ground")
    if form.ground is not None and taxonomy.ground(form.ground) is None:
        known = [ground.key for ground in taxonomy.grounds]
        detail = f"ground {form.ground!r} is unknown{nearest(form.ground, known)}; take a key of the taxonomy's grounds"
        raise InputError(detail, code="unknown_ground", pointer="/ground")
