"""Says in words what pydantic found wrong in a body or a row: the field, what was expected, what came instead.

One translation for every door. A text never enters it: values are shown only when they are numbers, booleans or short
names out of a closed list. Knows nothing of HTTP or of files.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from .errors import nearest

_LONGEST_NAME = 64

#: Faults told one by one: a body of fifty thousand would be answered with megabytes.
MOST_FAULTS = 20

#: What pydantic's kinds of faults expected, in the words of JSON.
_EXPECTED = {
    "string_type": "a string",
    "string_unicode": "a string without lone surrogates",
    "is_instance_of": "a string",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "list_type": "an array",
    "tuple_type": "an array",
    "dict_type": "an object",
    "model_type": "an object",
    "model_attributes_type": "an object",
}

#: Bounds, with the name under which pydantic keeps the limit.
_BOUNDS = {
    "too_short": ("at least", "min_length"),
    "too_long": ("at most", "max_length"),
    "string_too_short": ("at least", "min_length"),
    "string_too_long": ("at most", "max_length"),
    "greater_than_equal": ("at least", "ge"),
    "less_than_equal": ("at most", "le"),
}


@dataclass(frozen=True)
class Culprit:
    """One thing that is wrong: a sentence, its machine name, and the JSON pointer (RFC 6901) to it."""

    detail: str
    code: str
    pointer: str | None = None

    def as_json(self) -> dict[str, str | None]:
        """``{"code", "detail", "pointer"}``, as in the answers and the files of Vigie."""
        return {"code": self.code, "detail": self.detail, "pointer": self.pointer}


def culprits_of(
    faults: Iterable[Any], *, at: tuple[str | int, ...] = (), known: Iterable[str] = ()
) -> tuple[Culprit, ...]:
    """What pydantic found wrong (``error.errors()``), each with the pointer to it below ``at``.

    Unknown fields come first: a mistyped name is both unknown and missing, and only the former says what to correct.
    Beyond ``MOST_FAULTS``, one more says how many others there are.

    Args:
        known: the fields to suggest in place of an unknown one.
    """
    names = tuple(known)
    ordered = sorted(faults, key=lambda found: found["type"] != "extra_forbidden")
    told = tuple(_culprit(found, at, names) for found in ordered[:MOST_FAULTS])
    return told + _untold(len(ordered) - len(told))


def pointer_to(path: Iterable[str | int]) -> str:
    """The JSON pointer (RFC 6901) of a path; ``~`` and ``/`` are escaped."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in path)


def kind_of(value: object) -> str:
    """What a value is in the words of JSON, with its size where it has one; never what it says."""
    if value is None:
        return "null"
    if isinstance(value, bool | int | float):
        return repr(value)[:_LONGEST_NAME]
    if isinstance(value, str):
        return f"a string of {_counted(len(value), 'character')}"
    if isinstance(value, list | tuple):
        return f"an array of {len(value)}"
    return "an object" if isinstance(value, dict) else f"a value of type {type(value).__name__}"


def _untold(count: int) -> tuple[Culprit, ...]:
    """One that stands for ``count`` others; none where there are no others."""
    said = f"{_counted(count, 'more fault')} that {'is' if count == 1 else 'are'} not listed; correct these first"
    return (Culprit(said, "more_faults"),) if count else ()


def _culprit(found: Any, at: tuple[str | int, ...], known: tuple[str, ...]) -> Culprit:
    path = (*at, *(step if isinstance(step, int) else _shown_name(step) for step in _steps(found["loc"])))
    name, pointer = _spoken(path), pointer_to(path)
    if found["type"] == "extra_forbidden":
        return Culprit(f"unknown field {name!r}{nearest(name, known)}; remove it", "unknown_field", pointer)
    if found["type"] == "missing":
        return Culprit(f"the field {name!r} is required", "missing_field", pointer)
    if expected := _EXPECTED.get(found["type"]):
        return Culprit(f"{name}: expected {expected}, got {kind_of(found['input'])}", "wrong_type", pointer)
    return Culprit(f"{name}: {_unfit(found)}", "invalid_value", pointer)


def _steps(loc: Sequence[str | int]) -> Sequence[str | int]:
    """A path as people read it: without FastAPI's name for the body, and pydantic's for a name at fault."""
    inner = [step for step in loc if step != "body"]
    return inner[:-1] if inner[-1:] == ["[key]"] else inner


def _unfit(found: Any) -> str:
    """Why a value of the right type will not do: our own sentence, a bound in words, or pydantic's sentence."""
    if found["type"] == "value_error":
        return str(found["ctx"]["error"])
    if found["type"] in _BOUNDS:
        return f"expected {_bound(found)}, got {_shown_value(found)}"
    return f"{found['msg'][:1].lower()}{found['msg'][1:]}, got {_shown_value(found)}"


def _bound(found: Any) -> str:
    words, key = _BOUNDS[found["type"]]
    limit = found["ctx"][key]
    if key in ("ge", "le"):
        return f"{words} {limit}"
    return f"{words} {_counted(limit, 'character' if isinstance(found['input'], str) else 'item')}"


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _spoken(path: Sequence[str | int]) -> str:
    """The last name of a path, with its index when it is in an array."""
    names = [number for number, step in enumerate(path) if isinstance(step, str)]
    if not names:
        return "the body"
    return str(path[names[-1]]) + "".join(f"[{step}]" for step in path[names[-1] + 1 :])


def _shown_name(step: object) -> str:
    name = "".join(char if char.isprintable() else "?" for char in str(step))
    return name if len(name) <= _LONGEST_NAME else name[:_LONGEST_NAME] + "..."


def _shown_value(found: Any) -> str:
    """The value when it cannot be a text: a number, or one word where a closed list was expected; else its kind."""
    value = found["input"]
    if not isinstance(value, str) or len(value) > 40:
        return kind_of(value)
    if found["type"] in ("literal_error", "enum") and value.isascii() and value.isprintable():
        return repr(value)
    # A query says its numbers in digits.
    numeric = found["type"] in ("greater_than_equal", "less_than_equal")
    return value if numeric and value.lstrip("-").isdecimal() else kind_of(value)
