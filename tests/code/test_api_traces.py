"""Traces: one span a request, a child of the caller's, without anything that was said."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest
from house import open_house
from starlette.testclient import TestClient

from serving.api.traces import Traced, open_traces, step
from serving.bundle import ConfigError

pytest.importorskip("opentelemetry.exporter.otlp.proto.http", reason="needs vigie[traces]")

PARENT = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.fixture
def exporter():
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    return InMemorySpanExporter()


@pytest.fixture
def traced(tmp_path, tiny_bundle, exporter):
    """A client whose requests are traced, and the spans that they left."""
    house, close = open_house(tmp_path, tiny_bundle)
    provider = open_traces("http://localhost:4318", exporter)
    _, plain = house.accounts.create_key("essai", "platform")
    client = TestClient(
        Traced(house.app, lambda: provider),
        headers={"Authorization": f"Bearer {plain}"},
        raise_server_exceptions=False,
    )

    def spans() -> dict[str, object]:
        provider.force_flush()
        return {span.name: span for span in exporter.get_finished_spans()}

    yield client, spans
    provider.shutdown()
    close()


def test_a_request_is_a_span_named_after_its_route(traced):
    client, spans = traced
    client.get("/v1/cases/inconnu")
    span = spans()["GET /v1/cases/{case_id}"]
    assert span.attributes["http.response.status_code"] == 404
    assert span.attributes["vigie.caller"].startswith("key:")
    assert span.attributes["vigie.request_id"]


def test_the_database_s_part_is_a_child(traced):
    client, spans = traced
    client.get("/v1/cases")
    found = spans()
    assert found["Queue.changed_since"].parent.span_id == found["GET /v1/cases"].context.span_id


def test_it_continues_the_caller_s_trace(traced):
    client, spans = traced
    client.get("/v1/bundle", headers={"traceparent": f"00-{PARENT}-00f067aa0ba902b7-01"})
    assert f"{spans()['GET /v1/bundle'].context.trace_id:032x}" == PARENT


def test_no_text_no_query_and_no_key_is_in_a_span(traced, exporter):
    client, spans = traced
    client.post("/v1/score?requete=secrete", json={"items": [{"text": "phrase confidentielle"}]})
    client.get("/v1/cases/identifiant-secret?key=vigie_secret")
    assert spans()
    shown = "".join(span.to_json() for span in exporter.get_finished_spans())
    for kept_out in ("confidentielle", "secrete", "secret", "vigie_"):
        assert kept_out not in shown


def test_an_accident_is_an_error_without_its_message(exporter):
    provider = open_traces("http://localhost:4318", exporter)

    async def broken(scope, receive, send):
        raise RuntimeError("phrase confidentielle")

    with pytest.raises(RuntimeError):
        TestClient(Traced(broken, lambda: provider)).get("/v1/bundle")
    provider.shutdown()
    (span,) = exporter.get_finished_spans()
    assert span.status.status_code.name == "ERROR"
    assert "confidentielle" not in span.to_json()


def test_health_and_figures_leave_none(traced):
    client, spans = traced
    client.get("/metrics")
    client.get("/livez")
    assert spans() == {}


def test_off_nothing_happens(tmp_path, tiny_bundle):
    house, close = open_house(tmp_path, tiny_bundle)
    with step("nothing"):
        assert TestClient(Traced(house.app, lambda: None)).get("/v1/bundle").status_code == 401
    close()


@pytest.mark.parametrize("address", ["localhost:4318", "ftp://x", "http://"])
def test_an_address_that_is_none_is_named(address):
    with pytest.raises(ConfigError, match="VIGIE_TRACES"):
        open_traces(address)


def test_spans_reach_a_collector_over_http():
    """The real exporter, to a collector that notes what it is sent."""
    received: list[tuple[str, bytes]] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self):
            received.append((self.path, self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_arguments):
            pass

    server = HTTPServer(("127.0.0.1", 0), Collector)
    Thread(target=server.serve_forever, daemon=True).start()
    provider = open_traces(f"http://127.0.0.1:{server.server_port}/")
    with provider.get_tracer("essai").start_as_current_span("une étape"):
        pass
    provider.shutdown()
    server.shutdown()
    ((path, body),) = received
    assert path == "/v1/traces"
    assert body
