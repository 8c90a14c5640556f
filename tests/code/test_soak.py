"""Full forms of the reliability tests: `make soak`. Their short forms stand beside what they test."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path

import pytest

from serving.review import Account, DecisionForm, KeyKind, NewCase, Queue, Role, Source, open_database

pytestmark = pytest.mark.soak

SECRET = b"a secret for tests, 32 bytes long"
PLATFORM = Source("clef", KeyKind.PLATFORM)
KILLS, CASES, BODIES = 20, 5_000, 10_000


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
            queue.decide(case.row.id, analyst, DecisionForm(illegal=False, action="classement_sans_suite"))
            handed.append(case.row.external_id)
        return handed

    with ThreadPoolExecutor(8) as pool:
        handed = list(chain.from_iterable(pool.map(work, range(8))))
    assert len(handed) == len(set(handed)) == CASES
    assert queue.verify_chain().first_bad is None
    print(f"{CASES} cases claimed and decided by 8 analysts, none twice")


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
