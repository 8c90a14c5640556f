"""What people and programs send to the queue: bodies, validated and frozen. Knows nothing of SQL, HTTP or models.

Refusals name the field and what was expected, never the text.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, TypeVar

from pydantic import AfterValidator, AwareDatetime, Field, ValidationError

from serving.bundle.config import Frozen
from serving.bundle.errors import InputError, nearest


def _storable(value: str) -> str:
    """Refuse what no database column of text can hold."""
    if "\x00" in value:
        raise ValueError("contains the character U+0000, which no database stores; remove it")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError("contains a lone surrogate, which UTF-8 cannot carry; send valid Unicode") from None
    return value


def _not_blank(value: str) -> str:
    if not value.strip():
        raise ValueError("is blank; send the words to be read")
    return value


M = TypeVar("M", bound=Frozen)

Storable = Annotated[str, AfterValidator(_storable)]
Short = Annotated[Storable, Field(min_length=1, max_length=200)]
Long = Annotated[Storable, Field(max_length=20_000)]
#: Longer than what the model reads: such a case is kept, claimable, and says that it was not scored.
CaseText = Annotated[Storable, AfterValidator(_not_blank), Field(max_length=2_000_000)]
Url = Annotated[Storable, Field(min_length=1, max_length=8_192)]


class ThreadPost(Frozen):
    """One message of the conversation around a text, oldest first."""

    text: Annotated[Storable, Field(max_length=100_000)]
    author_id: Short | None = None
    at: AwareDatetime | None = None


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
    received_at: AwareDatetime | None = None
    kind: Short | None = None
    due_at: AwareDatetime | None = None


class NewCase(Frozen):
    """The body of ``POST /v1/cases``."""

    external_id: Short
    text: CaseText
    url: Url | None = None
    received_at: AwareDatetime | None = None
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


def parse_case(value: object, pointer: str = "") -> NewCase:
    """``value`` as a case, for doors that read files.

    Raises:
        InputError: names the field below ``pointer`` and what was expected, never a text.
    """
    return _parse(NewCase, value, pointer)


def parse_decision(value: object, pointer: str = "") -> DecisionForm:
    """``value`` as a decision; errors as in ``parse_case``."""
    return _parse(DecisionForm, value, pointer)


def _parse(model: type[M], value: object, pointer: str) -> M:
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise _first_fault(error, model.model_fields, pointer) from None


def _first_fault(error: ValidationError, known: Iterable[str], pointer: str) -> InputError:
    faults = error.errors(include_url=False, include_input=False)
    # A mistyped name is both unknown and missing; only the first says what to correct.
    fault = next((fault for fault in faults if fault["type"] == "extra_forbidden"), faults[0])
    path = pointer + "".join(f"/{part}" for part in fault["loc"])
    name = str(fault["loc"][-1]) if fault["loc"] else "body"
    if fault["type"] == "extra_forbidden":
        return InputError(
            f"unknown field {name[:64]!r}{nearest(name, known)}; remove it", code="unknown_field", pointer=path
        )
    if fault["type"] == "missing":
        return InputError(f"the field {name!r} is required", code="missing_field", pointer=path)
    code = "wrong_type" if fault["type"].endswith(("_type", "_parsing")) else "invalid_value"
    return InputError(f"{name}: {fault['msg']}", code=code, pointer=path)
