"""A server in a thread serves HTTP/1.1 and HTTP/2, with or without TLS, and closes no connection too early."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Iterator, List, Tuple

import httpx
import pytest

from statebase import AsyncStateBase, AuthenticationError, StateBase
from statebase.local import Engine
from statebase.server import RunningServer, serve_in_thread

KINDS = [
    pytest.param((False, False), id="http/1.1"),
    pytest.param((False, True), id="http/2"),
    pytest.param((True, False), id="http/1.1 over TLS"),
    pytest.param((True, True), id="http/2 over TLS"),
]
MEBIBYTE = 1024 * 1024


@pytest.fixture(params=KINDS)
def server(request: pytest.FixtureRequest, engine: Engine) -> Iterator[Tuple[RunningServer, bool]]:
    """A server, and whether to speak HTTP/2 with it."""
    tls, http2 = request.param
    with serve_in_thread(engine, api_key="sb_secret", tls=tls) as running:
        yield running, http2


def connect(server: Tuple[RunningServer, bool]) -> httpx.Client:
    """Return an httpx client for a server, which uses only the given version."""
    running, http2 = server
    trust = True if running.ca_file is None else ssl.create_default_context(cafile=running.ca_file)
    # Without TLS nobody negotiates: the client has to know.
    prior_knowledge = http2 and running.ca_file is None
    headers = {"X-API-Key": "sb_secret"}
    return httpx.Client(
        base_url=running.url, headers=headers, verify=trust, http1=not prior_knowledge, http2=http2, trust_env=False
    )


def dial(server: RunningServer) -> socket.socket:
    """Connect to a server without a client."""
    return socket.create_connection(("127.0.0.1", httpx.URL(server.url).port or 0))


def options(server: Tuple[RunningServer, bool]) -> Any:
    running, http2 = server
    return {"base_url": running.url, "http2": http2, "verify": running.ca_file or True}


def test_httpx_gets_the_protocol_that_it_asks_for(server: Tuple[RunningServer, bool]) -> None:
    """The same port speaks both versions."""
    with connect(server) as client:
        answer = client.get("/v1/sessions")

        assert answer.status_code == 200
        assert answer.http_version == ("HTTP/2" if server[1] else "HTTP/1.1")


def test_both_clients_work(server: Tuple[RunningServer, bool]) -> None:
    """One client reads what another wrote; a wrong key is rejected."""

    async def read(session_id: str) -> Any:
        async with AsyncStateBase("sb_secret", **options(server)) as client:
            return await client.sessions.get(session_id)

    with StateBase("sb_secret", **options(server)) as client:
        session = client.sessions.create("bot", initial_state={"text": "grüß dich"})
    with StateBase("sb_wrong", **options(server)) as stranger, pytest.raises(AuthenticationError):
        stranger.sessions.get(session.id)

    assert asyncio.run(read(session.id)).state == {"text": "grüß dich"}
    assert server[0].engine.get_session(session.id).state == {"text": "grüß dich"}


def test_large_upload_gets_its_answer(server: Tuple[RunningServer, bool]) -> None:
    """A client that sends 30 MiB before it listens finds a 413, and its connection still good."""
    with connect(server) as client:
        refused = client.post("/v1/sessions", content=(b"x" * MEBIBYTE for _ in range(30)))

        assert refused.status_code == 413
        assert refused.json()["error"]["code"] == "payload_too_large"
        assert client.get("/v1/sessions").json()["data"] == []


def test_large_answers_arrive_whole(server: Tuple[RunningServer, bool]) -> None:
    """A state of 5 MB comes back as it went."""
    state = {str(number): "text" * 25 for number in range(45_000)}

    with connect(server) as client:
        session = client.post("/v1/sessions", json={"agent_id": "bot", "initial_state": state}).json()

        assert client.get(f"/v1/sessions/{session['id']}/state").json()["state"] == state


def test_long_connections_go_on(engine: Engine) -> None:
    """More than a thousand requests over one HTTP/2 connection are all answered."""
    with serve_in_thread(engine) as running, connect((running, True)) as client:
        statuses = {client.get("/health/live").status_code for _ in range(1_100)}

    assert statuses == {200}


def test_long_queries_are_taken(server: Tuple[RunningServer, bool]) -> None:
    """A search for a text of 60,000 characters is a request like any other."""
    with connect(server) as client:
        assert client.get("/v1/memories", params={"query": "x" * 60_000}).status_code == 200


def test_half_a_request_harms_nobody(engine: Engine) -> None:
    """A client that breaks off in the middle of a body leaves the server in order, and the store as it was."""
    with serve_in_thread(engine) as running:
        with dial(running) as connection:
            connection.sendall(
                b"POST /v1/sessions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"
            )
        with connect((running, False)) as client:
            assert client.get("/v1/sessions").json()["data"] == []


@pytest.mark.parametrize("tls", [False, True])
def test_stop_does_not_wait_for_idle_connections(engine: Engine, tls: bool) -> None:
    """Connections that clients keep for later, and do not look at meanwhile, do not hold up the end of the server."""
    loop = asyncio.new_event_loop()
    with serve_in_thread(engine, api_key="sb_secret", tls=tls) as running:
        idle = [connect((running, http2)) for http2 in (False, True)]
        for client in idle:
            client.get("/health/live")
        ours = [AsyncStateBase("sb_secret", **options((running, http2))) for http2 in (False, True)]
        for asynchronous in ours:
            loop.run_until_complete(asynchronous.live())
        started = time.monotonic()
    stopped = time.monotonic()
    for client in idle:
        client.close()
    for asynchronous in ours:
        loop.run_until_complete(asynchronous.close())
    loop.close()

    assert stopped - started < 2


def test_stop_does_not_wait_for_ever(engine: Engine) -> None:
    """A request that never ends is cut off a few seconds after the server was told to stop, and changes nothing."""
    with serve_in_thread(engine) as running:
        connection = dial(running)
        connection.sendall(
            b"POST /v1/sessions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"
        )
        with connect((running, False)) as client:
            client.get("/health/live")

    with connection:
        assert b"HTTP/1.1 2" not in b"".join(iter(lambda: connection.recv(1000), b""))
    assert engine.get_dashboard_stats().stats.total_sessions == 0


def test_stop_finishes_what_is_under_way(tmp_path: Path) -> None:
    """A request that the engine is at when the server is told to stop is carried out and answered."""
    at_work = threading.Event()
    idle: List[socket.socket] = []

    def clock() -> datetime:
        if idle and not at_work.is_set():
            at_work.set()
            assert idle[0].recv(1) == b""  # the server closes idle connections when it is told to stop
        return datetime.now(timezone.utc)

    engine = Engine.open(tmp_path / "store.db", clock=clock)
    body = b'{"agent_id": "bot"}'
    head = b"POST /v1/sessions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    head += b"Content-Length: %d\r\n\r\n" % len(body)
    with serve_in_thread(engine) as running:
        idle.append(dial(running))
        busy = dial(running)
        busy.sendall(head + body)
        at_work.wait()

    with idle[0], busy:
        assert busy.recv(1000).startswith(b"HTTP/1.1 201")
    assert engine.get_dashboard_stats().stats.total_sessions == 1
    engine.close()


def test_port_is_free_again(engine: Engine) -> None:
    """After the block the address is free again, and the engine still works."""
    with serve_in_thread(engine) as running:
        port = httpx.URL(running.url).port or 0
    with serve_in_thread(engine, port=port) as again, connect((again, False)) as client:
        assert client.get("/health/live").status_code == 200

    assert engine.get_dashboard_stats().stats.total_sessions == 0


def test_taken_port_is_an_error(engine: Engine) -> None:
    """A second server on the port of the first does not start."""
    with serve_in_thread(engine) as running:
        again = serve_in_thread(engine, port=httpx.URL(running.url).port or 0)

        with pytest.raises(OSError, match="in use"):
            again.__enter__()


def test_untrusted_certificates_are_refused_by_clients(engine: Engine) -> None:
    """A client that was not told to trust the authority does not talk to the server, which goes on."""
    with serve_in_thread(engine, tls=True) as running:
        with pytest.raises(httpx.ConnectError, match="certificate"):
            httpx.get(running.url + "/health/live", trust_env=False)
        with connect((running, True)) as client:
            assert client.get("/health/live").status_code == 200
