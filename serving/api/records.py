"""Records of the queue as JSON values. Knows dataclasses; nothing of routes."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from enum import Enum
from typing import Any

from serving.review import Case


def case_json(case: Case) -> dict[str, Any]:
    """A case with the fields of its row at the top."""
    body = as_json(case)
    return {**body.pop("row"), **body}


def as_json(value: Any) -> Any:
    """Frozen records as JSON values: times in ISO 8601 with their offset, enums by value."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {part.name: as_json(getattr(value, part.name)) for part in dataclasses.fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, dict):
        return {key: as_json(part) for key, part in value.items()}
    return [as_json(part) for part in value] if isinstance(value, list | tuple) else value
