"""The errors of the server: each request, and below it the exact status, code and message, to be read in review."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any, Dict, Optional

import httpx
import pytest

from statebase.local import Engine
from statebase.server import Limits, create_app
from tests.message_tables import rows

# The tables: a line at the margin is a request, the indented lines below it are its error. `sid` is a session whose state
# has the versions 0 and 1, and an entity user/ada. "private" is content that messages must not contain.

ROUTES = r"""
get("/v1/nothing")
    404 resource_not_found: No operation has the path /v1/nothing: check the path.
post(f"/v1/sessions/{sid}")
    405 invalid_request: POST is not allowed at /v1/sessions/SID: use DELETE, GET, PATCH.
request("PATCH", "/v1/sessions")
    405 invalid_request: PATCH is not allowed at /v1/sessions: use GET, POST.
request("TRACE", "/v1/sessions")
    405 invalid_request: TRACE is not allowed at /v1/sessions: use GET, POST.
post("/openapi.json")
    405 invalid_request: POST is not allowed at /openapi.json: use GET.
"""

WHO_ASKS = r"""
get("/v1/sessions", key=None)
    401 authentication_failed: The API key is missing, wrong, expired or revoked: send a valid one in the header
    X-API-Key.
get("/v1/sessions", key="")
    401 authentication_failed: The API key is missing, wrong, expired or revoked: send a valid one in the header
    X-API-Key.
get("/v1/sessions", key="private")
    401 authentication_failed: The API key is missing, wrong, expired or revoked: send a valid one in the header
    X-API-Key.
get("/v1/nothing", key=None)
    401 authentication_failed: The API key is missing, wrong, expired or revoked: send a valid one in the header
    X-API-Key.
get("/v1/sessions", open_to_all=True, host="private.example")
    403 permission_denied: Host must be this server's own address, because the server asks for no API key: call it
    as localhost and not from another web page, or set an API key for the server.
get("/v1/sessions", open_to_all=True, origin="https://private.example")
    403 permission_denied: Origin must be this server's own address, because the server asks for no API key: call it
    as localhost and not from another web page, or set an API key for the server.
post("/v1/sessions", {"agent_id": "a"}, open_to_all=True, content_type="text/plain")
    415 invalid_request: Content-Type must be application/json where the server asks for no API key.
get("/v1/sessions", rate_limit=1)
    429 rate_limit_exceeded: The API key has reached its limit of 1 requests a minute: wait N seconds.
"""

BODIES = r"""
post("/v1/sessions")
    422 body: Invalid JSON: EOF while parsing a value at line 1 column 0
post("/v1/sessions", b'{"private')
    422 body: Invalid JSON: EOF while parsing a string at line 1 column 9
post("/v1/sessions", b"\xff")
    422 body: Invalid JSON: expected value at line 1 column 1
post("/v1/sessions", b'{"metadata": {"score": NaN}, "agent_id": "a"}')
    422 body.metadata.score: must be a finite number: JSON cannot represent NaN and infinity
post("/v1/sessions", "private")
    422 body: Input should be an object
post("/v1/sessions", [])
    422 body: Input should be an object
post("/v1/sessions", {})
    422 body.agent_id: Field required
post("/v1/sessions", {"agent_id": 7})
    422 body.agent_id: Input should be a valid string
post("/v1/sessions", {"agent_id": "a", "ttl_seconds": 0})
    422 body.ttl_seconds: Input should be greater than or equal to 1
post("/v1/sessions", {"agent_id": "a", "ttl_seconds": 2592001})
    422 body.ttl_seconds: Input should be less than or equal to 2592000
post("/v1/sessions", {"agent_id": "a", "ttl_seconds": "private"})
    422 body.ttl_seconds: Input should be a valid integer
post("/v1/sessions", {"agent_id": "a", "metadata": "private"})
    422 body.metadata: Input should be an object
post("/v1/sessions", {"agent_id": "a", "initial_state": ["private"]})
    422 body.initial_state: Input should be an object
post(f"/v1/sessions/{sid}/turns", {"input": "private"})
    422 body.input: Input should be an object; body.output: Field required
post(f"/v1/sessions/{sid}/turns", {"input": {"type": "text", "content": "private"}})
    422 body.output: Field required
