"""Decisions as training rows: the text, what people found in it, how sure that is, how much the row stands for.

Two readers who disagree make a soft label; a case of the audit draw is weighed by the inverse of the probability by
which it was drawn. Each export is noted with its cases, so that an erasure can be traced to the files that hold them.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, insert, select, update

from serving.bundle.errors import ConfigError

from .database import writing
from .places import Rules
from .records import State
from .tables import StoredRow, cases, decisions, exported, exports

_BATCH = 500
_DECIDED = (State.DECIDED, State.CLOSED)
#: Cases that nobody may have read; one that is claimed for a second reading has a decision, and stays out.
_UNREAD = (State.RECEIVED, State.SCORED, State.CLAIMED)

#: The columns of a row, in order; docs/queue.md says what each holds.
COLUMNS = (
    "row_id",
    "text",
    "illegal",
    "ground",
    "family",
    "readings",
    "agreed",
    "audit",
    "probability",
    "weight",
    "decided_at",
    "first_decided_at",
    "overturned",
    "received_at",
    "bundle",
    "known_copies",
    "export_id",
)


def write_parquet(path: Path, rows: Iterable[dict[str, Any]]) -> int:
    """Write rows to a Parquet file, readable by its owner alone; returns how many. Nothing is left of a run that fails.

    Raises:
        ConfigError: the file cannot be written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    kinds = {"illegal": pa.float64(), "readings": pa.int32(), "agreed": pa.bool_(), "audit": pa.bool_()}
    kinds |= {"overturned": pa.bool_()}
    kinds |= {"probability": pa.float64(), "weight": pa.float64(), "known_copies": pa.int32()}
    kinds |= dict.fromkeys(("decided_at", "first_decided_at", "received_at"), pa.timestamp("us", tz="UTC"))
    schema = pa.schema([(name, kinds.get(name, pa.string())) for name in COLUMNS])
    unfinished = path.with_name(path.name + ".part")
    count = 0
    try:
        unfinished.touch(mode=0o600)
        with pq.ParquetWriter(unfinished, schema) as writer:
            source = iter(rows)
            while batch := list(islice(source, _BATCH)):
                writer.write_table(pa.Table.from_pylist(batch, schema=schema))
                count += len(batch)
        unfinished.replace(path)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}; choose another place") from None
    return count


def export(engine: Engine, rules: Rules, now: datetime, *, waiting: bool = False) -> Iterator[dict[str, Any]]:
    """Every row of a new export, noted batch by batch as they are asked for; ``waiting``: unread cases too."""
    with writing(engine) as connection:
        export_id = begin(connection, now)
    last: str | None = ""
    while last is not None:
        with writing(engine) as connection:
            rows, last = rows_of(connection, rules, export_id, last, waiting=waiting)
        yield from rows


def begin(connection: Connection, now: datetime) -> str:
    """Note a new export; returns its id."""
    export_id = secrets.token_hex(8)
    connection.execute(insert(exports).values(id=export_id, at=now, rows=0))
    return export_id


def rows_of(
    connection: Connection, rules: Rules, export_id: str, after: str, *, waiting: bool = False
) -> tuple[list[dict[str, Any]], str | None]:
    """The rows of the next batch of decided cases after the id ``after``, noted as exported; and the id to go on from.

    Not golden items, not cases that wait for another reader or an appeal, not copies of a known text. ``waiting`` adds
    the cases that nobody has decided, with no reading: they teach nothing, they tell whom the queue leaves waiting.
    """
    states = _DECIDED + (_UNREAD if waiting else ())
    query = (
        select(cases)
        .where(cases.c.id > after, cases.c.state.in_([state.value for state in states]))
        .where(cases.c.text.is_not(None), cases.c.golden.is_(None))
        .order_by(cases.c.id)
        .limit(_BATCH)
    )
    found = connection.execute(query).all()
    read = _readings(connection, [case.id for case in found])
    copies = _copies(connection, [case.id for case in found])
    rows = [
        _row(rules, case, read.get(case.id, []), copies.get(case.id, 0), export_id)
        for case in found
        if (State(case.state) in _DECIDED) == (case.id in read)
    ]
    if rows:
        noted = [{"case_id": row["row_id"], "export_id": export_id} for row in rows]
        connection.execute(insert(exported), noted)
        connection.execute(update(exports).where(exports.c.id == export_id).values(rows=exports.c.rows + len(rows)))
    return rows, str(found[-1].id) if found else None


def exports_of(connection: Connection, case_id: str) -> list[str]:
    """The exports that hold a case."""
    query = select(exported.c.export_id).where(exported.c.case_id == case_id).order_by(exported.c.export_id)
    return list(connection.scalars(query))


def erased(connection: Connection) -> Iterator[tuple[str, str]]:
    """The exported cases whose text is erased since: (row id, export id). Those rows are to be deleted from files."""
    query = select(exported.c.case_id, exported.c.export_id).join(cases, cases.c.id == exported.c.case_id)
    for row in connection.execute(query.where(cases.c.text.is_(None)).order_by(exported.c.case_id)):
        yield row.case_id, row.export_id


def _readings(connection: Connection, ids: Sequence[str]) -> dict[str, list[StoredRow]]:
    """The decisions that people took, oldest first, by case."""
    query = select(decisions).where(decisions.c.case_id.in_(ids), decisions.c.copied_from.is_(None))
    found: dict[str, list[StoredRow]] = {}
    for row in connection.execute(query.order_by(decisions.c.id)):
        found.setdefault(row.case_id, []).append(row)
    return found


def _copies(connection: Connection, ids: Sequence[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for source in connection.scalars(select(decisions.c.copied_from).where(decisions.c.copied_from.in_(ids))):
        found[source] = found.get(source, 0) + 1
    return found


def _row(rules: Rules, case: StoredRow, readings: list[StoredRow], copies: int, export_id: str) -> dict[str, Any]:
    if not readings:
        known = {"row_id": case.id, "text": case.text, "readings": 0, "received_at": case.created_at}
        return dict.fromkeys(COLUMNS) | known | {"bundle": case.bundle, "export_id": export_id}
    first, last = readings[0], readings[-1]
    overturned = first.illegal != last.illegal if len(readings) > 1 else None
    if last.stage == State.APPEALED:
        # What the appeal found replaces what it was about.
        readings = [last]
    ground = rules.taxonomy.ground(last.ground) if last.ground else None
    probability = case.audit_probability
    values = (
        case.id,
        case.text,
        sum(row.illegal for row in readings) / len(readings),
        last.ground,
        ground.family if ground else None,
        len(readings),
        len({(row.illegal, row.ground) for row in readings}) == 1,
        probability is not None,
        probability,
        1 / probability if probability else 1.0,
        last.at,
        first.at,
        overturned,
        case.created_at,
        case.bundle,
        copies,
        export_id,
    )
    return dict(zip(COLUMNS, values, strict=True))
