"""Fixtures of the unit tests: both ways to a transport, and answers that models fit."""

from __future__ import annotations

import asyncio
from typing import Any, Callable, Dict, Iterator, List

import httpx
import pytest


@pytest.fixture(params=["transport", "http_client"])
def way(request: pytest.FixtureRequest) -> str:
    """The way of requests to the transport: directly, or through an httpx client of the caller's."""
    return str(request.param)


@pytest.fixture
def serve(
    way: str, flavour: str, make_client: Any, event_loop_for_clients: asyncio.AbstractEventLoop
) -> Iterator[Callable[..., Any]]:
    """Create a client whose service is a function from request to response, in both ways."""
    opened: List[Any] = []

    def make(handler: Callable[[httpx.Request], httpx.Response], **options: Any) -> Any:
        transport = httpx.MockTransport(handler)
        if way == "transport":
            return make_client(transport=transport, **options)
        kind: Any = httpx.Client if flavour == "sync" else httpx.AsyncClient
        opened.append(kind(transport=transport, headers={"X-Of-The-Caller": "yes"}))
        return make_client(http_client=opened[-1], **options)

    yield make
    for client in opened:
        if flavour == "sync":
            client.close()
        else:
            event_loop_for_clients.run_until_complete(client.aclose())


TIMESTAMP = "2026-01-02T03:04:05.000006Z"


@pytest.fixture
def turn() -> Dict[str, Any]:
    """The answer to `sessions.add_turn`."""
    return {
        "id": "turn_1",
        "session_id": "sess_1",
        "turn_number": 1,
        "input": {"type": "text", "content": "hi"},
        "output": {"type": "text", "content": "hello"},
        "created_at": TIMESTAMP,
        "object": "turn",
    }


@pytest.fixture
def memory() -> Dict[str, Any]:
    """The answer to `memory.add`."""
    return {
        "id": "mem_1",
        "session_id": "sess_1",
        "content": "tea",
        "type": "fact",
        "created_at": TIMESTAMP,
        "vector_available": True,
        "object": "memory",
    }
