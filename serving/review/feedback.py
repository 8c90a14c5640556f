"""Texts that somebody says should have been scored otherwise: kept for training until retention ends.

Knows nothing of models. A suggestion about a case goes with the case's text; the others go by age.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, Self

from pydantic import Field, ValidationError
from sqlalchemy import Connection, delete, insert, select

from serving.bundle.config import Frozen
from serving.bundle.errors import InputError
from serving.bundle.faults import culprits_of
from serving.bundle.taxonomy import OUTPUT_KEYS

from .bodies import Storable
from .keyed import keyed_or_none
from .places import Rules
from .records import Feedback, Source
from .tables import StoredRow, cases, feedback

_BATCH = 500


class NewFeedback(Frozen):
    """A better score for a text.

    Attributes:
        labels: value from 0 to 1 of each of our labels that is spoken of.
        channel: where it comes from, such as ``perspective``; the column ``source``.
        weight: against 1 for a decision of an analyst.
        provenance: what was said in the channel's own words; no text.
        external_id: the sender's own name for the text; kept as a keyed hash, and links to the case it names, if any.
    """

    text: Annotated[Storable, Field(min_length=1, max_length=100_000)]
    labels: dict[str, Annotated[float, Field(ge=0, le=1)]]
    channel: Annotated[str, Field(pattern=r"^[a-z_]{1,32}$")]
    weight: Annotated[float, Field(gt=0, le=1)]
    provenance: dict[str, Any]
    external_id: str | None = None

    @classmethod
    def of(cls, **fields: Any) -> Self:
        """A suggestion from these fields.

        Raises:
            InputError: a field cannot be stored; names it, never the text.
        """
        try:
            found = cls(**fields)
        except ValidationError as error:
            first = culprits_of(error.errors(), known=cls.model_fields)[0]
            raise InputError(first.detail, code=first.code, pointer=first.pointer) from None
        if unknown := set(found.labels) - set(OUTPUT_KEYS):
            raise InputError(f"unknown label {min(unknown)!r}; expected keys of the taxonomy's outputs")
        return found


def add(connection: Connection, rules: Rules, new: NewFeedback, source: Source, now: datetime) -> Feedback:
    """Store a suggestion; see ``Queue.add_feedback``."""
    origin = {
        "key_id": source.key_id,
        "key_kind": str(source.kind),
        "external_id": keyed_or_none(rules.secret, "feedback", _hashable(new.external_id)),
    }
    values = {
        "case_id": _case_named(connection, source, new.external_id),
        "text": new.text,
        "labels": new.labels,
        "source": new.channel,
        "weight": new.weight,
        "provenance": {**new.provenance, **origin},
        "created_at": now,
    }
    row = connection.execute(insert(feedback).values(**values).returning(feedback)).one()
    return _record(row)


def listed(connection: Connection, after: int, limit: int) -> list[Feedback]:
    """Suggestions whose id is greater than ``after``, oldest first."""
    query = select(feedback).where(feedback.c.id > after).order_by(feedback.c.id).limit(limit)
    return [_record(row) for row in connection.execute(query)]


def erase_of_case(connection: Connection, case_id: str) -> int:
    """Forget what was suggested about a case, with the case's own text; returns how many suggestions."""
    return connection.execute(delete(feedback).where(feedback.c.case_id == case_id)).rowcount


def erase_expired(connection: Connection, rules: Rules, now: datetime) -> int:
    """Erase up to a batch of suggestions that are too old; returns how many."""
    limit = now - timedelta(days=rules.policy.retention.feedback_days)
    old = list(connection.scalars(select(feedback.c.id).where(feedback.c.created_at < limit).limit(_BATCH)))
    connection.execute(delete(feedback).where(feedback.c.id.in_(old)))
    return len(old)


def _case_named(connection: Connection, source: Source, external_id: str | None) -> str | None:
    """The case this key sent under this name; another key's case is never reached."""
    if external_id is None or "\x00" in external_id or _hashable(external_id) != external_id:
        return None
    ours = (cases.c.key_id == source.key_id, cases.c.external_id == external_id)
    found: str | None = connection.scalar(select(cases.c.id).where(*ours))
    return found


def _hashable(value: str | None) -> str | None:
    """Without lone surrogates, which UTF-8 cannot carry."""
    return None if value is None else value.encode("utf-8", "replace").decode()


def _record(row: StoredRow) -> Feedback:
    labels: Mapping[str, float] = row.labels
    return Feedback(
        row.id, row.case_id, row.text, dict(labels), row.source, row.weight, dict(row.provenance), row.created_at
    )
