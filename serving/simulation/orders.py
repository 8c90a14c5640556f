"""Orders of reading, behind one interface: who comes first, what the model alone would say, Vigie, and the truth.

Vigie is the queue itself, on a database of its own in a temporary folder: receipt, scoring, priority, claim order,
leases and decisions are the code that serves, under the deployment's policy. Nothing of it is copied here.
"""

from __future__ import annotations

import math
import random
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from serving.bundle.errors import InputError
from serving.bundle.manifest import Manifest
from serving.bundle.taxonomy import FAMILIES, Taxonomy
from serving.bundle.verdict import Verdict
from serving.policy import Action, Policy
from serving.review import Account, Case, DecisionForm, NewCase, Queue, Role, Source, State, open_database

from .world import START, Notice, World


class ReadingOrder(Protocol):
    """What the simulated team asks of an order. Moments are minutes since the start of the world."""

    @property
    def beat_minutes(self) -> float:
        """Minutes of reading between two calls of ``beat``."""

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

    def settle(self, at: float) -> list[tuple[Notice, bool]]:
        """Waiting notices that get the decision on an equal text, each with whether that found it illegal."""


class Ranked:
    """Hands out the waiting notice of the highest key; equal keys in order of arrival.

    Args:
        closes_copies: a text that was read is not read again: its decision holds for its copies.
    """

    beat_minutes = math.inf

    def __init__(self, key: Callable[[Notice, float], float], *, closes_copies: bool = False) -> None:
        self._key = key
        self._waiting: dict[int, Notice] = {}
        self._closes_copies = closes_copies
        self._decided: dict[str, bool] = {}

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
        """Kept for the copies."""
        if self._closes_copies:
            self._decided.setdefault(notice.gold.text, notice.found_illegal)

    def settle(self, at: float) -> list[tuple[Notice, bool]]:
        """Copies of what was decided, orders and dangers to life aside, as in the queue."""
        copies = [n for n in self._waiting.values() if n.gold.text in self._decided and not (n.order or n.vital)]
        return [(self._waiting.pop(copy.number), self._decided[copy.gold.text]) for copy in copies]


def fifo() -> Ranked:
    """First come, first read."""
    return Ranked(lambda notice, at: 0.0)


def score_only(*, closes_copies: bool = False) -> Ranked:
    """The highest probability of any family first: the model without severity, reach, clock or age."""
    return Ranked(
        lambda notice, at: max(notice.gold.verdict.scores[family] or 0.0 for family in FAMILIES),
        closes_copies=closes_copies,
    )


def oracle() -> Ranked:
    """The most harm still to come per minute of reading first, known exactly, the future included; obeys no clock.

    It reads no text twice either, so that it bounds what Vigie can do.
    """
    return Ranked(
        lambda notice, at: notice.harm_left(at) / notice.minutes if notice.acted_on else 0.0, closes_copies=True
    )


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
        self._taxonomy = queue.rules.taxonomy
        times = Counter(notice.gold.text for notice in notices)
        self._repeated = {text for text, count in times.items() if count > 1}
        self._copies: dict[str, Notice] = {}
        self._decided: set[str] = set()

    @property
    def beat_minutes(self) -> float:
        """Twice in a lease."""
        return self._queue.rules.policy.claims.lease_minutes / 2

    def arrive(self, notice: Notice) -> None:
        """Received and scored at once, as the service does within seconds."""
        rules = self._queue.rules.policy.vital
        case = NewCase(
            external_id=notice.id,
            text=notice.gold.text,
            reach=int(notice.views),
            order=notice.order,
            category=rules.categories[0] if notice.vital else None,
        )
        source, now = Source(f"{notice.kind}", notice.kind), _moment(notice.at)
        self._cases[notice.id] = self._queue.receive([case], source=source, now=now)[0].id
        self._queue.score_pending(self._scorer, now=now)
        if notice.gold.text in self._repeated:
            self._copies[notice.id] = notice

    def seen(self, notice: Notice, at: float) -> None:
        """Its rank is written again, while it waits."""
        case_id = self._cases[notice.id]
        if self._case(notice).state in (State.RECEIVED, State.SCORED):
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
        found = notice.found_illegal
        ground = _ground_of(notice, self._taxonomy) if found else None
        form = DecisionForm(illegal=found, ground=ground, action=self._action[found])
        self._queue.decide(self._cases[notice.id], _account(analyst), form, _moment(at))
        self._copies.pop(notice.id, None)
        self._decided.add(notice.gold.text)

    def settle(self, at: float) -> list[tuple[Notice, bool]]:
        """The queue closes what equals a decision that can no longer be undone; which cases it closed."""
        copies = [notice for notice in self._copies.values() if notice.gold.text in self._decided]
        if not copies:
            return []
        self._queue.score_pending(self._scorer, now=_moment(at))
        closed = [(notice, case) for notice in copies if (case := self._case(notice)).state is State.DECIDED]
        for notice, _ in closed:
            del self._copies[notice.id]
        return [(notice, case.decisions[-1].illegal) for notice, case in closed]

    def training_rows(self, until: float) -> Iterator[dict[str, Any]]:
        """What ``vigie queue export`` gives of the decisions taken until then."""
        end = _moment(until)
        return (row for row in self._queue.training_rows() if row["decided_at"] <= end)

    def _case(self, notice: Notice) -> Case:
        return self._queue.get(self._cases[notice.id])


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


def _ground_of(notice: Notice, taxonomy: Taxonomy) -> str:
    """A legal ground of what the text truly is; the first of all for one found illegal by mistake."""
    family = notice.gold.family(taxonomy)
    return next((ground for ground in taxonomy.grounds if ground.family == family), taxonomy.grounds[0]).key


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
