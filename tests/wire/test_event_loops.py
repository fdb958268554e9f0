"""One async pool serves any number of event loops, one after the other or at the same time, of asyncio or trio."""

from __future__ import annotations

import asyncio
import gc
import json
import threading
import warnings
from typing import Any, Callable, List

import httpx
import pytest
import trio

from statebase._base.exchange import Request
from statebase._wire.async_pool import AsyncPool


async def fetch(pool: AsyncPool, request: Request) -> Any:
    return json.loads((await pool.exchange_async(request)).content)


async def in_thread(function: Callable[..., Any], *arguments: Any) -> Any:
    return await asyncio.get_running_loop().run_in_executor(None, function, *arguments)


def test_pool_outlives_event_loops(server: Any, request_to: Callable[..., Request]) -> None:
    """A pool works in four `asyncio.run` in a row; each loop closes its own connections when it ends, in silence."""
    pool = AsyncPool(server.url)

    async def main(run: int) -> List[Any]:
        return [await fetch(pool, request_to(id=f"{run}-{number}")) for number in range(2)]

    answers = []
    for run in range(4):
        answers += asyncio.run(main(run))
        server.wait_until(lambda: server.open == 0)
    gc.collect()

    assert [answer["id"] for answer in answers] == [f"{run}-{number}" for run in range(4) for number in range(2)]
    assert [answer["connection"] for answer in answers] == [1, 1, 2, 2, 3, 3, 4, 4]


def test_pool_outlives_event_loops_over_tls(tls_server: Any, ca_file: str, request_to: Callable[..., Request]) -> None:
    """The same with TLS, and with requests that are cancelled as the loop ends."""
    pool = AsyncPool(tls_server.url, verify=ca_file)

    async def main(run: int) -> Any:
        left = asyncio.ensure_future(fetch(pool, request_to("/stall")))
        answer = await fetch(pool, request_to(id=run))
        assert not left.done()
        return answer

    answers = [asyncio.run(main(run)) for run in range(4)]
    gc.collect()

    assert [answer["id"] for answer in answers] == ["0", "1", "2", "3"]
    assert pool.active == 0
    tls_server.let_all_go()
    tls_server.wait_until(lambda: tls_server.open == 0)


