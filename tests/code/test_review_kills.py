"""kill -9 at every commit: after the restart a move is wholly there or not at all, and the queue goes on.

Each act runs in a child process that kills itself just before or just after its nth commit. What the database then
holds must be what an undisturbed run had after as many commits, table by table. The full form, under load and with the
service, is in test_soak.py.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from mortal import at_commits, decided_once, die_at, killed
from sqlalchemy import Engine, delete, select

from serving.bundle import Conflict, NotFound
from serving.review import Account, DecisionForm, KeyKind, NewCase, Queue, Role, Source, open_database
from serving.review.database import reading, writing
from serving.review.tables import cases, metadata

SECRET = b"a secret for tests, 32 bytes long"
PLATFORM = Source("clef", KeyKind.PLATFORM)
ANA, BRUNO = Account("pseudo-1", "Ana", Role.ANALYST), Account("pseudo-2", "Bruno", Role.ANALYST)
LEGAL = DecisionForm(illegal=False, action="classement_sans_suite", note="rien")
ILLEGAL = DecisionForm(illegal=True, ground="loi1881.injure", action="notification_hebergeur")
LONG = "une phrase assez longue pour que son double soit reconnu sans erreur score=0.7"
#: Drawn or keyed anew at each run, or numbered by the database.
UNLIKE = {
    "id",
    "seq",
    "head",
    "hash",
    "prev_hash",
    "digest",
    "prev_digest",
    "body",
    "body_digest",
    "audit_key",
    "export_id",
}


@dataclass
class Desk:
    """A queue and what the acts need beside it."""

    queue: Queue
    classifier: Any
    now: datetime

    def receive(self, *texts: str) -> None:
        """Store cases named after their place."""
        first = sum(self.queue.stats().states.values())
        # Of equal texts the last goes first: more people have seen it.
        named = enumerate(texts, start=first)
        new = [NewCase(external_id=f"{place}", text=text, reach=10**place) for place, text in named]
        self.queue.receive(new, source=PLATFORM, now=self.now)

    def scored(self, *texts: str) -> None:
        """Store cases and have them judged."""
        self.receive(*texts)
        self.queue.score_pending(self.classifier, now=self.now)

    def claimed(self, by: Account = ANA) -> str:
        """The id of the case that ``by`` is handed; empty when none waits."""
        case = self.queue.claim(by, now=self.now)
        return case.id if case else ""

    def decided(self, form: DecisionForm = LEGAL) -> str:
        """The id of a case that ANA has decided."""
        self.scored(LONG)
        case_id = self.claimed()
        self.queue.decide(case_id, ANA, form, now=self.now)
        return case_id

    def id_of(self, name: str) -> str:
        """The id of a case by its external id."""
        with reading(self.queue.engine) as connection:
            return connection.execute(select(cases.c.id).where(cases.c.external_id == name)).scalar_one()


Act = Callable[[Desk], object]
Kept = dict[str, list[str]]


def _disagreement(desk: Desk) -> None:
    case_id = desk.claimed(BRUNO)
    desk.queue.decide(case_id, BRUNO, ILLEGAL, now=desk.now)


def _later(desk: Desk, **by: float) -> datetime:
    return desk.now + timedelta(**by)


#: Of each act: what comes before it, and itself.
ACTS: dict[str, tuple[Act, Act]] = {
    "receive": (lambda d: None, lambda d: d.receive("un", "deux", "trois")),
    "score": (
        lambda d: d.receive("score=0.7", "score=0.1", "illisible"),
        lambda d: d.queue.score_pending(d.classifier, now=d.now),
    ),
    "claim": (lambda d: d.scored("score=0.7"), lambda d: d.claimed()),
    "claim after a lapse": (
        lambda d: (d.scored("score=0.7"), d.claimed()),
        lambda d: d.queue.claim(BRUNO, now=_later(d, minutes=21)),
    ),
    "heartbeat": (
        lambda d: (d.scored("score=0.7"), d.claimed()),
        lambda d: d.queue.heartbeat(d.id_of("0"), ANA, now=_later(d, minutes=5)),
    ),
    "decide": (
        lambda d: (d.scored("score=0.7"), d.claimed()),
        lambda d: d.queue.decide(d.id_of("0"), ANA, ILLEGAL, now=d.now),
    ),
    "skip": (
        lambda d: (d.scored("score=0.7"), d.claimed()),
        lambda d: d.queue.skip(d.id_of("0"), ANA, "fatigue", now=d.now),
    ),
    "release": (
        lambda d: (d.scored("score=0.7"), d.claimed()),
        lambda d: d.queue.release(d.id_of("0"), ANA, "plus tard", now=d.now),
    ),
    "note": (
        lambda d: d.scored("score=0.7"),
        lambda d: d.queue.add_note(d.id_of("0"), ANA, "à relire", now=d.now),
    ),
    "escalate": (
        lambda d: (d.scored("score=0.7"), d.claimed()),
        lambda d: d.queue.escalate(d.id_of("0"), ANA, "grave", vital=True, now=d.now),
    ),
    "undo": (lambda d: d.decided(), lambda d: d.queue.undo(d.id_of("0"), ANA, now=d.now)),
    "appeal": (lambda d: d.decided(), lambda d: d.queue.appeal(d.id_of("0"), PLATFORM, now=d.now)),
    "second review": (lambda d: d.decided(), _disagreement),
    "known": (
        lambda d: (d.decided(), d.receive(LONG)),
        lambda d: d.queue.score_pending(d.classifier, now=_later(d, minutes=5)),
    ),
    "known before the decision": (
        lambda d: (d.scored(LONG, LONG), d.queue.decide(d.claimed(), ANA, ILLEGAL, now=d.now)),
        lambda d: d.queue.score_pending(d.classifier, now=_later(d, minutes=5)),
    ),
    "decide several": (
        lambda d: (d.scored(LONG, LONG), d.claimed()),
        lambda d: d.queue.decide_many([d.id_of("1"), d.id_of("0")], ANA, LEGAL, now=d.now),
    ),
    "erase": (
        lambda d: (d.decided(), d.receive("jamais lu")),
        lambda d: d.queue.erase_expired(now=_later(d, days=400)),
    ),
    "seal": (lambda d: d.decided(), lambda d: d.queue.seal(now=d.now)),
    "export": (lambda d: d.decided(), lambda d: list(d.queue.training_rows(now=d.now))),
}


def kept(engine: Engine) -> Kept:
    """What every table holds; cases by their external ids, without what no two runs share."""
    with reading(engine) as connection:
        names = dict(connection.execute(select(cases.c.id, cases.c.external_id)).all())
        return {
            table.name: sorted(
                str([names.get(str(value), value) for name, value in row.items() if name not in UNLIKE])
                for row in connection.execute(select(table)).mappings()
            )
            for table in metadata.sorted_tables
        }


@pytest.fixture
def desk_on(policy, taxonomy, classifier, noon, request) -> Callable[[str], Desk]:
    """A desk on a database; chance draws second readings where a test is about them, and nothing else."""
    claims = policy.claims.model_copy(update={"audit_share": 0.0, "golden_share": 0.0, "ordinary_share": 0.0})
    share = 1.0 if "second review" in request.node.name else 0.0
    second = policy.second_review.model_copy(update={"share": share, "uncertain_share": share})
    ours = policy.model_copy(update={"claims": claims, "second_review": second})
    return lambda url: Desk(Queue(open_database(url), ours, taxonomy, SECRET, draw=lambda: 0.5), classifier, noon)


@pytest.mark.parametrize("name", ACTS)
def test_killed_at_a_commit_it_holds_what_was_committed(name, database_url, desk_on):
    prepare, act = ACTS[name]
    desk = desk_on(database_url)
    prepare(desk)
    expected = undisturbed(desk, desk_on(database_url), act)
    assert len(expected) > 1
    for number in range(1, len(expected)):
        for moment, left in (("before", expected[number - 1]), ("after", expected[number])):
            emptied(desk.queue.engine)
            prepare(desk)
            desk.queue.engine.dispose()  # no connection crosses a fork
            killed(cut_short, desk_on, database_url, act, number, moment)
            assert kept(desk.queue.engine) == left, (number, moment)
            goes_on(desk, act)
    desk.queue.engine.dispose()


def undisturbed(desk: Desk, watched: Desk, act: Act) -> list[Kept]:
    """What the database holds before the act and after each of its commits."""
    found = [kept(desk.queue.engine)]

    def keep(_number: int, moment: str) -> None:
        if moment == "after":
            found.append(kept(desk.queue.engine))

    at_commits(watched.queue.engine, keep)
    act(watched)
    watched.queue.engine.dispose()
    return found


def emptied(engine: Engine) -> None:
    """No row left."""
    with writing(engine) as connection:
        for table in reversed(metadata.sorted_tables):
            connection.execute(delete(table))


def cut_short(desk_on: Callable[[str], Desk], url: str, act: Act, number: int, moment: str) -> None:
    """The act, ended at a commit."""
    desk = desk_on(url)
    die_at(desk.queue.engine, number, moment)
    act(desk)


def goes_on(desk: Desk, act: Act) -> None:
    """The caller, who has had no answer, tries again: done now, or told that it is done already."""
    with contextlib.suppress(Conflict, NotFound):
        act(desk)
    assert desk.queue.verify_chain().first_bad is None
    assert decided_once(desk.queue.engine)
