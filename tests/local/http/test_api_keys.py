"""API keys: shown once, stored as digests, and invalid as soon as they are revoked."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any, AsyncIterator, Callable, Iterator, Optional

import httpx
import pytest

from statebase.local import Engine, LocalTransport

SERVER_KEY = "sb_the-key-of-the-server"
UNAUTHENTICATED = (401, "authentication_failed", "X-API-Key")


@pytest.fixture
def new_key(http: httpx.Client) -> Callable[..., Any]:
    def create(**body: Any) -> Any:
        response = http.post("/v1/dashboard/keys", json={"name": "a key", **body})
        assert response.status_code == 200
        return response.json()

    return create


@pytest.fixture
def locked(engine: Engine, make_http: Any) -> Callable[..., httpx.Client]:
    """Make clients of the engine that come with a key where keys are asked for."""

    def make(key: Any = None) -> httpx.Client:
        return make_http(engine, api_key=SERVER_KEY, headers=None if key is None else {"X-API-Key": key})

    return make


def test_key_is_shown_once(http: httpx.Client, new_key: Any):
    key = new_key()

    (listed,) = http.get("/v1/dashboard/keys").json()

    assert re.fullmatch(r"key_[a-z0-9]{12}", key["id"])
    assert re.fullmatch(r"sb_[A-Za-z0-9]{24}", key["full_key"])
    assert key["full_key"].startswith(key["key_prefix"])
    assert len(key["key_prefix"]) < 12
    assert listed == {**key, "full_key": None}
    assert listed == {
        "id": key["id"],
        "key_prefix": key["key_prefix"],
        "name": "a key",
        "is_active": True,
        "rate_limit": 100,
        "created_at": "2026-01-02T03:04:05.000000Z",
        "last_used_at": None,
        "expires_at": None,
        "total_requests": 0,
        "full_key": None,
    }


def test_store_holds_only_a_digest(open_engine: Any, make_http: Any, store_path: Path):
    """Also where the answer is kept for an idempotency key."""
    engine = open_engine(store_path)
    http = make_http(engine)
    keys = [
        http.post("/v1/dashboard/keys", json={"name": "n"}, headers=headers).json()["full_key"]
        for headers in ({}, {"Idempotency-Key": "once"})
    ]
    again = http.post("/v1/dashboard/keys", json={"name": "n"}, headers={"Idempotency-Key": "once"}).json()["full_key"]
    engine.backup(store_path.with_suffix(".copy"))

    stored = b"".join(path.read_bytes() for path in store_path.parent.iterdir())

    assert again == keys[1] != keys[0]
    assert stored.count(keys[0][:8].encode()) > 0
    assert [key.encode() in stored for key in keys] == [False, False]


def test_newest_first(http: httpx.Client, new_key: Any):
    ids = [new_key()["id"] for _ in range(3)]

    assert [key["id"] for key in http.get("/v1/dashboard/keys").json()] == ids[::-1]


@pytest.mark.parametrize(
    "body",
    [
        {"name": None},
        {"rate_limit": 0},
        {"rate_limit": 10**30},
        {"rate_limit": "5"},
        {"expires_days": 0},
        {"expires_days": 10**30},
    ],
)
def test_body_is_checked(http: httpx.Client, body: Any):
    response = http.post("/v1/dashboard/keys", json={"name": "n", **body})

    assert response.status_code == 422
    assert response.json()["detail"][0]["loc"] == ["body", *body]


class TestWithoutLock:
    """A transport that asks for no key, as within a process."""

    @pytest.mark.parametrize("headers", [{}, {"X-API-Key": "anything"}, {"X-API-Key": "sb_unknown"}])
    def test_everybody_comes_in_as_local(self, http: httpx.Client, headers: Any):
        response = http.post("/v1/sessions", json={"agent_id": "a"}, headers=headers)

        trace = http.get("/v1/traces").json()["data"][0]
        assert response.status_code == 201
        assert trace["actor"] == "local"

    def test_key_of_the_dashboard_is_noted(self, http: httpx.Client, new_key: Any):
        key = new_key()

        http.post("/v1/sessions", json={"agent_id": "a"}, headers={"X-API-Key": key["full_key"]})

        trace = http.get(f"/v1/traces/{http.get('/v1/traces').json()['data'][0]['id']}").json()
        assert (trace["actor"], trace["actor_id"]) == ("api_key", key["id"])
        assert trace["context"]["api_key_id"] == key["id"]


class TestWithLock:
    @pytest.mark.parametrize("key", [None, "", "wrong", SERVER_KEY + "x", SERVER_KEY[:-1], "sb_unknown"])
    def test_wrong_key_stays_out(self, locked: Any, key: Any, error_of: Any):
        for path in ("/v1/sessions", "/v1/dashboard/keys", "/v1/nothing"):
            assert error_of(locked(key).get(path)) == UNAUTHENTICATED

    def test_key_of_the_server_comes_in(self, locked: Any):
        http = locked(SERVER_KEY)

        session = http.post("/v1/sessions", json={"agent_id": "a"}).json()

        trace = http.get("/v1/traces").json()["data"][0]
        history = http.get(f"/v1/sessions/{session['id']}/state/history").json()["data"]
        assert trace["actor"] == history[0]["updated_by"] == "api_key"

    def test_key_of_the_dashboard_comes_in(self, locked: Any, new_key: Any):
        assert locked(new_key()["full_key"]).get("/v1/sessions").status_code == 200

    def test_probes_need_no_key(self, locked: Any):
        paths = ("/", "/health", "/health/ready", "/health/live")

        assert [locked().get(path).status_code for path in paths] == [200] * 4

    def test_revoked_key_stops_working_at_once(self, http: httpx.Client, locked: Any, new_key: Any, error_of: Any):
        key = new_key()
        visitor = locked(key["full_key"])
        assert visitor.get("/v1/sessions").status_code == 200

        response = http.delete(f"/v1/dashboard/keys/{key['id']}")

        assert response.status_code == 204
        assert error_of(visitor.get("/v1/sessions")) == UNAUTHENTICATED
        assert http.get("/v1/dashboard/keys").json()[0]["is_active"] is False

    def test_key_revoked_by_another_process_stops_working_too(self, open_engine: Any, make_http: Any, store_path: Path):
        """Another process has a connection of its own."""
        from statebase.local.storage.store import Store

        engine = open_engine(store_path)
        key = make_http(engine).post("/v1/dashboard/keys", json={"name": "n"}).json()
        visitor = make_http(engine, api_key=SERVER_KEY, headers={"X-API-Key": key["full_key"]})
        assert visitor.get("/v1/sessions").status_code == 200
        other = Store(str(store_path), "normal")
        with other.database.write():
            other.keys.revoke(key["id"])
        other.database.close()

        assert visitor.get("/v1/sessions").status_code == 401

    def test_key_stops_working_when_it_expires(self, locked: Any, new_key: Any, engine_clock: Any):
        key = new_key(expires_days=2)
        visitor = locked(key["full_key"])

        engine_clock.advance(days=2, seconds=-1)
        before = visitor.get("/v1/sessions").status_code
        engine_clock.advance(seconds=1)
        after = visitor.get("/v1/sessions").status_code

        assert (before, after) == (200, 401)
        assert key["expires_at"] == "2026-01-04T03:04:05.000000Z"


def test_use_is_counted(http: httpx.Client, new_key: Any, engine_clock: Any):
    key = new_key()
    engine_clock.advance(seconds=1)
    for _ in range(3):
        http.get("/v1/sessions", headers={"X-API-Key": key["full_key"]})

    (listed,) = http.get("/v1/dashboard/keys").json()

    assert (listed["total_requests"], listed["last_used_at"]) == (3, "2026-01-02T03:04:06.000000Z")


def test_last_use_stays_the_latest(http: httpx.Client, new_key: Any, engine_clock: Any):
    """An earlier use that is stored afterwards, as another process may do, only counts."""
    key = new_key()
    for seconds in (30, -20):
        engine_clock.advance(seconds=seconds)
        http.get("/v1/sessions", headers={"X-API-Key": key["full_key"]})
        (listed,) = http.get("/v1/dashboard/keys").json()

    assert (listed["total_requests"], listed["last_used_at"]) == (2, "2026-01-02T03:04:35.000000Z")


def test_use_is_kept_over_a_restart(open_engine: Any, make_http: Any, store_path: Path):
    engine = open_engine(store_path)
    http = make_http(engine)
    key = http.post("/v1/dashboard/keys", json={"name": "n"}).json()
    http.get("/v1/sessions", headers={"X-API-Key": key["full_key"]})
    engine.close()

    (listed,) = make_http(open_engine(store_path)).get("/v1/dashboard/keys").json()

    assert listed["total_requests"] == 1


def test_revoking_twice_is_no_error(http: httpx.Client, new_key: Any):
    key = new_key()

    statuses = [http.delete(f"/v1/dashboard/keys/{key['id']}").status_code for _ in range(2)]

    assert statuses == [204, 204]


def test_unknown_key_cannot_be_revoked(http: httpx.Client, error_of: Any):
    response = http.delete("/v1/dashboard/keys/key_000000000000")

    assert error_of(response) == (404, "resource_not_found", "key_id")


class UnreadBody(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body that may not be read."""

    def __iter__(self) -> Iterator[bytes]:
        raise AssertionError("the body was read")

    def __aiter__(self) -> AsyncIterator[bytes]:
        raise AssertionError("the body was read")


@pytest.mark.parametrize("in_memory", [True, False], ids=["memory", "file"])
@pytest.mark.parametrize("key", [None, "wrong", "sb_wrong"])
def test_body_of_a_request_without_a_key_is_not_read(
    open_engine: Callable[..., Engine], store_path: Path, in_memory: bool, key: Optional[str]
):
    """The body of a request without a valid key is not read."""
    engine = open_engine(":memory:" if in_memory else store_path)
    transport = LocalTransport(engine, api_key=SERVER_KEY)
    headers = {} if key is None else {"X-API-Key": key}
    request = httpx.Request("POST", "http://local/v1/sessions", headers=headers, stream=UnreadBody())

    answers = [transport.handle_request(request), asyncio.run(transport.handle_async_request(request))]

    assert [answer.status_code for answer in answers] == [401, 401]
