"""In an event loop the engine answers as it does elsewhere, and does not hold the loop up."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any, Callable

import anyio
import httpx
import pytest

from statebase.local import Engine, EngineError, LocalTransport
from statebase.local.http.transport import open_transport

IN_MEMORY = pytest.mark.parametrize("in_memory", [True, False], ids=["memory", "file"])


@pytest.fixture(params=["asyncio", "trio"])
def backend(request: pytest.FixtureRequest) -> str:
    """The library that runs the event loop."""
    pytest.importorskip(request.param)
    return str(request.param)


def client(engine: Engine) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=LocalTransport(engine), base_url="http://local")


@IN_MEMORY
def test_requests_are_answered(open_engine: Callable[..., Engine], store_path: Path, backend: str, in_memory: bool):
    engine = open_engine(":memory:" if in_memory else store_path)

    async def main() -> Any:
        async with client(engine) as http:
            session = (await http.post("/v1/sessions", json={"agent_id": "a"})).json()
            return session, (await http.get(f"/v1/sessions/{session['id']}")).json()

    created, got = anyio.run(main, backend=backend)

    assert created == got


@IN_MEMORY
def test_concurrent_writes_lose_nothing(
    open_engine: Callable[..., Engine], store_path: Path, backend: str, in_memory: bool
):
    engine = open_engine(":memory:" if in_memory else store_path)
    turn = {"input": {"type": "text", "content": "a"}, "output": {"type": "text", "content": "b"}}

    async def main() -> Any:
        async with client(engine) as http:
            session = (await http.post("/v1/sessions", json={"agent_id": "a"})).json()["id"]
            async with anyio.create_task_group() as group:
                for _ in range(50):
                    group.start_soon(lambda: http.post(f"/v1/sessions/{session}/turns", json=turn))
            return (await http.get(f"/v1/sessions/{session}/turns", params={"limit": 100})).json()["data"]

    turns = anyio.run(main, backend=backend)

    assert [turn["turn_number"] for turn in turns] == list(range(50, 0, -1))


def test_one_transport_serves_one_loop_after_another(open_engine: Callable[..., Engine], store_path: Path):
    transport = LocalTransport(open_engine(store_path))

    async def main() -> int:
        request = httpx.Request("GET", "http://local/v1/sessions")
        return (await transport.handle_async_request(request)).status_code

    assert [asyncio.run(main()) for _ in range(2)] == [200, 200]


@pytest.mark.parametrize("slow", ["file", "embedder", "model"])
def test_loop_goes_on_while_the_engine_waits(open_engine: Callable[..., Engine], store_path: Path, slow: str):
    """For a file, an embedder of the user's, or the model of `statebase[local]`: all are called in a thread."""
    threads = set()

    def clock_or_embedder(*_: Any) -> Any:
        threads.add(threading.current_thread())
        return [[1.0]]

    if slow == "embedder":
        pytest.importorskip("numpy")
        engine = open_engine(embedder=clock_or_embedder)
    elif slow == "model":
        pytest.importorskip("statebase_minilm")
        engine = open_engine()
    else:
        engine = open_engine(store_path)

    async def main() -> Any:
        async with client(engine) as http:
            session = (await http.post("/v1/sessions", json={"agent_id": "a"})).json()["id"]
            ticks = 0

            async def tick() -> None:
                nonlocal ticks
                while True:
                    await anyio.sleep(0)
                    ticks += 1

            async with anyio.create_task_group() as group:
                group.start_soon(tick)
                await http.post("/v1/memories", json={"session_id": session, "content": "tea"})
                group.cancel_scope.cancel()
            return ticks

    assert anyio.run(main) > 0
    assert threading.main_thread() not in threads


class TestClosing:
    def test_transport_leaves_the_engine_open(self, engine: Engine):
        with httpx.Client(transport=LocalTransport(engine), base_url="http://local") as http:
            http.get("/v1/sessions")

        assert engine.liveness_probe() == {"status": "alive"}
        assert engine.get_dashboard_stats().stats.total_sessions == 0

    def test_transport_closes_an_engine_of_its_own(self, store_path: Path):
        transport = open_transport(store_path)
        other = Engine.open(store_path)

        transport.close()
        transport.close()

        assert other.get_dashboard_stats().stats.total_sessions == 0
        other.close()
        with pytest.raises(EngineError, match="closed"):
            other.get_dashboard_stats()

    def test_in_a_loop(self, store_path: Path, backend: str):
        transport = open_transport(store_path)
        engine = Engine.open(store_path)
        engine.close()

        anyio.run(transport.aclose, backend=backend)

        with pytest.raises(EngineError, match="closed"):
            engine.get_dashboard_stats()
