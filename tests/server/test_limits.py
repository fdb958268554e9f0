"""A client can hold up only so much of the server, and only for so long."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
from typing import Any, Dict, List

import httpx
import pytest

from statebase.local import Engine
from statebase.server import Limits, RunningServer, create_app, running, serve_in_thread

BODY = json.dumps({"agent_id": "bot"}).encode()


def scope(method: str = "POST", path: str = "/v1/sessions", key: bytes = b"") -> Dict[str, Any]:
    headers = [
        (b"x-api-key", key),
        (b"host", b"localhost"),
        (b"content-type", b"application/json"),
        (b"transfer-encoding", b"chunked"),
    ]
    if method == "GET":
        headers = headers[:2]
    return {"type": "http", "method": method, "path": path, "raw_path": path.encode(), "headers": headers}


def dial(server: RunningServer) -> socket.socket:
    return socket.create_connection(("127.0.0.1", httpx.URL(server.url).port or 0))


class Client:
    """A request of an application: what it receives is put in by hand."""

    def __init__(self, app: Any, **options: Any) -> None:
        self.parts: asyncio.Queue[Dict[str, Any]] = asyncio.Queue()
        self.sent: List[Dict[str, Any]] = []
        self.reads = True
        self.task = asyncio.ensure_future(app(scope(**options), self.parts.get, self._send))

    def write(self, body: bytes, *, more: bool = True) -> None:
        self.parts.put_nowait({"type": "http.request", "body": body, "more_body": more})

    async def _send(self, message: Dict[str, Any]) -> None:
        if not self.reads:
            await asyncio.Event().wait()
        self.sent.append(message)

    async def status(self) -> int:
        """Wait for the end of the request, and return the status of its answer."""
        await asyncio.wait_for(self.task, 30)
        return int(self.sent[0]["status"])

    def error(self) -> Any:
        return json.loads(b"".join(message.get("body", b"") for message in self.sent[1:]))["error"]


async def taken_up(client: Client) -> None:
    """Wait until an application has taken all that a client wrote."""
    while not client.parts.empty():
        await asyncio.sleep(0)
    await asyncio.sleep(0)


def test_body_that_does_not_come_is_not_waited_for(engine: Engine) -> None:
    """A body that is not there in time is a 408, which does nothing and can be sent again."""

    async def run() -> None:
        app = create_app(engine, limits=Limits(body_seconds=0.01))
        client = Client(app)
        client.write(BODY[:5])

        assert await client.status() == 408
        assert client.error()["code"] == "request_timeout"

    asyncio.run(run())
    assert engine.get_dashboard_stats().stats.total_sessions == 0


def test_bodies_together_have_a_limit(engine: Engine) -> None:
    """A body for which there is no room is a 503 with Retry-After; there is room again when another request is over."""

    async def run() -> None:
        app = create_app(engine, limits=Limits(held_body_bytes=100))
        first, second = Client(app), Client(app)
        first.write(BODY[:5])
        await taken_up(first)
        second.write(b" " * 96, more=False)

        assert await second.status() == 503
        assert (b"retry-after", b"1") in second.sent[0]["headers"]
        first.write(BODY[5:], more=False)
        assert await first.status() == 201
        for _ in range(5):
            third = Client(app)
            third.write(BODY + b" " * 60, more=False)
            assert await third.status() == 201

    asyncio.run(run())


def test_refused_and_interrupted_bodies_give_their_room_back(engine: Engine) -> None:
    """Whatever ends a request, what it held does not count any more."""

    async def run() -> None:
        app = create_app(engine, limits=Limits(held_body_bytes=100, requests=1, body_seconds=0.01))
        for _ in range(3):
            late, gone, large, stopped = Client(app), None, None, None
            late.write(BODY)
            assert await late.status() == 408
            gone = Client(app)
            gone.write(BODY)
            gone.parts.put_nowait({"type": "http.disconnect"})
            await gone.task
            large = Client(app)
            large.write(b" " * 200, more=False)
            assert await large.status() == 503
            stopped = Client(app)
            stopped.write(BODY)
            await taken_up(stopped)
            stopped.task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await stopped.task
        last = Client(app)
        last.write(BODY + b" " * 80, more=False)
        assert await last.status() == 201

    asyncio.run(run())


def test_requests_under_way_have_a_limit(engine: Engine) -> None:
    """One more than the server takes on at once is a 503 with Retry-After, before its body is read."""

    async def run() -> None:
        app = create_app(engine, limits=Limits(requests=2))
        waiting = [Client(app), Client(app)]
        for client in waiting:
            client.write(BODY[:5])
            await taken_up(client)
        refused = Client(app, method="GET")
        refused.write(b"", more=False)

        assert await refused.status() == 503
        assert (b"retry-after", b"1") in refused.sent[0]["headers"]
        for client in waiting:
            client.write(BODY[5:], more=False)
            assert await client.status() == 201
        again = Client(app, method="GET")
        again.write(b"", more=False)
        assert await again.status() == 200

    asyncio.run(run())


def test_client_that_does_not_read_its_answer_is_given_up(engine: Engine) -> None:
    """The request ends, and gives back what it held."""

    async def run() -> None:
        app = create_app(engine, limits=Limits(answer_seconds=0.01, requests=1))
        deaf = Client(app, method="GET")
        deaf.reads = False
        deaf.write(b"", more=False)
        await asyncio.wait_for(deaf.task, 30)
        hearing = Client(app, method="GET")
        hearing.write(b"", more=False)

        assert deaf.sent == []
        assert await hearing.status() == 200

    asyncio.run(run())


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="only Linux can bound how long data waits")
def test_answers_that_no_client_reads_are_dropped_with_their_connection(engine: Engine) -> None:
    """The system ends connections whose data is not taken."""
    from statebase.server.listening import listen

    listener = listen("127.0.0.1", 0)
    with listener.socket, socket.create_connection(("127.0.0.1", listener.port)):
        accepted, _ = listener.socket.accept()
        with accepted:
            limit = accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)

    assert limit == Limits().answer_seconds * 1000


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit of file descriptors")
def test_connection_without_a_file_descriptor_is_closed(engine: Engine, caplog: pytest.LogCaptureFixture) -> None:
    """It neither waits nor fills the log, and later ones are served."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with serve_in_thread(engine) as server, httpx.Client(base_url=server.url) as client:
        assert client.get("/health/live").status_code == 200
        connections = [socket.socket() for _ in range(3)]
        next_descriptor = os.dup(0)
        os.close(next_descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, (next_descriptor, hard))
        try:
            for connection in connections:
                connection.settimeout(30)
                connection.connect(("127.0.0.1", httpx.URL(server.url).port or 0))
                assert connection.recv(1) == b""
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            for connection in connections:
                connection.close()
        assert httpx.get(f"{server.url}/health/live").status_code == 200

    assert [record for record in caplog.records if record.name in ("asyncio", "statebase.server")] == []


