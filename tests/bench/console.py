"""The console's pages: server time of each on a queue of N cases, from the request to the last byte, without a network.

python -m tests.bench console --cases 10000
Goal: under 100 ms. SQLite, the embedded bundle, one visitor at a time; one case in ten is decided.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table
from starlette.responses import Response
from starlette.testclient import TestClient

from serving.review import Account, Case, DecisionForm, Part, Queue, Role
from tests.filling import fill
from tests.house import SECRET, House, open_house

_BUNDLE = Path(__file__).resolve().parents[2] / "serving" / "embedded"
_ROUNDS, _QUANTILES = 30, (0.5, 0.95)
_LEGAL = DecisionForm(illegal=False, action="classement_sans_suite")
_ILLEGAL = DecisionForm(illegal=True, ground="loi1881.injure", action="notification_hebergeur")

#: A page: what is asked for, again and again.
Pages = dict[str, Callable[[], Response]]


def run(arguments: argparse.Namespace) -> None:
    """Print the milliseconds of each page."""
    with opened() as house:
        lived_in(house, arguments.cases)
        table = Table("page", "p50 ms", "p95 ms", title=f"Console, {arguments.cases:,} cases, SQLite")
        for name, ask in pages(house).items():
            p50, p95 = np.quantile(timed(ask), _QUANTILES) * 1e3
            table.add_row(name, f"{p50:.1f}", f"{p95:.1f}")
    Console().print(table)


@contextmanager
def opened() -> Iterator[House]:
    """The application over an empty database."""
    with tempfile.TemporaryDirectory() as folder:
        house, close = open_house(Path(folder), _BUNDLE)
        yield house
        close()


def lived_in(house: House, count: int) -> None:
    """Open cases, and a tenth as many decided, read twice or held."""
    fill(house.queue, count - count // 10)
    readers = [account for account in house.accounts.list_users() if account.role is Role.ANALYST]
    policy = house.queue.rules.policy
    twice = policy.second_review.model_copy(update={"share": 1.0, "uncertain_share": 1.0})
    blind = Queue(
        house.queue.engine, policy.model_copy(update={"second_review": twice}), house.queue.rules.taxonomy, SECRET
    )
    fill(house.queue, count // 10, seed=1)
    for number in range(count // 10):
        queue = blind if number % 4 == 0 else house.queue
        _decide(queue, readers[number % 2], _ILLEGAL if number % 3 else _LEGAL)
    for reader in readers:
        for _ in range(5):
            house.queue.claim(reader)


def _decide(queue: Queue, reader: Account, form: DecisionForm) -> None:
    case = queue.claim(reader)
    if case is not None:
        queue.record_exposure(case.id, reader, Part.TEXT, len((case.text or "").split()))
        queue.decide(case.id, reader, form)


def pages(house: House) -> Pages:
    """Every page that reads the queue."""
    reader, csrf = house.browser(Role.ANALYST)
    boss, _ = house.browser(Role.SUPERVISOR)
    waiting, decided = _cases(house)
    case = f"/console/dossiers/{waiting.id}"
    return {
        "file d’attente": lambda: reader.get("/console/"),
        "file d’attente, page 100": lambda: reader.get("/console/?debut=4950"),
        "dossier": lambda: reader.get(case),
        "dossier décidé": lambda: reader.get(f"/console/dossiers/{decided.id}"),
        "révéler": lambda: _post(reader, csrf, f"{case}/reveler", partie="texte"),
        "révéler, mots marqués": lambda: _post(reader, csrf, f"{case}/reveler", partie="texte", maniere="surligne"),
        "recherche, texte collé": lambda: _post(reader, csrf, "/console/recherche", texte=waiting.text or ""),
        "recherche, un mot": lambda: _post(reader, csrf, "/console/recherche", texte="quartier"),
        "recherche, critères": lambda: _post(reader, csrf, "/console/recherche", famille="haine", etat="scored"),
        "ma journée": lambda: reader.get("/console/journee"),
        "équipe": lambda: boss.get("/console/equipe"),
    }


def _cases(house: House) -> tuple[Case, Case]:
    """One that waits, and one that is decided."""
    waiting = house.queue.top(limit=1)[0].id
    decided = next(row.id for row in house.queue.search(limit=1000) if row.state == "decided")
    return house.queue.get(waiting), house.queue.get(decided)


def _post(client: TestClient, csrf: str, path: str, **fields: str) -> Response:
    return client.post(path, data={"csrf": csrf, **fields})


def timed(ask: Callable[[], Response]) -> list[float]:
    """Seconds of each of many requests, after one that warms up."""
    found = []
    for round_ in range(_ROUNDS + 1):
        started = time.perf_counter()
        answer = ask()
        if round_:
            found.append(time.perf_counter() - started)
        assert answer.status_code == 200, answer.status_code
    return found