def test_event_loops_in_threads_have_connections_of_their_own(server: Any, request_to: Callable[..., Request]) -> None:
    """Loops that run at the same time share the pool, and nothing else."""
    pool = AsyncPool(server.url)
    together = threading.Barrier(8)
    answers: List[List[Any]] = []

    async def main(thread: int) -> None:
        mine = [await fetch(pool, request_to(id=f"{thread}-{number}")) for number in range(20)]
        together.wait()
        assert [answer["id"] for answer in mine] == [f"{thread}-{number}" for number in range(20)]
        answers.append(mine)

    threads = [threading.Thread(target=lambda thread=thread: asyncio.run(main(thread))) for thread in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    gc.collect()

    connections = [{answer["connection"] for answer in mine} for mine in answers]
    assert sorted(connection for (connection,) in connections) == list(range(1, 9))
    server.wait_until(lambda: server.open == 0)


def test_event_loop_that_was_just_dropped_does_no_harm(
    server: Any, request_to: Callable[..., Request], connections_to: Callable[[int], int]
) -> None:
    """A loop that was closed without a goodbye leaves connections behind; the next loop lets go of them, unused."""
    pool = AsyncPool(server.url)
    answers = []

    with warnings.catch_warnings():
        # Nobody but the loop could have closed its transports; asyncio says so when they are garbage.
        warnings.filterwarnings("ignore", "unclosed", ResourceWarning)
        for run in range(4):
            loop = asyncio.new_event_loop()
            answers.append(loop.run_until_complete(fetch(pool, request_to(id=run))))
            loop.close()
        del loop
        gc.collect()
        left = connections_to(server.port)
        asyncio.run(pool.aclose())
        gc.collect()

    assert [answer["id"] for answer in answers] == ["0", "1", "2", "3"]
    assert left == 1
    server.wait_until(lambda: server.open == 0)


def test_pool_works_under_trio(server: Any, request_to: Callable[..., Request]) -> None:
    """A pool works in trio: connections are used again, the limit holds, and a run closes what it opened."""
    pool = AsyncPool(server.url, max_connections=3)
    answers: List[Any] = []

    async def one(number: int) -> None:
        answers.append((str(number), await fetch(pool, request_to(id=number))))

    async def main(run: int) -> None:
        async with trio.open_nursery() as nursery:
            for number in range(20):
                nursery.start_soon(one, number)
        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(fetch, pool, request_to("/hold", id=f"held {run}"))
            await trio.to_thread.run_sync(server.wait_until, lambda: server.held == 3 * run)
            with pytest.raises(httpx.PoolTimeout):
                await fetch(pool, request_to(pool_timeout=0))
            server.let_go(f"held {run}")

    for run in (1, 2):
        trio.run(main, run)
        server.wait_until(lambda: server.open == 0)
    gc.collect()

    assert len(answers) == 40
    assert all(answer["id"] == number for number, answer in answers)
    assert pool.active == 0
    assert server.peak <= 3


def test_pool_moves_between_asyncio_and_trio(server: Any, request_to: Callable[..., Request]) -> None:
    """The kind of loop may change."""
    pool = AsyncPool(server.url)

    answers = [
        run(fetch, pool, request_to(id=number))
        for number, run in enumerate((trio.run, run_in_asyncio, trio.run, run_in_asyncio))
    ]

    assert [answer["id"] for answer in answers] == ["0", "1", "2", "3"]


def run_in_asyncio(function: Callable[..., Any], *arguments: Any) -> Any:
    return asyncio.run(function(*arguments))


def test_close_reaches_other_event_loops(server: Any, request_to: Callable[..., Request]) -> None:
    """Closing a pool in one loop refuses the requests that wait in another; one that was sent gets its reply there."""
    pool = AsyncPool(server.url, max_connections=1)
    errors: List[str] = []
    answers: List[Any] = []
    waiting = threading.Event()

    async def elsewhere() -> None:
        held = asyncio.ensure_future(fetch(pool, request_to("/hold", id="held")))
        await in_thread(server.wait_until, lambda: server.held == 1)
        task = asyncio.ensure_future(fetch(pool, request_to(pool_timeout=None)))
        while pool.waiting == 0:
            await asyncio.sleep(0)
        waiting.set()
        with pytest.raises(RuntimeError) as raised:
            await asyncio.wait_for(task, 10)
        errors.append(str(raised.value))
        server.let_all_go()
        answers.append(await held)
        await in_thread(server.wait_until, lambda: server.open == 0)

    thread = threading.Thread(target=lambda: asyncio.run(elsewhere()))
    thread.start()
    waiting.wait()
    asyncio.run(pool.aclose())
    thread.join()

    assert errors == ["Cannot send a request, as the client has been closed."]
    assert answers == [{"id": "held", "connection": 1}]


def test_idle_connections_of_other_event_loops_are_closed(server: Any, request_to: Callable[..., Request]) -> None:
    """Closing a pool in one loop also closes what another, that still runs, has in store."""
    pool = AsyncPool(server.url)
    ready = threading.Event()

    async def elsewhere() -> None:
        await fetch(pool, request_to())
        ready.set()
        await in_thread(server.wait_until, lambda: server.open == 0)

    thread = threading.Thread(target=lambda: asyncio.run(elsewhere()))
    thread.start()
    ready.wait()
    asyncio.run(pool.aclose())
    thread.join()

    assert server.open == 0


def test_pool_without_an_event_loop(request_to: Callable[..., Request]) -> None:
    """Without an event loop, the error says so; a pool that was never used can be closed without one."""
    pool = AsyncPool("http://127.0.0.1:1")

    with pytest.raises(RuntimeError, match=r"no running event loop|must be called from async context"):
        pool.exchange_async(request_to()).send(None)
    with pytest.raises(StopIteration):
        pool.aclose().send(None)
