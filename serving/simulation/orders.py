"""Four orders of reading, behind one interface: who comes first, what the model alone would say, Vigie, and the truth.

Vigie is the queue itself, on a database of its own in a temporary folder: receipt, scoring, priority, claim order,
leases and decisions are the code that serves, under the deployment's policy. Nothing of it is copied here.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from serving.bundle.errors import InputError
from serving.bundle.manifest import Manifest
from serving.bundle.taxonomy import FAMILIES, Taxonomy
from serving.bundle.verdict import Verdict
from serving.policy import Action, Policy
from serving.review import Account, DecisionForm, NewCase, Queue, Role, Source, State, open_database

from .world import START, Notice, World


class ReadingOrder(Protocol):
    """What the simulated team asks of an order. Moments are minutes since the start of the world."""

    def arrive(self, notice: Notice) -> None:
        """A notice has come."""

    def seen(self, notice: Notice, at: float) -> None:
        """The platform tells the reach of a notice again."""

    def next(self, analyst: str, at: float) -> Notice | None:
        """The notice that ``analyst`` reads now; None when nothing waits."""

    def beat(self, notice: Notice, analyst: str, at: float) -> None:
        """The analyst still reads."""

    def read(self, notice: Notice, analyst: str, at: float) -> None:
        """The analyst has read and decided."""


class Ranked:
    """Hands out the waiting notice of the highest key; equal keys in order of arrival."""

    def __init__(self, key: Callable[[Notice, float], float]) -> None:
        self._key = key
        self._waiting: dict[int, Notice] = {}

    def arrive(self, notice: Notice) -> None:
        """It waits."""
        self._waiting[notice.number] = notice

    def seen(self, notice: Notice, at: float) -> None:
        """These orders know no reach, or know it all."""

    def next(self, analyst: str, at: float) -> Notice | None:
        """The first by key."""
        if not self._waiting:
            return None
        best = max(self._waiting.values(), key=lambda notice: (self._key(notice, at), -notice.number))
        return self._waiting.pop(best.number)

    def beat(self, notice: Notice, analyst: str, at: float) -> None:
        """No lease here."""

    def read(self, notice: Notice, analyst: str, at: float) -> None:
        """Nothing to keep."""


def fifo() -> Ranked:
    """First come, first read."""
    return Ranked(lambda notice, at: 0.0)


def score_only() -> Ranked:
    """The highest probability of any family first: the model without severity, reach, clock or age."""
    return Ranked(lambda notice, at: max(notice.gold.verdict.scores[family] or 0.0 for family in FAMILIES))


def oracle() -> Ranked:
    """The most harm still to come per minute of reading first, known exactly, the future included; obeys no clock."""
    return Ranked(lambda notice, at: notice.harm_left(at) / notice.minutes if notice.acted_on else 0.0)


@dataclass(frozen=True)
class Remembered:
    """A classifier that repeats verdicts given before."""

    bundle_id: str
    manifest: Manifest
    verdicts: dict[str, Verdict]

    def score(self, texts: Sequence[str]) -> list[Verdict | InputError]:
        """The verdict of each text."""
        return [self.verdicts[text] for text in texts]


class Vigie:
    """The real queue, told what time it is."""

    def __init__(self, queue: Queue, scorer: Remembered, notices: Sequence[Notice]) -> None:
        self._queue = queue
        self._scorer = scorer
        self._by_id = {notice.id: notice for notice in notices}
        self._cases: dict[str, str] = {}
        actions = queue.rules.policy.offered_actions()
        self._action = {True: _action(actions, "illegal"), False: _action(actions, "legal")}
        self._ground = queue.rules.taxonomy.grounds[0].key

    def arrive(self, notice: Notice) -> None:
        """Received and scored at once, as the service does within seconds."""
        case = NewCase(external_id=notice.id, text=notice.gold.text, reach=int(notice.views), order=notice.order)
        source, now = Source(f"{notice.kind}", notice.kind), _moment(notice.at)
        self._cases[notice.id] = self._queue.receive([case], source=source, now=now)[0].id
        self._queue.score_pending(self._scorer, now=now)

    def seen(self, notice: Notice, at: float) -> None:
        """Its rank is written again, while it waits."""
        case_id = self._cases[notice.id]
        if self._queue.get(case_id).state in (State.RECEIVED, State.SCORED):
            self._queue.change_reach(case_id, notice.reach(at), Source(f"{notice.kind}", notice.kind), _moment(at))

    def next(self, analyst: str, at: float) -> Notice | None:
        """A claim."""
        case = self._queue.claim(_account(analyst), _moment(at))
        return self._by_id[case.row.external_id] if case else None

    def beat(self, notice: Notice, analyst: str, at: float) -> None:
        """A heartbeat of the lease."""
        self._queue.heartbeat(self._cases[notice.id], _account(analyst), _moment(at))

    def read(self, notice: Notice, analyst: str, at: float) -> None:
        """A decision."""
        form = DecisionForm(
            illegal=notice.acted_on,
            ground=self._ground if notice.acted_on else None,
            action=self._action[notice.acted_on],
        )
        self._queue.decide(self._cases[notice.id], _account(analyst), form, _moment(at))


@contextmanager
def vigie(world: World, policy: Policy, taxonomy: Taxonomy, scorer: Remembered, seed: int) -> Iterator[Vigie]:
    """The queue on a database that goes when the block ends; its chances are drawn from ``seed``."""
    with tempfile.TemporaryDirectory(prefix="vigie-simulation-", dir=_quick_folder()) as folder:
        engine = open_database(f"sqlite:///{Path(folder) / 'queue.db'}")
        queue = Queue(
            engine, _read_once(policy), taxonomy, b"only for a simulated day", draw=random.Random(seed).random
        )
        try:
            yield Vigie(queue, scorer, world.notices)
        finally:
            engine.dispose()


def _read_once(policy: Policy) -> Policy:
    """Orders are compared, not second readings: the others have none."""
    once = policy.second_review.model_copy(update={"share": 0.0, "uncertain_share": 0.0})
    return policy.model_copy(update={"second_review": once})


def _quick_folder() -> str | None:
    """Memory where the system has a folder in it: the days are lost anyway when the process ends."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 (a fresh folder of a random name in it)


def _moment(at: float) -> datetime:
    return START + timedelta(minutes=at)


def _account(analyst: str) -> Account:
    return Account(analyst, analyst, Role.SENIOR)


def _action(actions: Sequence[Action], finding: str) -> str:
    return next(action.key for action in actions if finding in action.after)
