"""Full forms of the reliability tests: `make soak`. Their short forms stand beside what they test."""

from __future__ import annotations

import contextlib
import json
import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, count
from multiprocessing.connection import Connection, wait
from pathlib import Path

import pytest
from filling import fill
from mortal import FORK, decided_once, die_at
from sqlalchemy import select

from serving.bundle import Conflict
from serving.review import Account, DecisionForm, EventKind, KeyKind, NewCase, Queue, Role, Source, open_database
from serving.review.database import reading
from serving.review.tables import cases, events

pytestmark = pytest.mark.soak

SECRET = b"a secret for tests, 32 bytes long"
PLATFORM = Source("clef", KeyKind.PLATFORM)
LEGAL = DecisionForm(illegal=False, action="classement_sans_suite")
KILLS, CASES, BODIES = 20, 5_000, 10_000
CLAIMS, DEATHS, AT_WORK = 100_000, 100, 4


def test_killed_again_and_again_while_receiving_it_loses_nothing(database_url, engine, policy, taxonomy, root: Path):
    """One database through twenty deaths; the external ids of a round carry its number."""
    acknowledged: set[str] = set()
    for number in range(KILLS):
        script = root / "tests" / "code" / "receiving.py"
        process = subprocess.Popen(
            [sys.executable, str(script), database_url, f"{number}-"], stdout=subprocess.PIPE, text=True, cwd=root
        )
        acknowledged |= {process.stdout.readline().strip() for _ in range(random.Random(number).randrange(10, 400))}
        process.kill()
        acknowledged |= {line.strip() for line in process.stdout if line.endswith("\n")}
        process.wait()
        queue = Queue(open_database(database_url), policy, taxonomy, SECRET)
        assert acknowledged <= {row.external_id for row in queue.top(1_000_000)}
        assert queue.verify_chain().first_bad is None
        queue.engine.dispose()
    print(f"{KILLS} deaths, {len(acknowledged)} acknowledged cases, none lost")


def test_eight_analysts_never_hold_the_same_case(queue, classifier):
    for start in range(0, CASES, 500):
        batch = [NewCase(external_id=f"{n}", text=f"score=0.{n % 90 + 10}") for n in range(start, start + 500)]
        queue.receive(batch, source=PLATFORM)
    while queue.score_pending(classifier, limit=500):
        pass

    def work(number: int) -> list[str]:
        analyst, handed = Account(f"pseudo-{number}", f"A{number}", Role.ANALYST), []
        while (case := queue.claim(analyst)) is not None:
            queue.decide(case.row.id, analyst, LEGAL)
            handed.append(case.row.external_id)
        return handed

    with ThreadPoolExecutor(8) as pool:
        handed = list(chain.from_iterable(pool.map(work, range(8))))
    assert len(handed) == len(set(handed)) == CASES
    assert queue.verify_chain().first_bad is None
    print(f"{CASES} cases claimed and decided by 8 analysts, none twice")


def test_a_hundred_thousand_claims_hand_out_no_case_twice(queue, noon):
    fill(queue, CLAIMS)

    def work(number: int) -> list[str]:
        handed: list[str] = []
        # A new person every fifty cases, so that nobody has read enough; at one moment, so that no lease ends.
        while case := queue.claim(Account(f"{number}-{len(handed) // 50}", "A", Role.ANALYST), now=noon):
            handed.append(case.id)
        return handed

    with ThreadPoolExecutor(8) as pool:
        handed = list(chain.from_iterable(pool.map(work, range(8))))
    assert len(handed) == len(set(handed)) == CLAIMS
    assert queue.verify_chain().first_bad is None
    print(f"{CLAIMS} claims, no case twice")


def test_killed_at_commits_under_load_it_keeps_what_it_acknowledged(database_url, engine, policy, taxonomy, classifier):
    """Four processes do all that a queue does, each until it dies at a commit drawn for it; another takes its place."""
    engine.dispose()

    def open_queue() -> Queue:
        return Queue(open_database(database_url), policy, taxonomy, SECRET)

    told = deaths_of(lambda number, pipe: toil(open_queue(), classifier, number, pipe))
    queue = open_queue()
    with reading(queue.engine) as connection:
        stored = set(connection.scalars(select(cases.c.external_id)))
        decided = set(connection.scalars(select(events.c.case_id).where(events.c.kind == EventKind.DECIDED)))
    assert {name for act, name in told if act == "receive"} <= stored
    assert {name for act, name in told if act == "decide"} <= decided
    assert decided_once(queue.engine)
    queue.seal()
    report = queue.verify_chain()
    assert (report.first_bad, report.unsealed) == (None, 0)
    print(f"{DEATHS} deaths, {dict(Counter(act for act, _ in told))}, {report.events} events")
    queue.engine.dispose()


