"""A client of the native interface, for platforms: ``pip install 'vigie[client]'``, then

    with Client("https://vigie.example", key) as vigie:
        vigie.score(["Un texte à lire."]).items[0].levels

Knows the interface and how to wait; imports nothing of the service but the records it answers (``serving.answers``).
Every call here may be sent twice without harm, so that a lost answer is asked for again.
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from time import monotonic, sleep
from types import TracebackType
from typing import Annotated, TypeVar
from urllib.parse import quote

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from .answers import (
    BundleAnswer,
    Case,
    CaseRow,
    Changes,
    ExplainAnswer,
    Fault,
    Problem,
    Receipt,
    Received,
    ReceivedAnswer,
    Replay,
    ScoreAnswer,
    ThresholdsAnswer,
)

try:
    import httpx
except ImportError:
    raise ImportError("the client needs httpx; install it with: pip install 'vigie[client]'") from None

Record = TypeVar("Record", bound=BaseModel)

#: Refusals that may end by themselves: a quota, an overload or a start, and a proxy on the way.
_PASSING = frozenset({429, 502, 503, 504})

#: Seconds before asking again where nobody says when, doubled each time up to the second.
_FIRST_WAIT, _LONGEST_WAIT = 0.5, 8.0


class ClientError(Exception):
    """Root of what a call can raise. No message holds a text or the key."""


class Unreachable(ClientError):
    """No answer came: address, network, or time."""


class Misunderstood(ClientError):
    """What answered is not the interface that this client knows: another service, or a page of a proxy."""


class Refused(ClientError):
    """The service refused.

    Attributes:
        status: of HTTP. ``code`` is stable, ``detail`` a sentence, ``pointer`` the place in the body.
        errors: everything that is wrong with the body, where there are several things.
        request_id: what whoever runs the service finds in its log.
        retry_after: seconds after which it may be asked again, where it says so.
    """

    def __init__(self, problem: Problem, retry_after: float | None = None) -> None:
        place = f" (at {problem.pointer})" if problem.pointer else ""
        super().__init__(f"{problem.status} {problem.code}: {problem.detail}{place}")
        self.status = problem.status
        self.code = problem.code
        self.detail = problem.detail
        self.pointer = problem.pointer
        self.errors: tuple[Fault, ...] = problem.errors
        self.request_id = problem.request_id
        self.retry_after = retry_after


# --- Cases to submit --------------------------------------------------------------------------------------------------


class _Sent(BaseModel):
    """What is sent: frozen, without unknown fields; its representation holds no text and nobody's name."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


_Private = Field(repr=False)


class ThreadPost(_Sent):
    """One message of the conversation around a text, oldest first."""

    text: Annotated[str, _Private]
    author_id: Annotated[str | None, _Private] = None
    at: AwareDatetime | None = None


class Reporter(_Sent):
    """Who reported; the service keeps a keyed hash."""

    id: Annotated[str, _Private]


class Notice(_Sent):
    """A notice in the sense of DSA art. 16(2)."""

    explanation: Annotated[str | None, _Private] = None
    name: Annotated[str | None, _Private] = None
    email: Annotated[str | None, _Private] = None
    good_faith: bool | None = None


class Order(_Sent):
    """An authority's order."""

    authority: str
    reference: str
    received_at: AwareDatetime | None = None
    kind: str | None = None
    due_at: AwareDatetime | None = None


class NewCase(_Sent):
    """A case to submit. ``external_id`` is yours: the same one with the same body is stored once."""

    external_id: str
    text: Annotated[str, _Private]
    url: Annotated[str | None, _Private] = None
    received_at: AwareDatetime | None = None
    language: str | None = None
    reach: int | None = None
    category: str | None = None
    author_id: Annotated[str | None, _Private] = None
    target_id: Annotated[str | None, _Private] = None
    thread: tuple[ThreadPost, ...] = ()
    reporter: Reporter | None = None
    notice: Notice | None = None
    order: Order | None = None


# --- The client -------------------------------------------------------------------------------------------------------


