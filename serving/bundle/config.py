"""Reads TOML into frozen pydantic models, with errors that name file, key, value and expectation."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from .errors import ConfigError, nearest

#: Entries of an object whose names the sender chooses, elements of a short list.
MOST_ENTRIES = 64

#: Unknown keys of one object that are looked at one by one.
_MOST_UNKNOWN = 20

Key = TypeVar("Key")
Value = TypeVar("Value")


def _few(value: object) -> object:
    """Refuse too many entries before any is looked at: pydantic counts those of an object last."""
    if isinstance(value, dict) and len(value) > MOST_ENTRIES:
        raise ValueError(f"holds {len(value)} names; expected at most {MOST_ENTRIES}")
    return value


#: An object whose names the sender chooses, and a short list.
Named = Annotated[dict[Key, Value], Field(max_length=MOST_ENTRIES), BeforeValidator(_few)]
Few = Annotated[list[Value], Field(max_length=MOST_ENTRIES)]


class Frozen(BaseModel):
    """Base of every model people write or read: immutable, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _no_crowd(cls, value: object) -> object:
        """Refuse a crowd of unknown keys before pydantic lists them, which takes seconds for some ten thousands."""
        if isinstance(value, dict) and len(value) > len(cls.model_fields) + _MOST_UNKNOWN:
            raise ValueError(
                f"holds {len(value)} keys, of which at most {len(cls.model_fields)} are known; remove the rest"
            )
        return value


M = TypeVar("M", bound=BaseModel)


def read_toml(path: Path) -> dict[str, Any]:
    """The table in ``path``.

    Raises:
        ConfigError: the file is missing, unreadable or not TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file; expected a TOML file", pointer=str(path)) from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path}: not readable as TOML: {error}", pointer=str(path)) from None


def validate(model: type[M], table: dict[str, Any], source: str | Path) -> M:
    """``table`` as a ``model``; the first fault is raised in words.

    Raises:
        ConfigError: names the source, the dotted key, the value and what was expected.
    """
    try:
        return model.model_validate(table)
    except ValidationError as error:
        raise ConfigError(_explain(error, model, source), pointer=str(source)) from None


def load(model: type[M], path: Path) -> M:
    """``validate`` of the TOML file at ``path``."""
    return validate(model, read_toml(path), path)


def _explain(error: ValidationError, model: type[BaseModel], source: str | Path) -> str:
    # A misspelt key is both unknown and missing: the first says more.
    fault = min(error.errors(include_url=False), key=lambda found: found["type"] != "extra_forbidden")
    key = ".".join(str(part) for part in fault["loc"]) or "(top level)"
    if fault["type"] == "extra_forbidden":
        known = _known_keys(model, fault["loc"][:-1])
        return f"{source}: unknown key {key!r}{nearest(str(fault['loc'][-1]), known)}; known keys: {', '.join(known)}"
    if fault["type"] == "missing":
        return f"{source}: key {key!r} is missing"
    return f"{source}: {key} = {_shown(fault.get('input'))}: {fault['msg']}"


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _known_keys(model: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    """Field names of the model that ``location`` walks to inside ``model``."""
    current: type[BaseModel] = model
    for part in location:
        by_key = {field.alias or name: field for name, field in current.model_fields.items()}
        if isinstance(part, str) and part in by_key:
            current = _inner_model(by_key[part].annotation) or current
    return sorted(field.alias or name for name, field in current.model_fields.items())


def _inner_model(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for arg in get_args(annotation) if (found := _inner_model(arg))), None)