post("/v1/memories", {"content": "private"})
    422 body.session_id: Field required
post("/v1/memories", {"session_id": sid, "content": 7, "type": 7})
    422 body.content: Input should be a valid string; body.type: Input should be a valid string
post("/v1/memories", {"session_id": sid, "content": "private", "tags": [7]})
    422 body.tags.0: Input should be a valid string
post("/v1/memories", {"session_id": sid, "content": "private" * 200_000})
    413 content_too_large: content has 1,400,000 characters: send at most 10,000.
post("/v1/memories", {"content": "hi", "session_id": "sess_1"})
    404 session_not_found: There is no session 'sess_1': check the id; it may have expired or been deleted.
put(f"/v1/sessions/{sid}/state", {})
    422 body.state: Field required
put(f"/v1/sessions/{sid}/state", {"state": "private"})
    422 body.state: Input should be an object
post(f"/v1/sessions/{sid}/state/rollback", {})
    422 body.version: Field required
post(f"/v1/sessions/{sid}/state/rollback", {"version": 99})
    404 resource_not_found: There is no version 99 of this state: its versions are 0 to 1.
post("/v1/entities", {"session_id": sid, "entity_type": "user", "entity_id": "ada", "attributes": {}})
    409 conflict: The session has the user 'ada' already: update it, or create one with another entity_id.
post("/v1/dashboard/keys", {})
    422 body.name: Field required
post(f"/v1/sessions/{sid}/fork", {"version": 99})
    404 resource_not_found: There is no version 99 of this state: its versions are 0 to 1.
post(f"/v1/sessions/{sid}/fork", {"version": "private"})
    422 body.version: Input should be a valid integer
"""

QUERIES = r"""
get("/v1/sessions?limit=0")
    422 query.limit: Input should be greater than or equal to 1
get("/v1/sessions?limit=101")
    422 query.limit: Input should be less than or equal to 100
get("/v1/sessions?limit=private")
    422 query.limit: Input should be a valid integer, unable to parse string as an integer
get("/v1/sessions?limit=")
    422 query.limit: Input should be a valid integer, unable to parse string as an integer
get("/v1/sessions?starting_after=sess_1")
    400 invalid_request: starting_after 'sess_1' is not in this list: pass the id of the last item of the previous
    page.
get("/v1/sessions?metadata=private")
    400 invalid_request: metadata must be a JSON object, such as {"channel": "web"}.
get("/v1/sessions?metadata=[]")
    400 invalid_request: metadata must be a JSON object, such as {"channel": "web"}.
get("/v1/sessions?created_after=7")
    422 query.created_after: Input should be a time such as 2026-01-02T03:04:05Z, not a number
get("/v1/sessions?created_after=private")
    422 query.created_after: Input should be a valid datetime or date, input is too short
get(f"/v1/sessions/{sid}/turns?order=private")
    400 invalid_request: order must be 'asc' or 'desc'.
get("/v1/memories?query=hi&threshold=2")
    422 query.threshold: Input should be less than or equal to 1
get("/v1/memories?query=hi&top_k=0")
    422 query.top_k: Input should be greater than or equal to 1
get("/v1/traces?limit=0")
    422 query.limit: Input should be greater than or equal to 1
"""

NOT_FOUND = r"""
get("/v1/sessions/sess_1")
    404 session_not_found: There is no session 'sess_1': check the id; it may have expired or been deleted.
delete("/v1/sessions/sess_1")
    404 session_not_found: There is no session 'sess_1': check the id; it may have expired or been deleted.
get(f"/v1/sessions/{sid}/turns/turn_1")
    404 turn_not_found: There is no turn 'turn_1': check the id.
get("/v1/memories/mem_1")
    404 memory_not_found: There is no memory 'mem_1': check the id.
get("/v1/entities/ent_1")
    404 entity_not_found: There is no entity 'ent_1': check the id.
get("/v1/traces/trace_1")
    404 trace_not_found: There is no trace 'trace_1': check the id.
delete("/v1/dashboard/keys/key_1")
    404 resource_not_found: There is no API key 'key_1': check the id.
get("/v1/sessions/" + "x" * 200)
    404 session_not_found: There is no session
    'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...': check the id; it may have expired or been
    deleted.
