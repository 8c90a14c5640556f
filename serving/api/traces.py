"""OpenTelemetry traces, when ``VIGIE_TRACES`` says where to send them. Off, nothing of it is loaded.

A span a request, named after its route; numbers and names of ours only: no path, query, header or text, for a façade's
query carries its key. Who calls, where to and how much is sampled is read by the library from its own OTEL_* variables.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.bundle.errors import ConfigError, MissingExtra

from .journal import method_of, route_of

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Tracer

#: An exception's message may quote a text: neither it nor its traceback becomes part of a span.
_SILENT: Any = {"record_exception": False, "set_status_on_exception": False}

#: Makes the spans of the request under way.
_tracer: ContextVar[Tracer | None] = ContextVar("vigie_tracer", default=None)

_QUIET = frozenset({"/livez", "/readyz", "/healthz", "/metrics"})


def open_traces(address: str, exporter: SpanExporter | None = None) -> TracerProvider:
    """What makes spans and sends them, in the background, to the collector at ``address`` (OTLP over HTTP).

    Raises:
        ConfigError: not an address.
        MissingExtra: the exporter is not installed.
    """
    if urlsplit(address).scheme not in ("http", "https") or not urlsplit(address).hostname:
        detail = f"VIGIE_TRACES {address!r}: expected the address of a collector, such as http://localhost:4318"
        raise ConfigError(detail, pointer="VIGIE_TRACES")
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import SERVICE_NAME, Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ModuleNotFoundError as error:
        raise MissingExtra.of("traces", error.name or "opentelemetry") from None
    provider = TracerProvider(resource=Resource.create({SERVICE_NAME: "vigie"}))
    sender = exporter or OTLPSpanExporter(endpoint=f"{address.rstrip('/')}/v1/traces")
    provider.add_span_processor(BatchSpanProcessor(sender))
    return provider


class Traced:
    """Pure ASGI: a span around each request, a child of the caller's when it sent a ``traceparent``."""

    def __init__(self, app: ASGIApp, provider: Callable[[], TracerProvider | None]) -> None:
        """``provider`` gives None while traces are off."""
        self.app = app
        self.provider = provider

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the application inside a span."""
        provider = self.provider()
        if provider is None or scope["type"] != "http" or scope["path"] in _QUIET:
            return await self.app(scope, receive, send)
        status = 0

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        tracer = provider.get_tracer("vigie")
        token = _tracer.set(tracer)
        try:
            with _request_span(tracer, scope) as span:
                try:
                    await self.app(scope, receive, watched)
                finally:
                    _describe(span, scope, status)
        finally:
            _tracer.reset(token)


@contextmanager
def step(name: str, **numbers: int) -> Iterator[None]:
    """A part of the request under way as a span of its own; nothing while traces are off."""
    tracer = _tracer.get()
    if tracer is None:
        yield
        return
    with tracer.start_as_current_span(name, attributes=numbers, **_SILENT):
        yield


def _request_span(tracer: Tracer, scope: Scope) -> Any:
    from opentelemetry.context import Context
    from opentelemetry.trace import SpanKind
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    # An empty context to start from: the shell has a span of its own that is never sampled.
    carrier = {"traceparent": Headers(scope=scope).get("traceparent", "")}
    parent = TraceContextTextMapPropagator().extract(carrier, context=Context())
    return tracer.start_as_current_span("request", context=parent, kind=SpanKind.SERVER, **_SILENT)


def _describe(span: Any, scope: Scope, status: int) -> None:
    from opentelemetry.trace import StatusCode

    route, method = route_of(scope), method_of(scope)
    span.update_name(f"{method} {route}")
    span.set_attribute("http.request.method", method)
    span.set_attribute("http.route", route)
    span.set_attribute("http.response.status_code", status)
    if status >= 500 or not status:
        span.set_status(StatusCode.ERROR)
    span.set_attribute("vigie.request_id", scope.get("state", {}).get("request_id", ""))
    if caller := scope.get("state", {}).get("caller"):
        span.set_attribute("vigie.caller", caller.name)
