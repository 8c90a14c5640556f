"""What the pages show of a case: records in, plain values for the templates out. Pure; makes no call."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from serving.bundle import FAMILIES, OUTPUT_KEYS, Taxonomy, at_least
from serving.bundle.taxonomy import Ground
from serving.policy import Policy
from serving.review import Account, Case, CaseRow, EventKind, Likeness, Note, State
from serving.review.records import COMPLAINT, WAITING_STATES

from . import keys, words
from .typography import NBSP

_FAMILY_TITLES = {"": "Autres qualifications"}
#: What may happen to a decided case without moving it.
_MOVE_NOTHING = frozenset({EventKind.NOTED, EventKind.SCORED, EventKind.SCORE_FAILED})
#: Probability from which an output is named among the details of a case.
_WORTH_NAMING = 0.15


@dataclass(frozen=True)
class Suspicion:
    """One family the model suspects: its title, its level in words, its level's key."""

    title: str
    words: str
    level: str


@dataclass(frozen=True)
class Deadline:
    """A deadline in words; ``tone`` is calm, near or past."""

    title: str
    words: str
    tone: str
    at: str
    #: The moment itself, in ISO 8601, and how many seconds before it counts as near: for the clock of the page.
    moment: str
    margin: int


@dataclass(frozen=True)
class Choice:
    """A qualification that has a digit; ``value`` is ``licite``, the key of a ground, or ``autre``."""

    digit: str
    value: str
    title: str
    text: str


@dataclass(frozen=True)
class Step:
    """An action and the letter that takes it; ``after`` names the findings it may follow."""

    key: str
    title: str
    letter: str
    after: str


@dataclass(frozen=True)
class Undo:
    """A decision that its analyst may take back for ``seconds`` more, with ``others`` taken at once on cases alike."""

    case_id: str
    said: str
    seconds: int
    others: tuple[str, ...] = ()


@dataclass(frozen=True)
class NearView:
    """A near-duplicate; ``together``: it waits and may be decided with the case. ``differing`` is text: on demand."""

    view: RowView
    similarity: str
    differing: tuple[str, ...]
    risky: bool
    together: bool


@dataclass(frozen=True)
class RowView:
    """A line of the queue, and the head of a case: everything but the text."""

    id: str
    external_id: str
    state: str
    state_words: str
    lane: str
    lane_words: str
    vital: bool
    suspicions: tuple[Suspicion, ...]
    protected: str | None
    scored: bool
    severity: str
    severity_rank: int
    deadline: Deadline | None
    category: str | None
    reach: str | None
    age: str
    received: str
    reading: str


