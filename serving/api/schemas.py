"""The bodies of the HTTP interface. Knows their shapes and how a body becomes one; not what is done with them."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, InstanceOf, ValidationError, WithJsonSchema
from starlette.requests import Request

from serving.bundle.config import Few, Frozen
from serving.bundle.errors import InputError
from serving.bundle.faults import culprits_of

from .problems import InvalidBody

Model = TypeVar("Model", bound=BaseModel)

#: What ``include`` may ask for.
Include = Literal["levels", "receipt", "spans"]


#: Characters of an item's id.
LONGEST_ID = 200


class Body(Frozen):
    """A body that refuses unknown fields and silent conversions."""

    model_config = ConfigDict(strict=True)


class ScoreItem(Body):
    """One text to score.

    The text is any JSON string: control characters and lone surrogates are normalised like everywhere in Vigie.
    """

    id: Annotated[str, Field(max_length=LONGEST_ID)] | None = None
    text: InstanceOf[str]


ITEMS_SCHEMA = {"type": "array", "minItems": 1, "items": ScoreItem.model_json_schema()}


class ScoreRequest(Body):
    """``POST /v1/score``. Items are checked one by one, so that a bad one never fails the others."""

    items: Annotated[list[Any], Field(min_length=1), WithJsonSchema(ITEMS_SCHEMA)]
    include: Few[Include] = Field(["levels"])


class Remark(Body):
    """What may come with a move: a note that every reader of the case sees."""

    note: Annotated[str, Field(max_length=20_000)] = ""


class Escalation(Remark):
    """Why a case is passed on; ``vital`` when a life may be in danger."""

    vital: bool = False


async def json_body(request: Request, *, empty: Any = None) -> Any:
    """The JSON value of the request's body; ``empty`` (when given) stands for no body at all.

    Raises:
        InputError: not JSON; the message tells where reading stopped, never what stood there.
    """
    raw = await request.body()
    if not raw and empty is not None:
        return empty
    if not raw:
        raise InputError("the body is empty; send JSON, as docs/api.md shows", code="invalid_json")
    try:
        return json.loads(raw.decode("utf-8-sig"), parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        detail = f"the body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}"
    except UnicodeDecodeError as error:
        detail = f"the body is not UTF-8: byte {error.start} cannot be read; send JSON in UTF-8"
    except RecursionError:
        detail = "the body is nested too deeply; see docs/api.md for its shape"
    except ValueError:
        detail = "the body holds a number that is not JSON or is too long; send numbers as JSON has them"
    raise InputError(detail, code="invalid_json")


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


def parse(model: type[Model], value: object, *, at: tuple[str | int, ...] = ()) -> Model:
    """``value`` as a ``model``.

    Raises:
        InvalidBody: names every field that is wrong, with pointers below ``at``.
    """
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise InvalidBody(culprits_of(error.errors(include_url=False), at=at, known=model.model_fields)) from None
