"""With OpenTelemetry set up, each call is one client span with its attempts as events, and metadata only."""

from __future__ import annotations

from typing import Any, Dict, Iterator

import httpx
import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from statebase import NotFoundError

_exporter = InMemorySpanExporter()


@pytest.fixture(scope="module", autouse=True)
def _provider() -> None:
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(_exporter))
    trace.set_tracer_provider(provider)


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    _exporter.clear()
    yield _exporter
    _exporter.clear()


def test_a_call_is_one_span(respond: Any, spans: InMemorySpanExporter, session_json: Dict[str, Any]) -> None:
    """Two attempts are two events of one span, which is a client's and carries the operation and the last status."""
    client, _ = respond(503, httpx.Response(201, json=session_json, headers={"x-request-id": "req_2"}))

    client.sessions.create("agent")

    (span,) = spans.get_finished_spans()
    assert (span.name, span.kind) == ("POST /v1/sessions", trace.SpanKind.CLIENT)
    assert span.attributes == {
        "http.request.method": "POST",
        "url.template": "/v1/sessions",
        "server.address": "api.statebase.org",
        "statebase.operation": "create_session",
        "http.request.resend_count": 1,
        "http.response.status_code": 201,
    }
    assert [event.attributes["http.response.status_code"] for event in span.events] == [503, 201]  # type: ignore[index]
    assert span.events[1].attributes["statebase.request_id"] == "req_2"  # type: ignore[index]


def test_a_failure_is_one_too(respond: Any, spans: InMemorySpanExporter) -> None:
    """The span of a call that failed has an error status, the kind of error, and what became of the request."""
    client, _ = respond(404)

    with pytest.raises(NotFoundError):
        client.sessions.get("sess_1")

    (span,) = spans.get_finished_spans()
    assert span.status.status_code is trace.StatusCode.ERROR
    assert span.attributes["error.type"] == "NotFoundError"  # type: ignore[index]
    assert span.attributes["statebase.outcome"] == "rejected"  # type: ignore[index]


def test_nothing_that_users_wrote_is_in_it(respond: Any, spans: InMemorySpanExporter) -> None:
    """No id, no query, no body and no key is anywhere in the span."""
    client, _ = respond(httpx.Response(200, json={"data": [], "query": "hidden-query"}))

    client.memory.search("hidden-query", "sess_hidden", tags=["hidden-tag"])

    (span,) = spans.get_finished_spans()
    assert "hidden" not in span.to_json()
    assert "sb_test" not in span.to_json()


def test_id_in_the_path_is_not_in_it(respond: Any, spans: InMemorySpanExporter) -> None:
    """Of an address, a span shows the route as the API writes it: `{turn_id}`, not the id."""
    client, _ = respond(404)

    with pytest.raises(NotFoundError):
        client.sessions.get_turn("sess_hidden", "turn_hidden")

    (span,) = spans.get_finished_spans()
    assert span.attributes["url.template"] == "/v1/sessions/{session_id}/turns/{turn_id}"  # type: ignore[index]
    assert "hidden" not in span.to_json()


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(422, json={"error": {"code": "invalid", "message": "hidden-message", "param": "hidden-param"}}),
        httpx.Response(500, text="hidden-text"),
        httpx.Response(200, text="hidden-text"),
        httpx.Response(307, headers={"location": "https://hidden.example/"}),
        httpx.ReadError("hidden-detail"),
        ValueError("hidden-detail"),
    ],
    ids=["422", "500", "not JSON", "redirect", "lost", "of the application"],
)
def test_message_of_an_error_is_not_in_it(respond: Any, spans: InMemorySpanExporter, answer: Any) -> None:
    """Messages may hold what users wrote: a span tells the kind of an error, in its status, attributes and events."""
    client, _ = respond(answer, max_retries=0)

    with pytest.raises(Exception) as caught:
        client.memory.search("hidden-query", "sess_hidden")

    (span,) = spans.get_finished_spans()
    is_unreadable = isinstance(answer, httpx.Response) and answer.status_code == 200
    assert is_unreadable or span.status.description == type(caught.value).__name__
    assert "hidden" not in span.to_json()
