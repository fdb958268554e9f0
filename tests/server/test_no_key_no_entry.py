"""A server with a key rejects requests without one, however the path is spelled."""

from __future__ import annotations

import asyncio
import socket
import ssl
from typing import Any, Dict, Iterator, List, Optional
from urllib.parse import unquote

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from statebase._generated.operations import OPERATIONS
from statebase.local import Engine
from statebase.server import create_app
from statebase.server.listening import RunningServer, serve_in_thread

OPEN = {"root", "health_check", "readiness_probe", "liveness_probe"}
CLOSED = [operation for operation in OPERATIONS.values() if operation.id not in OPEN]
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]
PATHS = sorted({operation.path.replace("{", "").replace("}", "") for operation in OPERATIONS.values()})


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    engine = Engine.open()
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def server(engine: Engine) -> Iterator[RunningServer]:
    with serve_in_thread(engine, api_key="sb_secret") as running:
        yield running


def ask(app: Any, method: str, path: str, raw_path: Optional[bytes], headers: Dict[str, str]) -> int:
    """Return the status that an application answers."""
    sent: List[Dict[str, Any]] = []

    async def receive() -> Dict[str, Any]:
        return {"type": "http.request", "body": b'{"name": "k", "agent_id": "a"}', "more_body": False}

    async def send(message: Dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": raw_path,
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in {"host": "localhost", **headers}.items()],
    }
    asyncio.run(app(scope, receive, send))
    return int(sent[0]["status"])


def is_probe(path: str) -> bool:
    return path in ("/", "/health", "/health/live", "/health/ready", "/openapi.json")


def spelled(path: str, choose: List[int]) -> str:
    """Return a path with each character as it is, escaped, escaped twice, or in the other case."""
    ways = [
        lambda c: c,
        lambda c: f"%{ord(c):02x}",
        lambda c: f"%{ord(c):02X}",
        lambda c: f"%25{ord(c):02x}",
        lambda c: c.swapcase(),
        lambda c: f"{c}/" if c == "/" else c,
        lambda c: f"{c}./" if c == "/" else c,
        lambda c: f"{c}x/../" if c == "/" else c,
        lambda c: f";a=b{c}" if c == "/" else c,
        lambda c: "\\" if c == "/" else c,
        lambda c: f"{c}%00",
    ]
    return "".join(ways[way](character) for character, way in zip(path, choose))


@pytest.mark.parametrize("operation", CLOSED, ids=lambda operation: operation.id)
@pytest.mark.parametrize("key", [None, "sb_wrong", ""])
def test_every_operation_but_the_probes_asks_for_a_key(engine: Engine, operation: Any, key: Optional[str]):
    app = create_app(engine, api_key="sb_secret")
    headers = {} if key is None else {"x-api-key": key}

    assert ask(app, operation.method, operation.path, operation.path.encode(), headers) == 401


def test_the_document_says_which_are_open():
    assert {operation.id for operation in OPERATIONS.values() if operation.is_open} == OPEN


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("path", ["/v1/nothing", "/nothing", "/v1", "//", "/v1/sessions/", "/healthy"])
def test_who_has_no_key_does_not_learn_what_is_there(engine: Engine, method: str, path: str):
    assert ask(create_app(engine, api_key="sb_secret"), method, path, path.encode(), {}) == 401


@pytest.mark.parametrize("first_character", range(1, 8))
def test_escaped_spelling_gets_nobody_in(engine: Engine, first_character: int):
    """Such as /%761/dashboard/keys, which once made a key."""
    path = "/v1/dashboard/keys"
    character = path[first_character]
    raw = path[:first_character] + f"%{ord(character):02x}" + path[first_character + 1 :]
    app = create_app(engine, api_key="sb_secret")

    assert [ask(app, method, path, raw.encode(), {}) for method in ("GET", "POST")] == [401, 401]
    assert engine.list_api_keys() == []


@given(
    st.sampled_from(PATHS),
    st.lists(st.integers(0, 10), min_size=60, max_size=60),
    st.sampled_from(METHODS),
    st.booleans(),
)
@settings(max_examples=400, deadline=None)
def test_no_spelling_of_a_path_gets_anybody_in(path: str, choose: List[int], method: str, with_raw_path: bool):
    engine = Engine.open()
    raw = spelled(path, choose)
    decoded = unquote(raw)
    app = create_app(engine, api_key="sb_secret")

    status = ask(app, method, decoded, raw.encode() if with_raw_path else None, {})

    assert status in (400, 401, 413) or is_probe(decoded) or is_probe(path), (raw, status)
    assert engine.get_dashboard_stats().stats.total_sessions == 0
    assert engine.list_api_keys() == []
    engine.close()


def over_a_socket(server: RunningServer, target: bytes, method: bytes = b"POST") -> int:
    """Send a request line just as it is."""
    url = httpx.URL(server.url)
    body = b'{"name": "k", "agent_id": "a"}'
    with socket.create_connection((url.host, url.port or 80), timeout=20) as connection:
        connection.sendall(
            method + b" " + target + b" HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body
        )
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    return int(answer.split(b" ", 2)[1])


@pytest.mark.parametrize(
    "target",
    [
        b"/%761/dashboard/keys",
        b"/%2576%31/dashboard/keys",
        b"//v1/dashboard/keys",
        b"/./v1/dashboard/keys",
        b"/health/../v1/dashboard/keys",
        b"/health/%2e%2e/v1/dashboard/keys",
        b"/health;/v1/dashboard/keys",
        b"/V1/dashboard/keys",
        b"/v1%2Fdashboard%2Fkeys",
        b"/v1\\dashboard\\keys",
        b"http://localhost/v1/dashboard/keys",
        b"http://localhost/%761/dashboard/keys",
        b"http:/v1/dashboard/keys",
        b"/v1/dashboard/keys#/health",
        b"/v1/dashboard/keys?/health",
        b"/health?/../v1/dashboard/keys",
    ],
)
def test_no_request_target_gets_anybody_in(server: RunningServer, engine: Engine, target: bytes):
    """Over HTTP/1.1 by a real server, in absolute form as well."""
    assert over_a_socket(server, target) in (400, 401, 404, 405)
    assert engine.list_api_keys() == []


@pytest.mark.parametrize(
    "path", ["/%761/dashboard/keys", "/health/../v1/dashboard/keys", "/v1/dashboard/keys", "//v1/dashboard/keys"]
)
def test_no_path_over_http2_gets_anybody_in(engine: Engine, path: str):
    with (
        serve_in_thread(engine, api_key="sb_secret", tls=True) as server,
        httpx.Client(http2=True, verify=ssl.create_default_context(cafile=server.ca_file), trust_env=False) as client,
    ):
        url = httpx.URL(server.url).copy_with(raw_path=path.encode())
        answer = client.post(url, json={"name": "k"})

    assert (answer.http_version, answer.status_code) == ("HTTP/2", 401)
    assert engine.list_api_keys() == []


def test_rate_limit_counts_what_is_not_there(engine: Engine):
    """Requests to unknown paths count for the rate limit, too."""
    app = create_app(engine, api_key="sb_secret", rate_limit=2)

    statuses = [ask(app, "GET", "/v1/nothing", b"/v1/nothing", {"x-api-key": "sb_secret"}) for _ in range(3)]

    assert statuses == [404, 404, 429]