"""

LIMITS = r"""
post("/v1/sessions", b" " * 20_000_000)
    413 payload_too_large: The request body has 20,000,000 bytes: send at most 10,485,760.
get("/v1/sessions", limits=Limits(requests=0))
    503 service_unavailable: The server has too many requests under way: try again later.
post("/v1/sessions", {"agent_id": "a"}, limits=Limits(held_body_bytes=1))
    503 service_unavailable: The server has too many request bodies under way: try again later.
post("/v1/sessions", {"agent_id": "a"}, transfer_encoding="chunked")
    400 invalid_request: The request has both Content-Length and Transfer-Encoding: send one of them.
"""

IDEMPOTENCY = r"""
post("/v1/sessions", {"agent_id": "private"}, idempotency_key="used")
    409 conflict: The idempotency key was already used with a different body: use a new key for a new request.
post("/v1/sessions", {"agent_id": "a"}, idempotency_key="deleted")
    404 resource_not_found: What was written with this idempotency key was deleted: use a new key for a new request.
post("/v1/sessions", {"agent_id": "a"}, idempotency_key="k" * 300)
    400 invalid_request: The Idempotency-Key has 300 characters: send at most 255.
"""


def send(app: Any, method: str, path: str, content: bytes, headers: Dict[str, str]) -> httpx.Response:
    """Send a request to an application."""

    async def run() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.request(method, path, content=content, headers=headers)

    return asyncio.run(run())


class Server:
    """Sends the requests of the tables, each to an application of its own on one engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: Optional[str] = "secret",
        open_to_all: bool = False,
        limits: Optional[Limits] = None,
        rate_limit: Optional[int] = None,
        **headers: str,
    ) -> httpx.Response:
        """Send a request; `headers` are named with underscores."""
        api_key = None if open_to_all else "secret"
        sent = {} if key is None or open_to_all else {"X-API-Key": key}
        content = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        if content:
            sent["content-type"] = "application/json"
        sent.update({name.replace("_", "-"): value for name, value in headers.items()})
        app = create_app(self._engine, api_key=api_key, limits=limits, rate_limit=rate_limit)
        for _ in range(rate_limit or 0):  # until the limit is reached
            send(app, method, path, content, sent)
        return send(app, method, path, content, sent)

    def names(self) -> Dict[str, Any]:
        """Return what the tables use; the requests before them have been sent."""
        created = self.request("POST", "/v1/sessions", {"agent_id": "a", "initial_state": {}}, idempotency_key="used")
        sid = created.json()["id"]
        self.request("PUT", f"/v1/sessions/{sid}/state", {"state": {"step": 1}})
        entity = {"session_id": sid, "entity_type": "user", "entity_id": "ada", "attributes": {}}
        self.request("POST", "/v1/entities", entity)
        deleted = self.request("POST", "/v1/sessions", {"agent_id": "a"}, idempotency_key="deleted").json()["id"]
        self.request("DELETE", f"/v1/sessions/{deleted}")

        def method(name: str) -> Any:
            return lambda path, body=None, **options: self.request(name, path, body, **options)

        methods = {name.lower(): method(name) for name in ("GET", "POST", "PUT", "DELETE")}
        return {**methods, "request": self.request, "Limits": Limits, "sid": sid}


def error_of(response: httpx.Response, session_id: str) -> str:
    """Return the status of a response, and the code and message or the wrong fields of its error."""
    body = response.json()
    if response.status_code == 422:
        error = "; ".join(f"{'.'.join(map(str, field['loc']))}: {field['msg']}" for field in body["detail"])
    else:
        error = f"{body['error']['code']}: {body['error']['message']}"
    text = f"{response.status_code} {error}".replace(session_id, "SID")
    return re.sub(r"wait \d+ seconds?", "wait N seconds", text)


@pytest.mark.parametrize(
    ("call", "error"), rows(ROUTES + WHO_ASKS + BODIES + QUERIES + NOT_FOUND + LIMITS + IDEMPOTENCY)
)
def test_errors(call: str, error: str, engine: Engine) -> None:
    """A request that is rejected, and the error that it gets; no content of the request is in it."""
    names = Server(engine).names()

    got = error_of(eval(call, names), names["sid"])

    assert got == error
    assert "private" not in got
