"""`get_context(on_unavailable=...)`: going on with an empty or an earlier context if the service is unavailable."""

from __future__ import annotations

import contextlib
import logging
import socket
from typing import Any, Dict

import httpx
import pytest

from statebase import (
    APIConnectionError,
    APIResponseValidationError,
    AuthenticationError,
    InternalServerError,
    InvalidRequestError,
    NotFoundError,
)
from statebase._call import fallback
from statebase.local import Engine
from statebase.server import serve_in_thread

LOST = httpx.ReadTimeout("no answer")


def context(**state: Any) -> httpx.Response:
    """Return the response of the service to a request for a context."""
    return httpx.Response(200, json={"state": state, "memories": [], "recent_turns": []})


@pytest.fixture
def script(respond: Any) -> Any:
    """Create a client without retries; its service returns the listed responses."""

    def make(*answers: Any, **options: Any) -> Any:
        return respond(*answers, max_retries=0, **options)

    return make


@pytest.mark.parametrize("failure", [LOST, httpx.ConnectError("refused"), 500, 503, 429, 408], ids=str)
@pytest.mark.parametrize("choice", ["empty", "last"])
def test_unavailable(script: Any, failure: Any, choice: Any):
    client, _ = script(failure)

    found = client.sessions.get_context("sess_1", on_unavailable=choice)

    assert (found.state, found.memories, found.recent_turns) == ({}, [], [])
    assert found.degraded
    assert found.reason
    assert found.age_seconds is None
    assert (found.to_prompt(), found.to_messages()) == ("", [])


@pytest.mark.parametrize(
    ("failure", "error"),
    [
        (401, AuthenticationError),
        (404, NotFoundError),
        (httpx.UnsupportedProtocol("ftp"), APIConnectionError),
        (httpx.Response(200, text="<html>"), APIResponseValidationError),
    ],
    ids=str,
)
@pytest.mark.parametrize("choice", ["empty", "last"])
def test_errors_of_the_request_are_raised(script: Any, failure: Any, error: Any, choice: Any):
    client, _ = script(failure)

    with pytest.raises(error):
        client.sessions.get_context("sess_1", on_unavailable=choice)


@pytest.mark.parametrize("arguments", [{}, {"on_unavailable": "raise"}])
def test_error_is_raised_by_default(script: Any, arguments: Dict[str, Any]):
    client, _ = script(503)

    with pytest.raises(InternalServerError):
        client.state.get_context("sess_1", **arguments)


def test_response_is_not_degraded(script: Any):
    client, _ = script(context(a=1), context(a=1))

    for found in (client.state.get_context("s", on_unavailable="last"), client.state.get_context("s")):
        assert (found.state, found.degraded, found.reason, found.age_seconds) == ({"a": 1}, False, None, None)


def test_last_context_of_the_session(script: Any, clock: Any, caplog: Any):
    """Whatever the query was. One log line says so."""
    client, _ = script(context(a=1), context(a=2), context(b=1), LOST)
    for session_id in ("sess_a", "sess_a", "sess_b"):
        client.sessions.get_context(session_id, "one query", on_unavailable="last")
    clock.advance(seconds=90)
    caplog.set_level(logging.WARNING)
    caplog.clear()

    found = client.sessions.get_context("sess_a", "another query", on_unavailable="last")

    assert (found.state, found.degraded, found.age_seconds) == ({"a": 2}, True, 90)
    assert found.reason == "No complete response from api.statebase.org in time: raise timeout= if it needs longer."
    assert [record.getMessage() for record in caplog.records] == [
        f"sessions.get_context returns the response of 90 seconds ago: {found.reason}"
    ]


def test_hanging_service_is_asked_once(script: Any, clock: Any):
    """Until the pause is over; and the result of a fallback can be changed without an effect on the next one."""
    client, requests = script(context(a=1), LOST, context(a=2))
    client.state.get_context("sess_1", on_unavailable="last")
    for _ in range(3):
        found = client.state.get_context("sess_1", on_unavailable="last")
        assert found.state == {"a": 1}
        found.state.clear()
    assert len(requests) == 2
    assert "Not sent" in found.reason

    clock.advance(seconds=5)

    assert client.state.get_context("sess_1", on_unavailable="last").state == {"a": 2}


def test_other_credentials_do_not_see_it(script: Any):
    client, _ = script(context(a=1), LOST)
    client.sessions.get_context("sess_1", on_unavailable="last")

    other = client.with_options(default_headers={"X-Api-Key": "sb_other"})

    assert other.sessions.get_context("sess_1", on_unavailable="last").age_seconds is None