class Client:
    """One service and one key. Safe to share among threads; a connection is kept open between calls."""

    def __init__(
        self,
        url: str,
        key: str,
        *,
        patience: float = 180.0,
        timeout: float = 130.0,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """``url`` without ``/v1``.

        Args:
            patience: seconds for one call, waits included, before its last failure is raised; 0 asks once. A quota is
                counted by the minute, so that 60 is enough to see its end.
            timeout: seconds for one answer; the service gives up after 115, so that a shorter one asks twice for the
                same work.
            transport: another way out than the network, of httpx (proxies, certificates, tests).

        Raises:
            ValueError: no address of HTTP, or a key that no header carries.
        """
        address = httpx.URL(url.rstrip("/"))
        if address.scheme not in ("http", "https") or not address.host or address.userinfo:
            raise ValueError("url: expected http(s)://HOST[:PORT], without a name or password")
        if not key or not key.isascii() or not key.isprintable() or " " in key:
            raise ValueError("key: expected what `vigie key create` printed")
        self._address = str(address)
        self._patience = patience
        self._http = httpx.Client(
            headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
            timeout=timeout,
            transport=transport,
        )

    def __repr__(self) -> str:
        return f"Client({self._address!r})"

    def __enter__(self) -> Client:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()

    def score(
        self,
        texts: str | Sequence[str],
        *,
        ids: Sequence[str] | None = None,
        receipts: bool = False,
        spans: bool = False,
    ) -> ScoreAnswer:
        """Score up to 2,000 texts (32 with ``spans``); one that cannot be scored has its ``error``, the others scores.

        Args:
            ids: your names of the texts, one each (default: their numbers).
        """
        include = ["levels"] + ["receipt"] * receipts + ["spans"] * spans
        return self._ask(ScoreAnswer, "/v1/score", {"items": _items(texts, ids), "include": include})

    def explain(
        self, texts: str | Sequence[str], *, labels: Sequence[str] | None = None, ids: Sequence[str] | None = None
    ) -> ExplainAnswer:
        """What each word of up to 32 texts weighs; as many texts of the quota as they have words."""
        return self._ask(ExplainAnswer, "/v1/explain", _given(items=_items(texts, ids), labels=_list(labels)))

    def thresholds(
        self, formula: str, *, labels: Sequence[str] | None = None, population_rate: float | None = None
    ) -> ThresholdsAnswer:
        """Solve a formula such as ``maximum recall @ precision >= 0.75`` on the curves of the bundle."""
        body = _given(formula=formula, labels=_list(labels), population_rate=population_rate)
        return self._ask(ThresholdsAnswer, "/v1/thresholds", body)

    def bundle(self) -> BundleAnswer:
        """What scores there."""
        return self._ask(BundleAnswer, "/v1/bundle")

    def replay(self, text: str, receipt: Receipt) -> Replay:
        """Whether ``text`` still gets what ``receipt`` says; ``Refused`` when it is not its text, or was altered."""
        body = {"text": text, "receipt": receipt.model_dump(mode="json")}
        return self._ask(Replay, "/v1/receipts:replay", body)

    def submit(self, cases: NewCase | Sequence[NewCase]) -> tuple[Received, ...]:
        """Store up to 500 cases, all or none; they are on disk when this returns. Sent again, they are stored once."""
        several = [cases] if isinstance(cases, NewCase) else cases
        body = {"cases": [case.model_dump(mode="json", exclude_unset=True) for case in several]}
        return self._ask(ReceivedAnswer, "/v1/cases", body).cases

    def changed_since(self, cursor: int = 0, *, limit: int = 100) -> Changes:
        """Your cases that changed after ``cursor``, without text; ask again from the answer's ``cursor``."""
        return self._ask(Changes, "/v1/cases", query={"changed_since": cursor, "limit": limit})

    def case(self, case_id: str) -> Case:
        """One of your cases, with what the model said of it and what people decided."""
        return self._ask(Case, _case(case_id))

    def change_reach(self, case_id: str, reach: int) -> CaseRow:
        """Say that ``reach`` people have seen the text of your case by now: its place in the queue is written again."""
        return self._ask(CaseRow, f"{_case(case_id)}/reach", {"reach": reach})

    def appeal(self, case_id: str, note: str = "") -> CaseRow:
        """Contest the decision on your case; ``Refused`` with 409 where there is none, or an appeal already."""
        return self._ask(CaseRow, f"{_case(case_id)}/appeal", {"note": note})

    def _ask(
        self, record: type[Record], path: str, body: object = None, *, query: dict[str, int] | None = None
    ) -> Record:
        """The record that the service answers; asked again, within our patience, where that may help.

        Raises:
            Refused, Unreachable, Misunderstood: what the last answer was.
        """
        # ASCII: any text can be sent, lone surrogates included, and the service reads them as spaces.
        content = None if body is None else json.dumps(body).encode()
        deadline = monotonic() + self._patience
        wait = _FIRST_WAIT
        while True:
            try:
                return self._once(record, path, content, query)
            except Refused as refusal:
                if refusal.status not in _PASSING:
                    raise
                error: ClientError = refusal
            except Unreachable as unreachable:
                error = unreachable
            told = getattr(error, "retry_after", None)
            # Not all at the same moment: who waits without being told when, waits a little at random.
            pause = random.uniform(wait / 2, wait) if told is None else told
            if monotonic() + pause > deadline:
                raise error
            sleep(pause)
            wait = min(wait * 2, _LONGEST_WAIT)

    def _once(self, record: type[Record], path: str, content: bytes | None, query: dict[str, int] | None) -> Record:
        method = "GET" if content is None else "POST"
        try:
            answer = self._http.request(method, self._address + path, content=content, params=query)
        except httpx.RequestError as error:
            raise Unreachable(f"{self._address}: no answer ({type(error).__name__})") from None
        if answer.is_redirect:
            raise Misunderstood(f"{self._address}{path}: leads elsewhere; give the address it leads to")
        if not answer.is_success:
            raise Refused(_problem(answer), _retry_after(answer.headers.get("Retry-After")))
        try:
            return record.model_validate_json(answer.content)
        except ValidationError as error:
            places = ", ".join(sorted({".".join(map(str, fault["loc"][:3])) or "body" for fault in error.errors()})[:3])
            raise Misunderstood(f"{self._address}{path}: not the answer that was expected (at {places})") from None


def _case(case_id: str) -> str:
    return f"/v1/cases/{quote(case_id, safe='')}"


def _items(texts: str | Sequence[str], ids: Sequence[str] | None) -> list[dict[str, str]]:
    texts = [texts] if isinstance(texts, str) else texts
    if ids is None:
        return [{"text": text} for text in texts]
    if len(ids) != len(texts):
        raise ValueError(f"ids: expected {len(texts)}, one for each text, got {len(ids)}")
    return [{"id": given, "text": text} for given, text in zip(ids, texts, strict=True)]


def _given(**fields: object) -> dict[str, object]:
    return {name: value for name, value in fields.items() if value is not None}


def _list(labels: Sequence[str] | None) -> list[str] | None:
    return None if labels is None else list(labels)


def _problem(answer: httpx.Response) -> Problem:
    """What the service says; what a proxy says is told by its status alone."""
    try:
        return Problem.model_validate_json(answer.content)
    except ValidationError:
        return Problem(
            type="about:blank",
            title=answer.reason_phrase,
            status=answer.status_code,
            detail="refused without a reason; is this the address of a Vigie?",
            code="unknown",
            pointer=None,
            instance=None,
            request_id=answer.headers.get("X-Request-ID"),
        )


def _retry_after(value: str | None) -> float | None:
    """Seconds, given as such or as a date (RFC 9110, 10.2.3); None where neither can be read."""
    if value is None:
        return None
    if value.strip().isdecimal():
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    now = datetime.now(UTC)
    return max(0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - now).total_seconds())
