"""The ASGI application answers what servers hand to it, and refuses what could do harm."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Tuple

import anyio
import httpx
import pytest

import statebase
from statebase.local import Engine
from statebase.models import SessionCreateRequest
from statebase.server import app as application
from statebase.server import create_app
from statebase.testing import FrozenClock

MEBIBYTE = 1024 * 1024


def send(app: Any, method: str, path: str, **options: Any) -> httpx.Response:
    """Send a request to an application."""

    async def run() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.request(method, path, **options)

    return asyncio.run(run())


def call(app: Any, scope: Dict[str, Any], messages: Iterator[Dict[str, Any]]) -> Tuple[List[Dict[str, Any]], List[int]]:
    """Call an application; return what it sent, and how many messages it had received each time."""
    sent: List[Dict[str, Any]] = []
    received: List[int] = []
    count = 0

    async def receive() -> Dict[str, Any]:
        nonlocal count
        count += 1
        return next(messages)

    async def send(message: Dict[str, Any]) -> None:
        sent.append(message)
        received.append(count)

    asyncio.run(app(scope, receive, send))
    return sent, received


def http_scope(method: str, path: str, headers: Optional[Dict[str, str]] = None) -> Dict[str, Any]:
    given = {"host": "localhost", **(headers or {})}
    return {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode("latin-1"),
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in given.items()],
    }


def test_operations_are_those_of_the_engine(engine: Engine) -> None:
    """A write through the application is stored in its engine, and returns the status of the document."""
    app = create_app(engine)

    answer = send(app, "POST", "/v1/sessions", json={"agent_id": "bot"})

    assert answer.status_code == 201
    assert engine.get_session(answer.json()["id"]).agent_id == "bot"


def test_escaped_ids_arrive_as_they_were_sent(engine: Engine) -> None:
    """A slash within an id stays within it: the path is taken as it came, not decoded."""
    answer = send(create_app(engine), "GET", "/v1/sessions/a%2Fb%20c")

    assert answer.json()["error"]["message"].startswith("There is no session 'a/b c'")


def test_servers_that_give_no_raw_path(engine: Engine) -> None:
    """The raw path is optional in ASGI; if it is missing, the decoded path is escaped again."""
    scope = {**http_scope("GET", "/v1/sessions/grüße ?"), "raw_path": None}

    sent, _ = call(create_app(engine), scope, iter([{"type": "http.request", "body": b"", "more_body": False}]))

    assert sent[0]["status"] == 404
    assert "'grüße ?'" in json.loads(sent[1]["body"])["error"]["message"]


def test_query_arrives_as_it_was_sent(engine: Engine) -> None:
    """Escaped characters of the query are decoded once."""
    answer = send(create_app(engine), "GET", "/v1/memories?query=50%2525+%26+more")

    assert answer.json()["query"] == "50%25 & more"


def test_key_is_asked_for(engine: Engine) -> None:
    """With a key of its own, the application refuses other ones; probes need none."""
    app = create_app(engine, api_key="sb_secret")

    statuses = [
        send(app, "GET", path, headers=headers).status_code
        for path, headers in (
            ("/v1/sessions", {}),
            ("/v1/sessions", {"X-API-Key": "sb_wrong"}),
            ("/v1/sessions", {"X-API-Key": "sb_secret"}),
            ("/health/live", {}),
        )
    ]

    assert statuses == [401, 401, 200, 200]


@pytest.mark.parametrize("key", ["", " ", "sb_a\n", "sb_ä"])
def test_key_that_is_empty_or_cannot_be_sent_is_refused(engine: Engine, key: str) -> None:
    """An unset environment variable does not make a server whose key is an empty header."""
    with pytest.raises(ValueError, match="api_key must be printable ASCII text, not empty"):
        create_app(engine, api_key=key)


def test_rate_limit_is_kept() -> None:
    """The request after the last one of the minute is refused, with the seconds to wait."""
    noon = datetime(2026, 1, 2, 12, 0, 15, tzinfo=timezone.utc)
    engine = Engine.open(clock=lambda: noon)
    app = create_app(engine, rate_limit=1)

    answers = [send(app, "GET", "/v1/sessions") for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 429]
    assert answers[0].headers["X-RateLimit-Remaining"] == "0"
    assert answers[1].headers["Retry-After"] == "45"
    engine.close()


def test_document_is_served(engine: Engine) -> None:
    """GET /openapi.json is the document that the clients were generated from, and needs no key."""
    document = Path(statebase.__file__).parent / "_generated" / "openapi.json"

    answer = send(create_app(engine, api_key="sb_secret"), "GET", "/openapi.json")

    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json() == json.loads(document.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", ["/v1/sessions", "/openapi.json", "/v1/sessions/sess_none"])
def test_head_is_get_without_the_body(engine: Engine, path: str) -> None:
    """HEAD has status and headers of GET, the length of the body included, and no body."""
    app = create_app(engine)
    full = send(app, "GET", path)

    head = send(app, "HEAD", path)

    assert head.content == b""
    assert head.status_code == full.status_code
    assert head.headers["Content-Length"] == str(len(full.content))
    assert head.headers["Content-Type"] == full.headers["Content-Type"]


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/v1/sessions", "GET, HEAD, OPTIONS, POST"),
        ("/v1/sessions/sess_none/fork", "OPTIONS, POST"),
        ("/openapi.json", "GET, HEAD, OPTIONS"),
    ],
)
def test_options_says_what_is_allowed(engine: Engine, path: str, allowed: str) -> None:
    """OPTIONS has no body and lists the methods; so does the answer to a method that is not among them."""
    app = create_app(engine)

    options, wrong = send(app, "OPTIONS", path), send(app, "TRACE", path)

    assert (options.status_code, options.headers["Allow"], options.content) == (204, allowed, b"")
    assert (wrong.status_code, wrong.headers["Allow"]) == (405, allowed)
    assert wrong.json()["error"]["code"] == "invalid_request"


def test_options_of_nothing_is_not_found(engine: Engine) -> None:
    """OPTIONS does not claim that something is where nothing is."""
    assert send(create_app(engine), "OPTIONS", "/v1/nothing").status_code == 404


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "attacker.example"},
        {"Host": "localhost.attacker.example:8787"},
        {"Host": "192.168.1.7:8787"},
        {"Host": "[::ffff"},
        {"Origin": "https://attacker.example"},
        {"Origin": "null"},
        {"Host": "localhost:8787", "Origin": "http://localhost:3000"},
        {"Host": "localhost", "Origin": "https://localhost"},
        {"Host": "127.0.0.1", "Origin": "http://localhost"},
    ],
)
def test_web_pages_are_refused_where_no_key_is_asked_for(engine: Engine, headers: Dict[str, str]) -> None:
    """A page that makes a browser send requests to this machine is told so, before anything happens."""
    answer = send(create_app(engine), "POST", "/v1/sessions", headers=headers, json={"agent_id": "bot"})

    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "permission_denied"
    assert answer.json()["error"]["param"] in headers
    assert engine.get_dashboard_stats().stats.total_sessions == 0


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "localhost:8787"},
        {"Host": "127.0.0.1"},
        {"Host": "[::1]:8787"},
        {"Host": "store.localhost"},
        {"Host": "localhost", "Origin": "http://localhost"},
        {"Host": "localhost:8787", "Origin": "http://localhost:8787"},
    ],
)
def test_names_of_this_machine_need_no_key(engine: Engine, headers: Dict[str, str]) -> None:
    """Requests to this machine by its own name are answered."""
    assert send(create_app(engine), "GET", "/v1/sessions", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "content_type", [None, "text/plain", "text/plain; charset=application/json", "application/x-www-form-urlencoded"]
)
def test_body_that_a_web_page_may_send_unasked_is_refused(engine: Engine, content_type: Optional[str]) -> None:
    """A server without a key refuses it; with one, a request without the key is refused earlier."""
    headers = {"X-API-Key": "sb_secret", **({} if content_type is None else {"Content-Type": content_type})}
    body = b'{"agent_id": "bot"}'

    answer = send(create_app(engine), "POST", "/v1/sessions", content=body, headers=headers)
    with_key = send(create_app(engine, api_key="sb_secret"), "POST", "/v1/sessions", content=body, headers=headers)

    assert (answer.status_code, answer.json()["error"]["param"]) == (415, "Content-Type")
    assert with_key.status_code == 201


def test_body_of_http2_without_a_length_is_refused_as_well(engine: Engine) -> None:
    """Over HTTP/2 a body needs neither Content-Length nor Transfer-Encoding."""
    messages = iter([{"type": "http.request", "body": b'{"agent_id": "bot"}', "more_body": False}])

    sent, _ = call(create_app(engine), http_scope("POST", "/v1/sessions", {"content-type": "text/plain"}), messages)

    assert sent[0]["status"] == 415


def test_body_in_two_framings_is_refused(engine: Engine) -> None:
    """The connection is closed: what follows on it may be a request that was smuggled in."""
    headers = {"content-length": "5", "transfer-encoding": "chunked", "content-type": "application/json"}
    messages = iter([{"type": "http.request", "body": b"", "more_body": False}])

    sent, _ = call(create_app(engine), http_scope("POST", "/v1/sessions", headers), messages)

    assert sent[0]["status"] == 400
    assert (b"connection", b"close") in sent[0]["headers"]


def test_key_is_looked_at_before_the_body(engine: Engine) -> None:
    """Nothing of a body is taken in for one who may not come in."""
    app = create_app(engine, api_key="sb_secret")
    parts = [{"type": "http.request", "body": b"x" * MEBIBYTE, "more_body": more} for more in [True] * 5 + [False]]

    sent, received = call(app, http_scope("POST", "/v1/sessions"), iter(parts))

    assert sent[0]["status"] == 401
    assert received == [0, 0, 6]


def test_with_a_key_any_name_will_do(engine: Engine) -> None:
    """A request with the key does not come from a foreign web page, so that the server may have any host name."""
    headers = {"Host": "store.example", "Origin": "https://app.example", "X-API-Key": "sb_secret"}

    assert send(create_app(engine, api_key="sb_secret"), "GET", "/v1/sessions", headers=headers).status_code == 200


JSON = {"content-type": "application/json"}


def test_large_body_is_refused_by_its_declared_size(engine: Engine) -> None:
    """A body that says that it is over 10 MiB is refused before any of it is read; then it is read and dropped."""
    parts = [{"type": "http.request", "body": b"x" * MEBIBYTE, "more_body": more} for more in [True] * 10 + [False]]
    scope = http_scope("POST", "/v1/sessions", {**JSON, "content-length": str(11 * MEBIBYTE)})

    sent, received = call(create_app(engine), scope, iter(parts))

    assert sent[0]["status"] == 413
    assert json.loads(sent[1]["body"])["error"]["code"] == "payload_too_large"
    assert received == [0, 0, 11]


def test_large_body_without_a_size_is_refused_while_it_is_read(engine: Engine) -> None:
    """The answer goes out as soon as 10 MiB are passed, though much more is to come."""
    parts = [{"type": "http.request", "body": b"x" * MEBIBYTE, "more_body": more} for more in [True] * 99 + [False]]

    sent, received = call(create_app(engine), http_scope("POST", "/v1/sessions"), iter(parts))

    assert sent[0]["status"] == 413
    assert received == [11, 11, 76], "the rest is read up to a limit"


def test_largest_body_is_taken(engine: Engine) -> None:
    """Exactly 10 MiB are not too many."""
    start, end = b'{"agent_id": "bot", "metadata": {"text": "', b'"}}'
    body = start + b"x" * (10 * MEBIBYTE - len(start) - len(end)) + end

    assert send(create_app(engine), "POST", "/v1/sessions", content=body, headers=JSON).status_code == 201
    assert send(create_app(engine), "POST", "/v1/sessions", content=body + b" ", headers=JSON).status_code == 413


def test_absurd_content_length_is_too_large(engine: Engine) -> None:
    """A length of thousands of digits is refused like any that is too large."""
    scope = http_scope("POST", "/v1/sessions", {**JSON, "content-length": "9" * 5000})

    sent, _ = call(create_app(engine), scope, iter([{"type": "http.request", "body": b"", "more_body": False}]))

    assert sent[0]["status"] == 413


def test_client_that_goes_away_changes_nothing(engine: Engine) -> None:
    """A request that was not sent to its end is not carried out, and not answered."""
    body = b'{"agent_id": "bot"}'
    messages = [{"type": "http.request", "body": body, "more_body": True}, {"type": "http.disconnect"}]

    sent, _ = call(create_app(engine), http_scope("POST", "/v1/sessions"), iter(messages))

    assert sent == []
    assert engine.get_dashboard_stats().stats.total_sessions == 0


@pytest.mark.parametrize("path", ["/v1/sessions/\u00ff", "*", "http://localhost/v1/sessions", "/" + "x" * 70_000])
def test_what_is_no_address_is_refused(engine: Engine, path: str) -> None:
    """A path that no client of httpx could send is a bad request, not a failure."""
    messages = iter([{"type": "http.request", "body": b"", "more_body": False}])

    sent, _ = call(create_app(engine), http_scope("GET", path), messages)

    assert sent[0]["status"] == 400
    assert json.loads(sent[1]["body"])["error"]["code"] == "invalid_request"


@pytest.mark.parametrize(("version", "received"), [("1.1", 0), ("2", 1)])
def test_body_that_no_header_announces_is_not_waited_for(engine: Engine, version: str, received: int) -> None:
    """Over HTTP/1.1 there is none then; over HTTP/2 one may follow all the same."""
    messages = iter([{"type": "http.request", "body": b"", "more_body": False}])
    scope = {**http_scope("GET", "/v1/sessions"), "http_version": version}

    sent, counts = call(create_app(engine), scope, messages)

    assert sent[0]["status"] == 200
    assert [message.get("more_body") for message in sent] == [None, False]
    assert counts == [received, received]


def test_lifespan_is_acknowledged(engine: Engine) -> None:
    """Servers that announce their start and their end get an answer to both."""
    messages = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])

    sent, _ = call(create_app(engine), {"type": "lifespan"}, messages)

    assert [message["type"] for message in sent] == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


def test_store_is_cleaned_up_while_the_server_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Though no request comes; it ends with the server."""
    clock = FrozenClock()
    engine = Engine.open(clock=clock)
    engine.create_session(SessionCreateRequest(agent_id="a", ttl_seconds=60))
    clock.advance(days=31)
    monkeypatch.setattr(application, "_TIDY_SECONDS", 0.0)
    told: List[str] = []
    store = engine._core.store

    async def receive() -> Dict[str, Any]:
        if not told:
            return {"type": "lifespan.startup"}
        while True:
            with store.database.read():
                if not store.sessions.expired(2**62, 1):
                    return {"type": "lifespan.shutdown"}
            await anyio.sleep(0)

    async def send(message: Dict[str, Any]) -> None:
        told.append(message["type"])

    async def run() -> None:
        with anyio.fail_after(20):
            await create_app(engine)({"type": "lifespan"}, receive, send)

    asyncio.run(run())
    engine.close()

    assert told == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


def test_websockets_are_turned_away(engine: Engine) -> None:
    """The API has none."""
    sent, _ = call(create_app(engine), {"type": "websocket"}, iter([{"type": "websocket.connect"}]))

    assert sent == [{"type": "websocket.close"}]
