"""The front door answers requests of the SDK itself, without httpx in between."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import threading
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Callable, List, Optional

import httpx
import pytest

from statebase._base.exchange import Reply, Request
from statebase.local import Engine, EngineError, LocalTransport
from statebase.local.http.door import Admitted, FrontDoor
from statebase.local.http.head import Head, by_name

NO_LIMITS = {"connect": None, "read": None, "write": None, "pool": None}
SESSION = b'{"agent_id": "agent"}'


def request(method: str, target: str, content: bytes = b"", **options: Any) -> Request:
    headers = [(name.lower().encode(), value) for name, value in options.pop("headers", {}).items()]
    return Request(method, target, headers, content, **{"timeouts": NO_LIMITS, **options})


def head(method: str, path: str, *headers: Any) -> Head:
    return Head(method, path, "", by_name(headers))


@pytest.fixture
def transport(engine: Engine) -> LocalTransport:
    return LocalTransport(engine)


def test_reply_is_that_of_the_transport(engine: Engine, transport: LocalTransport):
    """The same status, headers and body as through httpx."""
    session_id = json.loads(transport.exchange(request("POST", "/v1/sessions", SESSION)).content)["id"]
    target = f"/v1/sessions/{session_id}"

    reply = transport.exchange(request("GET", target, headers={"X-Request-ID": b"mine"}))
    async_reply = asyncio.run(transport.exchange_async(request("GET", target, headers={"X-Request-ID": b"mine"})))

    with httpx.Client(transport=transport, base_url="http://local") as client:
        response = client.get(target, headers={"X-Request-ID": "mine"})
    for one in (reply, async_reply):
        assert (one.status_code, one.content) == (response.status_code, response.content)
        assert one.headers == response.headers
    assert reply.request_id == "mine"


def test_query_is_read(transport: LocalTransport):
    for _ in range(2):
        transport.exchange(request("POST", "/v1/sessions", SESSION))

    reply = transport.exchange(request("GET", "/v1/sessions?limit=1"))

    assert len(json.loads(reply.content)["data"]) == 1


@pytest.mark.parametrize(("limit", "is_too_large"), [(None, False), (18, False), (17, True)])
def test_reply_is_no_larger_than_the_request_allows(
    transport: LocalTransport, limit: Optional[int], is_too_large: bool
):
    reply = transport.exchange(request("GET", "/health/live", max_response_bytes=limit))

    assert reply.status_code == 200
    assert (reply.is_too_large, reply.content) == (is_too_large, b"" if is_too_large else b'{"status":"alive"}')


def test_write_waits_no_longer_than_the_request(open_engine: Callable[..., Engine], store_path: Path):
    """For another process that writes and does not come to an end; then it is a 503."""
    transport = LocalTransport(open_engine(store_path))
    other = sqlite3.connect(store_path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    started = time.monotonic()
    reply = transport.exchange(request("POST", "/v1/sessions", SESSION, timeouts={**NO_LIMITS, "read": 0.05}))

    assert (reply.status_code, reply.headers["Retry-After"]) == (503, "1")
    assert time.monotonic() - started < 5
    other.close()


def test_closing_closes_an_engine_of_its_own(store_path: Path):
    engine = Engine.open(store_path)

    LocalTransport(engine, close_engine=True).close()

    with pytest.raises(EngineError, match="closed"):
        engine.get_dashboard_stats()


def test_head_alone_decides_who_comes_in(engine: Engine):
    """A request that may not come in has its reply before there is a body; one that may is told its operation."""
    door = FrontDoor(engine, api_key="sb_right")

    refused = door.admit(head("POST", "/v1/sessions", (b"x-api-key", b"sb_wrong")))
    admitted = door.admit(head("POST", "/v1/sessions", (b"x-api-key", b"sb_right")))

    assert isinstance(refused, Reply)
    assert refused.status_code == 401
    assert door.respond(refused, b"anything") is refused
    assert isinstance(admitted, Admitted)
    assert admitted.operation.id == "create_session"
    assert door.respond(admitted, SESSION).status_code == 201


@pytest.mark.parametrize("keys", [[b"sb_right", b"sb_right"], [b"sb_wrong", b"sb_right"], [b"sb_right", b"sb_wrong"]])
def test_key_that_comes_twice_is_wrong(engine: Engine, keys: List[bytes]):
    """Software that reads the first header and software that reads the last one must agree on the key."""
    door = FrontDoor(engine, api_key="sb_right")

    reply = door.admit(head("GET", "/v1/sessions", *((b"x-api-key", key) for key in keys)))

    assert isinstance(reply, Reply)
    assert reply.status_code == 401


def test_short_reads_need_no_thread(store_path: Path):
    """A session of a file is read within the event loop; a list, and whatever writes, in a thread."""
    threads: List[threading.Thread] = []

    def clock() -> datetime:
        threads.append(threading.current_thread())
        return datetime.now(timezone.utc)

    engine = Engine.open(store_path, clock=clock)
    transport = LocalTransport(engine)
    created = json.loads(transport.exchange(request("POST", "/v1/sessions", SESSION)).content)["id"]

    def runs_in_the_loop(method: str, target: str, content: bytes = b"") -> bool:
        threads.clear()
        reply = asyncio.run(transport.exchange_async(request(method, target, content)))
        assert reply.status_code < 300
        return set(threads) == {threading.main_thread()}

    assert runs_in_the_loop("GET", f"/v1/sessions/{created}")
    assert not runs_in_the_loop("GET", "/v1/sessions")
    assert not runs_in_the_loop("POST", "/v1/sessions", SESSION)
    engine.close()


@pytest.fixture
def embedding(open_engine: Callable[..., Engine]) -> Engine:
    """An engine in memory, with an embedder of the user's."""
    pytest.importorskip("numpy")
    return open_engine(embedder=lambda texts: [[1.0]] * len(texts))