class Words:
    """Turns records into views, with the deployment's taxonomy and policy."""

    def __init__(self, taxonomy: Taxonomy, policy: Policy) -> None:
        self.taxonomy = taxonomy
        self.policy = policy
        self._titles = {output.key: output.title for output in taxonomy.outputs}
        self._severities = {output.key: output.severity or 0.0 for output in taxonomy.outputs}

    def row(self, row: CaseRow, now: datetime) -> RowView:
        """The line of a case at ``now``."""
        found = words.suspected(row.levels)
        severity = self._severity(row.levels)
        protected = row.levels.get("contexte_protege")
        return RowView(
            id=row.id,
            external_id=row.external_id,
            state=row.state.value,
            state_words=words.STATE_WORDS[row.state.value],
            lane=row.lane,
            lane_words=words.LANE_WORDS.get(row.lane, row.lane),
            vital=row.vital,
            suspicions=tuple(Suspicion(self._titles[key], words.LEVEL_WORDS[level], level) for key, level in found),
            protected=words.LEVEL_WORDS[protected] if protected and protected != "peu_probable" else None,
            scored=row.bundle is not None and row.score_error is None,
            severity=words.severity_words(severity),
            severity_rank=words.severity_rank(severity) if severity else 0,
            deadline=self._deadline(row, now),
            category=row.category,
            reach=words.plural(row.reach, "vue") if row.reach is not None else None,
            age=words.age_words(row.created_at, now),
            received=self.moment(row.created_at),
            reading=words.plural(max(round(row.minutes), 1), "minute"),
        )

    def _severity(self, levels: dict[str, str | None]) -> float:
        """The gravest of what is at least possible; 0 when nothing is."""
        possible = (key for key, level in levels.items() if at_least(level, "possible"))
        return max((self._severities.get(key, 0.0) for key in possible), default=0.0)

    def posted(self, at: str | None) -> str | None:
        """The time of a message of the thread, when it has one."""
        return self.moment(datetime.fromisoformat(at)) if at else None

    def moment(self, at: datetime) -> str:
        """A time on the analysts' clock."""
        return f"{at.astimezone(self.policy.zone):%d/%m/%Y} à {self.clock(at)}"

    def clock(self, at: datetime) -> str:
        """The hour on the analysts' clock."""
        return at.astimezone(self.policy.zone).strftime(f"%H{NBSP}h{NBSP}%M")

    def _deadline(self, row: CaseRow, now: datetime) -> Deadline | None:
        if row.state in (State.DECIDED, State.CLOSED):
            return None
        title, due = ("Échéance légale", row.due_at) if row.due_at else ("Objectif interne", row.target_at)
        if due is None:
            return None
        margin = self.policy.claims.due_margin
        tone = "past" if due <= now else "near" if due - now <= margin else "calm"
        told, seconds = words.countdown_words(due, now), int(margin.total_seconds())
        return Deadline(title, told, tone, self.moment(due), due.isoformat(), seconds)

    def details(self, case: Case) -> list[tuple[str, str]]:
        """The finer outputs worth naming, the likeliest first: (title, percentage)."""
        scores = case.verdict.scores if case.verdict else {}
        fine = [
            (self._titles[key], score)
            for key in OUTPUT_KEYS
            if "." in key and (score := scores.get(key)) is not None and score >= _WORTH_NAMING
        ]
        return [(title, words.percent(score)) for title, score in sorted(fine, key=lambda pair: -pair[1])[:5]]

    def title(self, key: str) -> str:
        """The title of an output."""
        return self._titles[key]

    def choices(self, case: Case) -> list[Choice]:
        """The qualifications that have a digit: legal, the grounds of the family most suspected, then all others."""
        found = words.suspected(case.row.levels)
        grounds = keys.offered(self.taxonomy.grounds, found[0][0] if found else None)
        return [
            Choice(keys.LEGAL, "licite", "Licite ou non établi", "aucun fondement"),
            *(Choice(digit, ground.key, ground.title, ground.text) for digit, ground in grounds),
            Choice(keys.OTHER, "autre", "Autre fondement", "à choisir dans la liste"),
        ]

    def likeness(self, other: Likeness, now: datetime) -> NearView:
        """A near-duplicate at ``now``."""
        together = not other.risky and other.row.state in WAITING_STATES
        share = words.percent(other.similarity)
        return NearView(self.row(other.row, now), share, other.differing_words, other.risky, together)

    def note(self, note: Note, members: dict[str, Account]) -> dict[str, str]:
        """A note, its author by name while the account exists."""
        author = members.get(note.analyst)
        nobody = "Réclamation" if note.analyst == COMPLAINT else "Un compte fermé"
        return {"text": note.text, "who": author.name if author else nobody, "at": self.moment(note.at)}

    def undo(self, case: Case, account: Account, now: datetime) -> Undo | None:
        """The last decision of ``account`` on ``case``, while it may be taken back."""
        last = next((event for event in reversed(case.events) if event.kind not in _MOVE_NOTHING), None)
        if last is None or last.kind is not EventKind.DECIDED or last.actor != account.id:
            return None
        left = int((last.at + self.policy.claims.undo - now).total_seconds())
        if left < 1:
            return None
        # A blind second reading hides the decision, from the one who took it as well.
        taken = case.decisions[-1] if case.decisions else None
        said = f"{_finding(taken.illegal)} : {self._action_title(taken.action)}." if taken else ""
        return Undo(case.id, said, left)

    def grounds(self) -> list[tuple[str, Sequence[Ground]]]:
        """Grounds of the taxonomy under the title of their family, other qualifications last."""
        return [(self._family_title(family), group) for family, group in _by_family(self.taxonomy.grounds)]

    def _family_title(self, family: str) -> str:
        return self._titles.get(family) or _FAMILY_TITLES[""]

    def actions(self) -> list[Step]:
        """The deployment's actions, in the order of its policy, each with its letter."""
        offered = self.policy.offered_actions()
        given = keys.letters([action.title for action in offered])
        return [Step(a.key, a.title, letter, " ".join(a.after)) for a, letter in zip(offered, given, strict=True)]

    def decisions(self, case: Case) -> list[dict[str, str | None]]:
        """The decisions taken, in words, the latest first."""
        return [
            {
                "finding": _finding(decision.illegal),
                "ground": ground.title if (ground := self.taxonomy.ground(decision.ground or "")) else decision.ground,
                "text": ground.text if ground else None,
                "action": self._action_title(decision.action),
                "note": decision.note or None,
                "copied": decision.copied_from,
                "at": self.moment(decision.at),
            }
            for decision in reversed(case.decisions)
        ]

    def _action_title(self, key: str) -> str:
        return next((action.title for action in self.policy.actions if action.key == key), key)

    def history(self, case: Case) -> list[tuple[str, str]]:
        """The events of a case, the latest first: (what, when)."""
        return [(words.EVENT_WORDS[event.kind.value], self.moment(event.at)) for event in reversed(case.events)]


def _by_family(grounds: Iterable[Ground]) -> list[tuple[str, list[Ground]]]:
    order = [*FAMILIES, ""]
    ordered = sorted(grounds, key=lambda ground: order.index(ground.family))
    return [(family, list(group)) for family, group in groupby(ordered, key=lambda ground: ground.family)]


def _finding(illegal: bool) -> str:
    return "Contenu illicite" if illegal else "Contenu licite ou non établi"


def hold(row: CaseRow, account: Account) -> bool:
    """Whether ``account`` holds the case; an ended lease counts until somebody else claims."""
    return row.state is State.CLAIMED and row.claimed_by == account.id
