"""Over a network, round trips are what an operation costs: a proxy between engine and PostgreSQL counts them."""

from __future__ import annotations

import json
import socket
import struct
import threading
from typing import Any, Callable, Iterator, List
from urllib.parse import parse_qs, urlsplit

import pytest

from statebase._base.exchange import Request
from statebase.local import Engine, LocalTransport


class CountingProxy:
    """Passes on what a client and a server say, and counts the messages after which a client waits for an answer."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        directory = parse_qs(parts.query).get("host", [None])[0]
        self._target: Any = (parts.hostname, parts.port or 5432) if directory is None else f"{directory}/.s.PGSQL.5432"
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.round_trips = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX if isinstance(self._target, str) else socket.AF_INET)
            server.connect(self._target)
            threading.Thread(target=self._pass_on, args=(client, server, True), daemon=True).start()
            threading.Thread(target=self._pass_on, args=(server, client, False), daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket, counts: bool) -> None:
        waiting = b""
        has_started = False
        try:
            while True:
                data = source.recv(65536)
                if not data:
                    break
                if counts:
                    waiting += data
                    if not has_started and len(waiting) >= 4:  # the first message has no type
                        waiting = waiting[struct.unpack("!I", waiting[:4])[0] :]
                        has_started = True
                    while len(waiting) >= 5 and len(waiting) >= 1 + struct.unpack("!I", waiting[1:5])[0]:
                        self.round_trips += waiting[:1] in (b"S", b"Q")
                        waiting = waiting[1 + struct.unpack("!I", waiting[1:5])[0] :]
                target.sendall(data)
        except OSError:
            pass  # the other side has closed
        target.close()


@pytest.fixture
def proxy(postgres_url: str) -> Iterator[CountingProxy]:
    made = CountingProxy(postgres_url)
    yield made
    made.close()


@pytest.fixture
def transport(proxy: CountingProxy, postgres_url: str) -> Iterator[LocalTransport]:
    schema = parse_qs(urlsplit(postgres_url).query)["options"][0]
    user = urlsplit(postgres_url).username
    url = (
        f"postgresql://{user}@127.0.0.1:{proxy.port}/postgres"
        f"?sslmode=disable&gssencmode=disable&options={schema.replace('=', '%3D')}"
    )
    engine = Engine.open(url, durability="normal")
    engine._core.chores._next = float("inf")  # what follows a write once a second is not part of it
    made = LocalTransport(engine, close_engine=True)
    yield made
    made.close()


@pytest.fixture
def round_trips(transport: LocalTransport, proxy: CountingProxy) -> Callable[..., int]:
    """Return how many round trips a request takes; it has an idempotency key, as every write of a client."""
    keys: List[int] = []

    def count(method: str, target: str, body: Any = None) -> int:
        keys.append(len(keys))
        has_key = method != "GET" and not target.endswith("/context")
        headers = [(b"idempotency-key", b"key-%d" % len(keys))] if has_key else []
        before = proxy.round_trips
        content = b"" if body is None else json.dumps(body).encode()
        reply = transport.exchange(Request(method, target, headers, content, timeouts={}))
        assert reply.status_code < 300, reply.content
        return proxy.round_trips - before

    return count


TURN = {"input": {"type": "text", "content": "hi"}, "output": {"type": "text", "content": "hello"}}


def test_round_trips_of_an_operation(transport: LocalTransport, round_trips: Callable[..., int]):
    """At most as many as this, whatever the session holds."""
    reply = transport.exchange(Request("POST", "/v1/sessions", [], b'{"agent_id": "a", "user_id": "u"}', timeouts={}))
    path = f"/v1/sessions/{json.loads(reply.content)['id']}"
    for number in range(9):  # versions whose base is another one than the newest
        round_trips("PATCH", f"{path}/state", {"state": {str(number): "text " * 200}})
        round_trips("POST", f"{path}/turns", TURN)
    memory = {"session_id": path.rpartition("/")[2], "content": "likes tea"}
    round_trips("POST", "/v1/memories", memory)

    assert round_trips("POST", f"{path}/turns", TURN) <= 4
    assert max(round_trips("PATCH", f"{path}/state", {"state": {"n": n}}) for n in range(8)) <= 4
    assert round_trips("POST", f"{path}/context", {}) <= 2
    assert round_trips("POST", f"{path}/context", {"memory_limit": 0}) == 1
    round_trips("POST", f"{path}/context", {"query": "tea"})  # the first one looks at what is stored
    assert round_trips("POST", f"{path}/context", {"query": "tea"}) <= 5
    assert round_trips("GET", "/v1/memories?query=tea") <= 4
    assert round_trips("POST", "/v1/memories", memory) <= 8
    assert round_trips("GET", "/v1/sessions") <= 2
    assert round_trips("GET", f"{path}/turns") <= 3
    assert round_trips("GET", "/v1/dashboard/stats") <= 7
    assert round_trips("GET", path) == 1
    assert round_trips("GET", f"{path}/state") == 1