def test_context_without_last_is_not_kept(script: Any):
    client, _ = script(context(a=1), context(a=1), LOST)
    client.sessions.get_context("sess_1")
    client.sessions.get_context("sess_1", on_unavailable="empty")

    assert client.sessions.get_context("sess_1", on_unavailable="last").age_seconds is None


def test_deleted_session_is_forgotten(script: Any):
    client, _ = script(context(a=1), context(b=1), 204, LOST)
    client.sessions.get_context("sess_1", on_unavailable="last")
    client.sessions.get_context("sess_12", on_unavailable="last")
    client.sessions.delete("sess_1")

    assert client.sessions.get_context("sess_1", on_unavailable="last").state == {}
    assert client.sessions.get_context("sess_12", on_unavailable="last").state == {"b": 1}


def test_deleted_memory_is_forgotten(script: Any):
    """It may be in the context of any session."""
    client, _ = script(context(a=1), 204, LOST)
    client.sessions.get_context("sess_1", on_unavailable="last")
    client.memory.delete("mem_1")

    assert client.sessions.get_context("sess_1", on_unavailable="last").state == {}


def test_session_that_is_gone_is_forgotten(script: Any):
    client, _ = script(context(a=1), 404, LOST)
    client.sessions.get_context("sess_1", on_unavailable="last")
    with pytest.raises(NotFoundError):
        client.sessions.get_context("sess_1", on_unavailable="last")

    assert client.sessions.get_context("sess_1", on_unavailable="last").state == {}


def test_limits(script: Any, monkeypatch: Any):
    """The contexts that were kept first are removed first."""
    monkeypatch.setattr(fallback, "LONGEST_LIST", 2)
    client, _ = script(context(n=1), context(n=2), context(n=1), context(n=3), LOST)
    for session_id in ("sess_1", "sess_2", "sess_1", "sess_3"):
        client.sessions.get_context(session_id, on_unavailable="last")

    found = [client.sessions.get_context(f"sess_{n}", on_unavailable="last").state for n in (1, 2, 3)]

    assert found == [{"n": 1}, {}, {"n": 3}]


def test_limit_in_bytes(script: Any, monkeypatch: Any):
    monkeypatch.setattr(fallback, "LARGEST_TOTAL_BYTES", 300)
    client, _ = script(context(n="x" * 150), context(n="y" * 150), LOST)
    for session_id in ("sess_1", "sess_2"):
        client.sessions.get_context(session_id, on_unavailable="last")

    found = [client.sessions.get_context(f"sess_{n}", on_unavailable="last").state for n in (1, 2)]

    assert found == [{}, {"n": "y" * 150}]


def test_raw_response(script: Any):
    client, requests = script()

    with pytest.raises(InvalidRequestError, match="on_unavailable cannot be used with with_raw_response"):
        client.with_raw_response.sessions.get_context("sess_1", on_unavailable="empty")

    assert requests == []


@pytest.mark.parametrize("wrong", ["Raise", "", None, True, 1, ["last"]])
def test_wrong_value(script: Any, wrong: Any):
    client, requests = script()

    with pytest.raises(InvalidRequestError) as raised:
        client.sessions.get_context("sess_1", on_unavailable=wrong)

    assert raised.value.param == "on_unavailable"
    assert requests == []


def test_over_real_sockets(make_client: Any):
    """A server that stops."""
    with contextlib.closing(Engine.open()) as engine, serve_in_thread(engine) as server:
        client = make_client(base_url=server.url, max_retries=0)
        session = client.sessions.create("agent", initial_state={"a": 1})
        assert not client.sessions.get_context(session.id, on_unavailable="last").degraded

    found = client.sessions.get_context(session.id, on_unavailable="last")

    assert (found.state, found.degraded) == ({"a": 1}, True)


def test_server_that_hangs(make_client: Any):
    """It accepts connections and answers none: the timeout is waited for once."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        client = make_client(base_url=f"http://127.0.0.1:{server.getsockname()[1]}", timeout=0.2, max_retries=0)

        found = [client.sessions.get_context("sess_1", on_unavailable="empty") for _ in range(20)]

        assert all(context.degraded for context in found)
        server.setblocking(False)
        server.accept()[0].close()
        with pytest.raises(BlockingIOError):
            server.accept()


def test_on_the_engine(local_client: Any):
    session = local_client.sessions.create("agent", initial_state={"a": 1})

    found = local_client.sessions.get_context(session.id, on_unavailable="last")

    assert (found.state, found.degraded) == ({"a": 1}, False)
    with pytest.raises(NotFoundError):
        local_client.sessions.get_context("sess_000000000000", on_unavailable="last")
