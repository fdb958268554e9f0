"""Whichever way a request takes to the socket, the service receives the same, and the caller too."""

from __future__ import annotations

import asyncio
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Dict, Iterator, List, NamedTuple
from urllib.parse import urlsplit

import httpx
import pytest

from statebase import APIResponseValidationError, AsyncStateBase, NotFoundError, StateBase


class Received(NamedTuple):
    """A request as it came over the wire."""

    method: str
    target: str
    headers: Dict[str, str]
    body: bytes


@pytest.fixture
def received() -> List[Received]:
    return []


@pytest.fixture
def address(received: List[Received], session_json: Dict[str, Any], turn: Dict[str, Any]) -> Iterator[str]:
    """The address of a service, which is a proxy to itself as well."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer(404 if "missing" in self.path else 307 if "moved" in self.path else 200, session_json)

        def do_POST(self) -> None:
            self._answer(201, turn)

        def _answer(self, status: int, answer: Dict[str, Any]) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items() if name.lower() != "connection"}
            received.append(Received(self.command, urlsplit(self.path).path, headers, body))
            content = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(content)))
            if status == 307:
                self.send_header("location", "/elsewhere")
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            """Keep quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def httpx_client(flavour: str, event_loop_for_clients: asyncio.AbstractEventLoop) -> Iterator[Any]:
    """A client of httpx, with event hooks of its own."""
    seen: List[Any] = []
    if flavour == "sync":
        with httpx.Client(event_hooks={"request": [seen.append], "response": [seen.append]}, trust_env=False) as client:
            yield client
    else:

        async def see(event: Any) -> None:
            seen.append(event)

        hooks = {"request": [see], "response": [see]}
        asynchronous = httpx.AsyncClient(event_hooks=hooks, trust_env=False)
        yield asynchronous
        event_loop_for_clients.run_until_complete(asynchronous.aclose())
    assert len(seen) == 6


@pytest.fixture(params=["pool", "hooks", "transport", "proxy", "http_client"])
def options(request: pytest.FixtureRequest, flavour: str, address: str) -> Dict[str, Any]:
    """The options that make a client send its requests one way or the other."""
    transport = httpx.HTTPTransport if flavour == "sync" else httpx.AsyncHTTPTransport
    ways: Dict[str, Any] = {
        "pool": dict,
        "hooks": lambda: {"event_hooks": {"attempt_started": [str], "attempt_ended": [str]}},
        "transport": lambda: {"transport": transport()},
        "proxy": lambda: {"proxy": address},
        "http_client": lambda: {"http_client": request.getfixturevalue("httpx_client")},
    }
    made: Dict[str, Any] = ways[request.param]()
    return made


def test_every_way_is_the_same(
    make_client: Any, options: Dict[str, Any], address: str, received: List[Received], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A read, a write and an error: on the wire and to the caller, all ways are alike."""
    monkeypatch.setenv("NO_PROXY", "*")
    client = make_client("sb_key", base_url=address, **options)

    session = client.sessions.get("sess_1")
    turn = client.sessions.add_turn("sess_1", "hi", "hello", idempotency_key="once")
    with pytest.raises(NotFoundError) as caught:
        client.sessions.get("missing")

    assert (session.id, turn.turn_number, caught.value.outcome) == ("sess_1", 1, "rejected")
    agent = received[0].headers["user-agent"]
    every = {
        "host": urlsplit(address).netloc,
        "accept": "application/json",
        "accept-encoding": "gzip, deflate",
        "user-agent": agent,
        "x-api-key": "sb_key",
    }
    text = {"input": {"type": "text", "content": "hi"}, "output": {"type": "text", "content": "hello"}}
    body = received[1].body
    written = {"content-type": "application/json", "content-length": str(len(body)), "idempotency-key": "once"}
    assert agent.startswith("statebase-python/")
    assert json.loads(body) == text
    assert received == [
        Received("GET", "/v1/sessions/sess_1", every, b""),
        Received("POST", "/v1/sessions/sess_1/turns", {**every, **written}, body),
        Received("GET", "/v1/sessions/missing", every, b""),
    ]


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_client_of_the_caller_that_follows_redirects_takes_the_key_nowhere_else(
    address: str, received: List[Received], kind: str
) -> None:
    async def call() -> None:
        http = httpx.AsyncClient(follow_redirects=True)
        async with http, AsyncStateBase("sb_test", address, http_client=http) as client:
            await client.sessions.get("moved")

    with pytest.raises(APIResponseValidationError, match="unexpected redirect, 307"):
        if kind == "async":
            asyncio.run(call())
        else:
            with httpx.Client(follow_redirects=True) as http:
                StateBase("sb_test", address, http_client=http).sessions.get("moved")

    assert [request.target for request in received] == ["/v1/sessions/moved"]
