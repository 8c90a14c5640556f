"""Fills a queue with open cases faster than it receives them: some go through it, the others are their copies.

A copy has its own id, external id, moment, fingerprint, rank, audit key and chain of events, so ``Queue`` works on it
as on any other and its chain verifies. It lacks MinHash bands: near-duplicates of copies are not found.
"""

from __future__ import annotations

import json
import random
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, Table, select, text

from serving.bundle import LEVELED, OUTPUT_KEYS, InputError, Verdict
from serving.review import KeyKind, NewCase, Queue, Source
from serving.review.database import is_postgresql, reading, writing
from serving.review.events import link
from serving.review.keyed import GENESIS
from serving.review.tables import cases, events

_MODELS, _BATCH = 400, 10_000
_WORDS = ("bonjour", "réunion", "demain", "quartier", "voisin", "honte", "dehors", "merci", "encore", "jamais", "rue")
#: The few that go before: with more of them, no claim would come as far as the deep lane.
_URGENT = {0: {"category": "danger_vital"}, 1: {"order": {"authority": "OCLCTIC", "reference": "TCO-1"}}}
_KINDS = {2: KeyKind.AUTHORITY, 3: KeyKind.TRUSTED_FLAGGER}

Row = dict[str, Any]


class DrawnClassifier:
    """Scores a text by the luck of its own words: below every threshold for most, as in a real queue."""

    bundle_id = "sha256:" + "1" * 64

    def score(self, texts: Sequence[str]) -> list[Verdict | InputError]:
        """A verdict per text."""
        return [self._one(random.Random(text)) for text in texts]

    @staticmethod
    def _one(chance: random.Random) -> Verdict:
        scores = {key: chance.betavariate(0.4, 2.0) for key in OUTPUT_KEYS}
        bounds = {"tres_probable": 0.9, "probable": 0.7, "possible": 0.5, "peu_probable": 0.0}
        levels = {key: next(name for name, least in bounds.items() if scores[key] >= least) for key in LEVELED}
        return Verdict(scores, levels)


def new_cases(count: int, prefix: str, chance: random.Random) -> list[NewCase]:
    """Cases of 5 to 40 words drawn from a few."""
    return [
        NewCase(external_id=f"{prefix}{n}", text=" ".join(chance.choices(_WORDS, k=chance.randrange(5, 40))))
        for n in range(count)
    ]


def fill(queue: Queue, count: int, seed: int = 0) -> None:
    """Add ``count`` open, scored cases: all ordinary but some forty that go before them."""
    chance = random.Random(seed)
    models = _models(queue, min(count, _MODELS), f"fill-{seed}-", chance)
    ordinary = [model for model in models if _waits_its_turn(model.case)]
    for start in range(len(models), count, _BATCH):
        copies = [_copy(queue, chance.choice(ordinary), chance) for _ in range(min(_BATCH, count - start))]
        with writing(queue.engine) as connection:
            _insert(connection, cases, ordinary[0].names, [case for case, _ in copies])
            told = [event for _, chain in copies for event in chain]
            _insert(connection, events, list(told[0]), [list(event.values()) for event in told])
    _analyse(queue)


@dataclass(frozen=True)
class Model:
    """A case that went the whole way: as it was read, and its values in order as the driver takes them."""

    case: Row
    bound: list[Any]
    chain: list[Row]

    @property
    def names(self) -> list[str]:
        """The columns, in order."""
        return list(self.case)


def _models(queue: Queue, count: int, prefix: str, chance: random.Random) -> list[Model]:
    for number, new in enumerate(new_cases(count, prefix, chance)):
        kind = _KINDS.get(number % 40, KeyKind.PLATFORM)
        urgent = NewCase.model_validate(new.model_dump() | _URGENT.get(number % 40, {}))
        queue.receive([urgent], source=Source(f"clef-{kind}", kind))
    while queue.score_pending(DrawnClassifier(), limit=200):
        pass
    with reading(queue.engine) as connection:
        rows = connection.execute(select(cases).where(cases.c.external_id.startswith(prefix))).mappings().all()
        told = connection.execute(select(events).order_by(events.c.case_id, events.c.number)).mappings().all()
    chains: dict[str, list[Row]] = {}
    for event in told:
        chains.setdefault(event["case_id"], []).append(dict(event))
    return [Model(dict(row), _bound(queue, dict(row)), chains[row["id"]]) for row in rows]


def _waits_its_turn(case: Row) -> bool:
    return case["lane"] == "ordinary" and not case["vital"] and case["due_at"] is None


def _bound(queue: Queue, row: Row) -> list[Any]:
    """The values as SQLAlchemy gives them to the driver."""
    dialect = queue.engine.dialect
    binds = [cases.c[name].type.dialect_impl(dialect).bind_processor(dialect) for name in row]
    return [bind(value) if bind else value for bind, value in zip(binds, row.values(), strict=True)]


def _copy(queue: Queue, model: Model, chance: random.Random) -> tuple[list[Any], list[Row]]:
    """A case's values in order, and its events."""
    earlier = timedelta(seconds=chance.uniform(0, 86_400))
    moment = model.case["created_at"] - earlier
    rank = model.case["rank"] + earlier.total_seconds() / queue.rules.policy.rank.tau_seconds
    case_id = f"{int(moment.timestamp() * 1000):012x}{secrets.token_hex(10)}"
    links: list[Row] = []
    for event in model.chain:
        body = json.loads(event["body"])
        body |= {"rank": rank} if "rank" in body else {}
        told = {"number": event["number"], "kind": event["kind"], "actor": event["actor"], "body": body}
        prev_hash = links[-1]["hash"] if links else GENESIS
        links.append(link(queue.rules.secret, case_id=case_id, at=moment, prev_hash=prev_hash, **told))
    when = moment if queue.engine.dialect.name == "postgresql" else str(moment.replace(tzinfo=None))
    own = {"id": case_id, "external_id": case_id, "created_at": when, "rank": rank, "head": links[-1]["hash"]}
    own |= {"fingerprint": secrets.token_hex(32), "audit_key": model.case["audit_key"] and chance.random()}
    values = [own.get(name, value) for name, value in zip(model.case, model.bound, strict=True)]
    return values, [event | {"at": when} for event in links]


def _insert(connection: Connection, table: Table, names: list[str], lines: list[list[Any]]) -> None:
    """By the driver's fast way."""
    quoted = ", ".join(f'"{name}"' for name in names)
    cursor = connection.connection.cursor()
    if is_postgresql(connection):
        with cursor.copy(f"COPY {table.name} ({quoted}) FROM STDIN") as copy:
            for line in lines:
                copy.write_row(line)
    else:
        cursor.executemany(f"INSERT INTO {table.name} ({quoted}) VALUES ({', '.join('?' * len(names))})", lines)


def _analyse(queue: Queue) -> None:
    """What PostgreSQL's autovacuum does by itself; SQLite's planner is left without statistics, as in the service."""
    if queue.engine.dialect.name == "postgresql":
        with queue.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))