@pytest.mark.sqlite_only  # a database is not in memory
def test_store_in_memory_is_used_within_the_loop(embedding: Engine):
    """But for what embeds a text, which may take its time: that is done in a thread."""
    transport = LocalTransport(embedding)
    created = json.loads(transport.exchange(request("POST", "/v1/sessions", SESSION)).content)["id"]

    def is_done_by_the_next_step(method: str, target: str, content: bytes = b"") -> bool:
        async def main() -> bool:
            reply = transport.exchange_async(request(method, target, content))
            try:
                reply.send(None)  # runs until it waits for something
            except StopIteration as end:
                assert end.value.status_code < 300
                return True
            reply.close()
            return False

        return asyncio.run(main())

    memory = json.dumps({"session_id": created, "content": "likes tea"}).encode()
    assert is_done_by_the_next_step("POST", "/v1/sessions", SESSION)
    assert is_done_by_the_next_step("GET", "/v1/sessions")
    assert not is_done_by_the_next_step("POST", "/v1/memories", memory)
    assert not is_done_by_the_next_step("GET", "/v1/memories?query=tea")
    assert not is_done_by_the_next_step("DELETE", f"/v1/sessions/{created}")


def test_short_read_of_memory_waits_in_a_thread(embedding: Engine):
    """In memory, reads and writes wait for each other; a read that waits does not block the event loop."""
    engine = embedding
    transport = LocalTransport(engine)
    created = json.loads(transport.exchange(request("POST", "/v1/sessions", SESSION)).content)["id"]
    begun, done = threading.Event(), threading.Event()

    def hold() -> None:
        with engine._core.store.database.write():
            begun.set()
            done.wait(30)

    async def main() -> int:
        reading = asyncio.ensure_future(transport.exchange_async(request("GET", f"/v1/sessions/{created}")))
        for _ in range(10):
            await asyncio.sleep(0)
        assert not reading.done()
        done.set()
        return (await reading).status_code

    writer = threading.Thread(target=hold)
    writer.start()
    begun.wait(30)
    status = asyncio.run(main())
    writer.join()

    assert status == 200