_WEBSOCKET = b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"


@pytest.mark.parametrize(
    "beginning",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"GET /v1/sessions HTTP/1.1\r\nHost: localhost\r\n\r\n", id="a request"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: localhost\r\n" + _WEBSOCKET, id="half a WebSocket handshake"),
        pytest.param(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0)), id="HTTP/2"),
    ],
)
def test_silent_connection_is_closed(engine: Engine, monkeypatch: pytest.MonkeyPatch, beginning: bytes) -> None:
    """However it began, and without a key."""
    monkeypatch.setattr(running, "Limits", lambda: Limits(idle_seconds=0.1, silent_seconds=0.2))
    with serve_in_thread(engine, api_key="sb_secret") as server, dial(server) as connection:
        connection.settimeout(30)
        connection.sendall(beginning)
        while connection.recv(1000):
            pass


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"y" * 200_000, id="one long header"),
        pytest.param(b"GET /" + b"y" * 200_000, id="a long path"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"x: y\r\n" * 50_000, id="many headers"),
    ],
)
def test_head_without_an_end_is_refused(engine: Engine, head: bytes) -> None:
    """It is a 431, and the end of its connection."""
    with serve_in_thread(engine) as running, dial(running) as connection:
        # Not a byte more than the server reads: it closes the connection, and what is left over would reset it.
        connection.sendall(head[: Limits().head_bytes + 1])
        assert connection.recv(100).startswith(b"HTTP/1.1 431")


def test_refused_request_takes_no_place_while_the_rest_of_it_comes(engine: Engine) -> None:
    """Clients without a key cannot block those with one, by requests that do not end."""

    async def run() -> None:
        app = create_app(engine, api_key="sb_right", limits=Limits(requests=2))
        refused = [Client(app) for _ in range(5)]
        for client in refused:
            client.write(BODY[:5])
            await taken_up(client)
            while len(client.sent) < 2:
                await asyncio.sleep(0)
        allowed = Client(app, key=b"sb_right")
        allowed.write(BODY, more=False)

        assert await allowed.status() == 201
        for client in refused:
            client.write(b"", more=False)
        assert [await client.status() for client in refused] == [401] * 5

    asyncio.run(run())
