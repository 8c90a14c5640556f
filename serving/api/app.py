"""Puts the routes of ``/v1`` together. Knows who is connected to what; nothing of what they do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fastapi import FastAPI
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp

from serving.classifier import Classifier
from serving.facades import Facades
from serving.review import Queue

from . import document, problems
from .auth import Doors, Gate, Insiders
from .cases import case_routes
from .claiming import claiming_routes
from .deciding import deciding_routes
from .explaining import explaining_routes
from .figures import figure_routes
from .journal import Journal
from .limits import BodyLimit, Limits
from .meters import Meters
from .openai import openai_routes
from .perspective import AnalyzerError, on_analyzer_error, perspective_routes
from .quotas import Quotas, Turnstile
from .reading import reading_routes
from .replay import replay_routes
from .scoring import Scorer, scoring_routes
from .threads import in_thread
from .thresholds import threshold_routes


def create_app(
    classifier: Classifier,
    queue: Queue,
    secret: bytes,
    *,
    meters: Meters,
    facades: Facades,
    limits: Limits | None = None,
    on_received: Callable[[], None] = lambda: None,
) -> FastAPI:
    """The native interface. It must run behind ``guarded``: without a gate it lets nobody in.

    ``secret`` keys the receipts; ``on_received`` is called when new cases wait to be scored.
    """
    limits = limits or Limits()
    app = FastAPI(title="Vigie", summary=_SUMMARY, openapi_url="/v1/openapi.json", docs_url=None, redoc_url=None)
    problems.install(app)
    app.add_middleware(Insiders)
    scorer = Scorer(classifier, secret, meters, limits)
    for routes in (scoring_routes, explaining_routes, threshold_routes, replay_routes):
        app.include_router(routes(scorer))
    app.include_router(openai_routes(scorer, facades.openai))
    app.include_router(perspective_routes(scorer, queue, facades.perspective))
    app.add_exception_handler(AnalyzerError, on_analyzer_error)
    app.include_router(case_routes(queue, meters, limits, on_received))
    app.include_router(deciding_routes(queue, meters))
    for desk in (claiming_routes, reading_routes, figure_routes):
        app.include_router(desk(queue))
    app.add_api_route(
        "/metrics",
        _metrics_view(meters, queue),
        responses=document.told(str),
        response_class=PlainTextResponse,
        tags=["figures"],
    )
    document.install(app)
    return app


def _metrics_view(meters: Meters, queue: Queue) -> Callable[[], Awaitable[Response]]:
    async def metrics() -> Response:
        """Figures for Prometheus: latencies by route, texts scored, cases received, scored and decided."""
        body, media_type = await in_thread(lambda: meters.exposition(queue.stats()))
        return Response(body, media_type=media_type)

    return metrics


_SUMMARY = "Scores French text for hate, terrorism and harassment, and orders the queues of the people who read it."


def guarded(
    app: ASGIApp,
    doors: Callable[[], Doors | None],
    meters: Meters | None = None,
    limits: Limits | None = None,
    quotas: Quotas | None = None,
) -> ASGIApp:
    """``app`` behind request ids and logs, the gate, quotas and the size limit, outermost first, as in the service."""
    sized = BodyLimit(app, (limits or Limits()).body)
    return Journal(Gate(Turnstile(sized, lambda: quotas), doors), lambda: meters)