Told = tuple[str, str]


def deaths_of(toils: Callable[[int, Connection], None]) -> list[Told]:
    """What processes said before they died, one after the other, ``AT_WORK`` at a time."""
    told: list[Told] = []
    numbers, pipes = iter(range(DEATHS)), {}
    while True:
        for number in numbers if len(pipes) < AT_WORK else ():
            ours, theirs = FORK.Pipe(duplex=False)
            pipes[ours] = FORK.Process(target=toils, args=(number, theirs))
            pipes[ours].start()
            theirs.close()
            if len(pipes) == AT_WORK:
                break
        if not pipes:
            return told
        for pipe in wait(list(pipes)):
            try:
                told.append(pipe.recv())
            except EOFError:
                process = pipes.pop(pipe)
                process.join()
                assert process.exitcode == -signal.SIGKILL


def toil(queue: Queue, classifier: object, number: int, pipe: Connection) -> None:
    """Acts drawn one after the other; the cases that each was done to are told."""
    chance, analyst = random.Random(number), Account(f"analyste-{number % 8}", "A", Role.SENIOR)
    die_at(queue.engine, chance.randrange(1, 100), chance.choice(("before", "after")))
    for turn in count():
        act = chance.choice((*UPKEEP, *MOVES, "receive", "decide"))
        # Of two who want the same case, one is told; both go on.
        with contextlib.suppress(Conflict):
            for name in done(queue, classifier, analyst, act, f"{number}-{turn}"):
                pipe.send((act, name))


#: What is done to the queue, and to a case that was just claimed.
UPKEEP = {
    "score": lambda queue, classifier: queue.score_pending(classifier),
    "seal": lambda queue, _: queue.seal(),
    "erase": lambda queue, _: queue.erase_expired(),
}
MOVES = {
    "claim": lambda queue, case_id, analyst: None,
    "heartbeat": lambda queue, case_id, analyst: queue.heartbeat(case_id, analyst),
    "skip": lambda queue, case_id, analyst: queue.skip(case_id, analyst, "other"),
    "release": lambda queue, case_id, analyst: queue.release(case_id, analyst),
    "escalate": lambda queue, case_id, analyst: queue.escalate(case_id, analyst),
    "decide": lambda queue, case_id, analyst: queue.decide(case_id, analyst, LEGAL),
    "undo": lambda queue, case_id, analyst: (
        queue.decide(case_id, analyst, LEGAL),
        queue.undo(case_id, analyst),
    ),
}


def done(queue: Queue, classifier: object, analyst: Account, act: str, name: str) -> list[str]:
    """The cases that ``act`` was done to."""
    if act == "receive":
        new = [NewCase(external_id=f"{name}-{n}", text=f"un texte de plus, {name} score=0.{n}5") for n in range(9)]
        return [receipt.external_id for receipt in queue.receive(new, source=PLATFORM)]
    if act in UPKEEP:
        UPKEEP[act](queue, classifier)
        return []
    case = queue.claim(analyst)
    if case is None:
        return []
    MOVES[act](queue, case.id, analyst)
    return [case.id]


def test_hostile_bodies_never_break_the_interface(house):
    client, draw = house.key(), random.Random(0)
    statuses: dict[int, int] = {}
    for _ in range(BODIES):
        answer = client.post(draw.choice(("/v1/score", "/v1/cases")), content=_hostile(draw))
        statuses[answer.status_code] = statuses.get(answer.status_code, 0) + 1
        assert answer.status_code < 500, answer.text[:300]
    print(f"{BODIES} bodies: {dict(sorted(statuses.items()))}")


def _hostile(draw: random.Random) -> bytes:
    """A body of the right shape with wrong parts, a broken one, or noise."""
    strange = (
        "",
        "\x00",
        "\ud800",
        "\u202e",
        "a" * 5_000,
        "😀" * 50,
        None,
        1e308,
        -1,
        [],
        {},
        [[[]]],
        True,
        "<script>",
    )
    item = {"id": draw.choice(strange), "text": draw.choice(strange), draw.choice(("x", "text", "id")): "y"}
    case = {"external_id": draw.choice(strange), "text": draw.choice(strange), "reach": draw.choice(strange)}
    body = draw.choice(({"items": [item]}, {"items": draw.choice(strange)}, case, {"cases": [case, item]}, strange))
    sent = json.dumps(body).encode()
    if draw.random() < 0.2:
        sent = sent[: draw.randrange(len(sent) + 1)]
    return draw.randbytes(draw.randrange(200)) if draw.random() < 0.1 else sent
