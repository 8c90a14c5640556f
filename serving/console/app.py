"""The console: a person signs in, sees the queue, reveals, claims and decides.

Knows pages and forms; no rule of the queue. Works without scripts: htmx refreshes the queue and keeps the lease.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.api.auth import caller_of
from serving.api.problems import problem_of
from serving.bundle.errors import NotFound, VigieError

from .cases import CasePages
from .day import DayPages
from .desk import Desk
from .enrolment import EnrolmentPages
from .moves import MovePages
from .preferences import PreferencePages
from .reading import ReadingPages
from .render import page
from .search import SearchPages
from .sentences import sentence
from .sign_in import Entrance, unfinished
from .team import TeamPages

_STATIC = Path(__file__).parent / "static"

View = Callable[[Request], Awaitable[Response]]


def create_console(desk: Desk) -> Starlette:
    """The pages below ``/console``. Must run behind the gate, which says who is asking."""
    entrance, cases = Entrance(desk), CasePages(desk)
    reading, moves, search = ReadingPages(cases), MovePages(cases), SearchPages(desk)
    day, team = DayPages(desk), TeamPages(desk)
    preferences, enrolment = PreferencePages(desk), EnrolmentPages(desk)
    return Starlette(
        routes=[
            Mount("/static", kept(StaticFiles(directory=_STATIC)), name="static"),
            Route("/connexion", entrance.show, methods=["GET"]),
            Route("/connexion", entrance.enter, methods=["POST"]),
            Route("/deconnexion", entrance.leave, methods=["POST"]),
            Route("/mot-de-passe", settled(entrance.show_password), methods=["GET"]),
            Route("/mot-de-passe", settled(entrance.change_password), methods=["POST"]),
            Route("/", settled(cases.home), methods=["GET"]),
            Route("/suivant", settled(cases.next), methods=["POST"]),
            Route("/dossiers/{case_id}", settled(cases.show), methods=["GET"]),
            Route("/dossiers/{case_id}/reveler", settled(reading.reveal), methods=["POST"]),
            Route("/dossiers/{case_id}/decision", settled(moves.decide), methods=["POST"]),
            Route("/dossiers/{case_id}/annuler", settled(moves.undo), methods=["POST"]),
            Route("/dossiers/{case_id}/contester", settled(moves.appeal), methods=["POST"]),
            Route("/dossiers/{case_id}/remettre", settled(moves.release), methods=["POST"]),
            Route("/dossiers/{case_id}/transmettre", settled(moves.escalate), methods=["POST"]),
            Route("/dossiers/{case_id}/passer", settled(moves.skip), methods=["POST"]),
            Route("/dossiers/{case_id}/prendre", settled(moves.take), methods=["POST"]),
            Route("/dossiers/{case_id}/confier", settled(moves.hand), methods=["POST"]),
            Route("/dossiers/{case_id}/note", settled(moves.note), methods=["POST"]),
            Route("/dossiers/{case_id}/reference", settled(moves.golden), methods=["POST"]),
            Route("/recherche", settled(search.show), methods=["GET"]),
            Route("/recherche", settled(search.find), methods=["POST"]),
            Route("/reglages", settled(preferences.show), methods=["GET"]),
            Route("/reglages/lecture", settled(preferences.reading), methods=["POST"]),
            Route("/reglages/raccourcis", settled(preferences.shortcuts), methods=["POST"]),
            Route("/reglages/sujets", settled(preferences.topics), methods=["POST"]),
            Route("/reglages/sessions/fermer", settled(preferences.sign_out), methods=["POST"]),
            Route("/reglages/code", settled(enrolment.show), methods=["GET"]),
            Route("/reglages/code", settled(enrolment.confirm), methods=["POST"]),
            Route("/reglages/code/retirer", settled(enrolment.drop), methods=["POST"]),
            Route("/journee", settled(day.show), methods=["GET"]),
            Route("/equipe", settled(team.show), methods=["GET"]),
            Route("/equipe/confier", settled(team.hand), methods=["POST"]),
            Route("/dossiers/{case_id}/bail", settled(moves.heartbeat), methods=["POST"]),
        ],
        exception_handlers={VigieError: _on_error, HTTPException: _on_http_error, Exception: _on_unexpected},
    )


def kept(files: ASGIApp) -> ASGIApp:
    """``files``, which a browser may keep for an hour: fonts fetched again with each page would make it flicker."""

    async def keeping(scope: Scope, receive: Receive, send: Send) -> None:
        async def stamped(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["Cache-Control"] = "private, max-age=3600"
            await send(message)

        await files(scope, receive, stamped)

    return keeping


def settled(view: View) -> View:
    """``view`` for people with nothing left to set up; the others are led to the page where they do, one at a time."""

    async def guarded(request: Request) -> Response:
        account = caller_of(request).account
        left = unfinished(account) if account else None
        return RedirectResponse(left, 303) if left not in (None, request.url.path) else await view(request)

    return guarded


async def _on_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, VigieError)
    problem = problem_of(error)
    answer = page("error.html", problem.status, sentence=sentence(error), request_id=_request_id(request))
    answer.headers.update(problem.headers)
    return answer


async def _on_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    words = sentence(NotFound("")) if error.status_code == 404 else "Cette adresse n’accepte pas cette action."
    return page("error.html", error.status_code, sentence=words, request_id=_request_id(request))


async def _on_unexpected(request: Request, error: Exception) -> Response:
    # What happened is logged by serving.api.problems.Unexpected, around this application.
    return page("error.html", 500, sentence=sentence(VigieError("")), request_id=_request_id(request))


def _request_id(request: Request) -> str:
    return str(request.scope.get("state", {}).get("request_id", ""))
