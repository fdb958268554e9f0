"""A call that is cancelled, wherever it is, leaves nothing behind: no slot, no connection, no file descriptor."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import random
import signal
import socket
import threading
import types
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from typing import Any, Callable, Dict, Generator, Iterator, List, Type, Union

import anyio
import anyio.lowlevel
import httpx
import pytest
import trio
from packaging.version import Version

from statebase._base.exchange import Request
from statebase._wire.aiohttp_pool import AiohttpPool
from statebase._wire.async_pool import AsyncPool
from statebase._wire.loop_pool import LoopPool
from statebase._wire.pool import SyncPool

pytestmark = pytest.mark.slow

CALLS = 1000

# Before 4.16, anyio forgets a connection that is cancelled in the moment it is made: it is closed when it is garbage.
ANYIO_FORGETS = Version(version("anyio")) < Version("4.16")
# Before 1.0, httpcore may never let go of its lock when one of several requests over a connection is cancelled.
HTTPCORE_LOCKS_UP = Version(version("httpcore")) < Version("1.0")

may_leave_garbage = pytest.mark.filterwarnings("ignore:unclosed" if ANYIO_FORGETS else "error:unclosed")


PoolClass = Union[Type[AsyncPool], Type[AiohttpPool]]


@pytest.fixture(params=[AsyncPool, AiohttpPool])
def pool_class(request: pytest.FixtureRequest) -> PoolClass:
    """Which of the asynchronous pools the test uses."""
    return request.param


async def fetch(pool: LoopPool, request: Request) -> Any:
    return json.loads((await pool.exchange_async(request)).content)


async def turns(number: int) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


async def in_thread(function: Callable[..., Any], *arguments: Any) -> Any:
    return await asyncio.get_running_loop().run_in_executor(None, function, *arguments)


async def cancel_all(calls: List[asyncio.Future[Any]]) -> None:
    for call in calls:
        call.cancel()
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert all(isinstance(outcome, asyncio.CancelledError) for outcome in outcomes)


@pytest.fixture
def deaf_port() -> Iterator[int]:
    """A port that accepts connections and never sends anything."""
    with socket.create_server(("127.0.0.1", 0), backlog=CALLS) as listener:
        yield listener.getsockname()[1]


@pytest.mark.parametrize("path", ["/hold", "/stall"])
def test_cancelled_while_reading(
    server: Any,
    request_to: Callable[..., Request],
    pool_class: PoolClass,
    connections_to: Callable[[int], int],
    path: str,
) -> None:
    """Calls that wait for an answer, or in the middle of one."""

    async def main() -> None:
        pool = pool_class(server.url, max_connections=50)
        for round_ in range(CALLS // 50):
            calls = [asyncio.ensure_future(fetch(pool, request_to(path))) for _ in range(50)]
            await in_thread(server.wait_until, lambda held=round_ * 50 + 50: server.held == held)
            await cancel_all(calls)
            assert (pool.active, pool.waiting) == (0, 0)
        assert (await fetch(pool, request_to(id="after")))["id"] == "after"
        await pool.aclose()

    asyncio.run(main())
    server.let_all_go()
    server.wait_until(lambda: server.open == 0)

    assert connections_to(server.port) == 0
    assert server.held == CALLS


def test_cancelled_while_waiting(
    server: Any, request_to: Callable[..., Request], pool_class: PoolClass, connections_to: Callable[[int], int]
) -> None:
    """Calls in the queue; those that hold a connection are not disturbed."""

    async def main() -> None:
        pool = pool_class(server.url, max_connections=1)
        holder = asyncio.ensure_future(fetch(pool, request_to("/hold", id="holder")))
        await in_thread(server.wait_until, lambda: server.held == 1)
        calls = [asyncio.ensure_future(fetch(pool, request_to())) for _ in range(CALLS)]
        await turns(3)
        assert (pool.active, pool.waiting) == (1, CALLS)
        await cancel_all(calls)
        assert (pool.active, pool.waiting) == (1, 0)
        server.let_all_go()
        assert (await holder)["id"] == "holder"
        assert (pool.active, pool.waiting) == (0, 0)
        await pool.aclose()

    asyncio.run(main())

    assert server.opened == 1


def test_cancelled_when_its_turn_has_come(
    server: Any, request_to: Callable[..., Request], pool_class: PoolClass, connections_to: Callable[[int], int]
) -> None:
    """A call that is cancelled just when it gets a connection passes it on, whole."""

    async def main() -> None:
        pool = pool_class(server.url, max_connections=1)
        calls: List[asyncio.Future[Any]] = []

        async def hold() -> None:
            await fetch(pool, request_to())
            calls[0].cancel()  # which has the connection by now, and has not run

        for number in range(50):
            held = asyncio.ensure_future(hold())
            await turns(1)
            calls[:] = [asyncio.ensure_future(fetch(pool, request_to(id=number))) for _ in range(2)]
            await turns(1)
            assert pool.waiting == 2
            assert (await calls[1])["id"] == str(number)
            assert held.done()
            assert calls[0].cancelled()
        assert (pool.active, pool.waiting) == (0, 0)
        await pool.aclose()

    asyncio.run(main())

    assert server.opened == 1


def test_cancelled_while_connecting(
    deaf_port: int, request_to: Callable[..., Request], pool_class: PoolClass, connections_to: Callable[[int], int]
) -> None:
    """Calls that wait for a TLS handshake."""

    async def main() -> None:
        pool = pool_class(f"https://127.0.0.1:{deaf_port}", verify=False, max_connections=50)
        for _ in range(CALLS // 50):
            calls = [asyncio.ensure_future(fetch(pool, request_to())) for _ in range(50)]
            await turns(20)
            await cancel_all(calls)
            assert (pool.active, pool.waiting) == (0, 0)
        await turns(3)
        assert connections_to(deaf_port) == 0
        await pool.aclose()

    asyncio.run(main())

    assert connections_to(deaf_port) == 0


@may_leave_garbage
@pytest.mark.parametrize(
    "protocols",
    [
        pytest.param((), id="http"),
        pytest.param(("http/1.1",), id="https"),
        pytest.param(("h2",), id="http2", marks=pytest.mark.skipif(HTTPCORE_LOCKS_UP, reason="httpcore locks up")),
    ],
)
def test_cancelled_at_any_moment(
    server: Any,
    make_tls_server: Callable[..., Any],
    ca_file: str,
    request_to: Callable[..., Request],
    connections_to: Callable[[int], int],
    protocols: Any,
    pool_class: PoolClass,
) -> None:
    """Calls that are cancelled after one turn of the event loop, two turns, and so on until they are done."""
    options: Dict[str, Any] = {"verify": ca_file, "max_connections": 7}
    if protocols:
        server = make_tls_server(*protocols)
    if "h2" in protocols:
        if pool_class is AiohttpPool:
            pytest.skip("aiohttp has no HTTP/2")
        options["http2"] = True

    async def main() -> None:
        pool = pool_class(server.url, **options)
        patience, done = 1.0, 0
        while done < 10:
            patience, done = patience * 1.1, 0
            calls = [asyncio.ensure_future(fetch(pool, request_to(id=number))) for number in range(10)]
            await turns(int(patience))
            for call in calls:
                call.cancel()
            for number, outcome in enumerate(await asyncio.gather(*calls, return_exceptions=True)):
                if not isinstance(outcome, asyncio.CancelledError):
                    assert outcome["id"] == str(number)
                    done += 1
            assert (pool.active, pool.waiting) == (0, 0)
        if ANYIO_FORGETS:
            gc.collect()
        await turns(3)
        assert connections_to(server.port) <= 7
        await pool.aclose()

    asyncio.run(main())

    assert connections_to(server.port) == 0


def test_cancelled_at_each_step_of_the_queue(
    server: Any, request_to: Callable[..., Request], pool_class: PoolClass
) -> None:
    """A call that is cancelled in the queue, or in any cycle of the loop after it has left it, ends as cancelled."""

    async def main() -> None:
        cycles, is_done = 0, False
        while not is_done:
            pool = pool_class(server.url, max_connections=1)
            first = asyncio.ensure_future(fetch(pool, request_to(id="first")))
            while pool.active == 0:
                await turns(1)
            calls = [asyncio.ensure_future(fetch(pool, request_to(id=number))) for number in range(3)]
            await first
            await turns(cycles)
            is_done = calls[0].done()
            calls[0].cancel()
            outcomes = await asyncio.gather(*calls, return_exceptions=True)
            if not is_done:
                assert isinstance(outcomes[0], asyncio.CancelledError), cycles
            assert [outcome["id"] for outcome in outcomes[1:]] == ["1", "2"]
            assert (pool.active, pool.waiting) == (0, 0)
            await pool.aclose()
            cycles += 1

    asyncio.run(main())


@may_leave_garbage
def test_cancelled_at_random(
    server: Any, request_to: Callable[..., Request], connections_to: Callable[[int], int], pool_class: PoolClass
) -> None:
    """A thousand calls in flight, of which half are cancelled at some moment, leave the pool whole."""
    chance = random.Random(1)

    async def main() -> None:
        pool = pool_class(server.url, max_connections=20)
        calls = [asyncio.ensure_future(fetch(pool, request_to(id=number))) for number in range(CALLS)]
        victims = chance.sample(calls, CALLS // 2)
        while victims:
            await turns(chance.randrange(4))
            for _ in range(chance.randrange(10)):
                if victims:
                    victims.pop().cancel()
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        answers = {number: each for number, each in enumerate(outcomes) if not isinstance(each, asyncio.CancelledError)}
        assert all(answer["id"] == str(number) for number, answer in answers.items())
        assert CALLS // 2 <= len(answers) < CALLS
        assert (pool.active, pool.waiting) == (0, 0)
        assert (await fetch(pool, request_to(id="after")))["id"] == "after"
        if ANYIO_FORGETS:
            gc.collect()
        await turns(3)
        assert connections_to(server.port) <= 20
        await pool.aclose()

    asyncio.run(main())

    assert connections_to(server.port) == 0


def test_threads_give_up_at_random(
    server: Any, request_to: Callable[..., Request], connections_to: Callable[[int], int]
) -> None:
    """A thousand calls of 32 threads, of which most give up in the queue, leave the pool whole."""
    chance = random.Random(1)
    waits = [chance.choice([0, 0.0001, 0.001, 0.01, None]) for _ in range(CALLS)]

    def call(number: int) -> bool:
        try:
            reply = pool.exchange(request_to(id=number, pool_timeout=waits[number]))
        except httpx.PoolTimeout:
            return False
        assert json.loads(reply.content)["id"] == str(number)
        return True

    with contextlib.closing(SyncPool(server.url, max_connections=2)) as pool:
        with ThreadPoolExecutor(32) as threads:
            answered = list(threads.map(call, range(CALLS)))

        assert all(answered[number] for number, wait in enumerate(waits) if wait is None)
        assert not all(answered)
        assert (pool.active, pool.waiting) == (0, 0)
        assert connections_to(server.port) <= 2
        assert pool.exchange(request_to(pool_timeout=0)).status_code == 200
    assert connections_to(server.port) == 0


@may_leave_garbage
@pytest.mark.parametrize("run", [asyncio.run, trio.run])
def test_scope_cancelled(
    server: Any, request_to: Callable[..., Request], connections_to: Callable[[int], int], run: Any
) -> None:
    """The cancel scopes of anyio and trio, which cancel each wait until they are left, leave nothing behind either."""

    async def main() -> None:
        pool = AsyncPool(server.url, max_connections=10)

        async def call() -> None:
            await fetch(pool, request_to("/stall"))

        for _ in range(CALLS // 20):
            async with anyio.create_task_group() as tasks:
                for _ in range(20):
                    tasks.start_soon(call)
                while pool.waiting < 10:
                    await anyio.lowlevel.checkpoint()
                tasks.cancel_scope.cancel()
            assert (pool.active, pool.waiting) == (0, 0)
        await pool.aclose()

    run(main) if run is trio.run else run(main())
    if ANYIO_FORGETS:
        gc.collect()
    server.let_all_go()
    server.wait_until(lambda: server.open == 0)

    assert connections_to(server.port) == 0


@types.coroutine
def garbage_when_cancelled(coroutine: Any) -> Generator[Any, Any, None]:
    """Run a coroutine until this one is cancelled, and let go of it then."""
    with contextlib.suppress(asyncio.CancelledError, StopIteration):
        while True:
            yield coroutine.send(None)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("path", ["/hold", "/stall"])
def test_coroutine_is_thrown_away(
    server: Any, request_to: Callable[..., Request], connections_to: Callable[[int], int], path: str
) -> None:
    """An exchange that becomes garbage half way gives its connection up; httpcore awaits then, which Python reports."""

    async def main() -> None:
        pool = AsyncPool(server.url, max_connections=1)
        await fetch(pool, request_to())
        for number in range(20):
            task = asyncio.ensure_future(garbage_when_cancelled(pool.exchange_async(request_to(path))))
            await in_thread(server.wait_until, lambda number=number: server.held == number + 1)
            await turns(3)
            task.cancel()
            await task
            gc.collect()
            assert (await fetch(pool, request_to(id=number)))["id"] == str(number)
            assert (pool.active, pool.waiting) == (0, 0)
            assert connections_to(server.port) == 1
        await pool.aclose()

    asyncio.run(main())
    server.let_all_go()
    server.wait_until(lambda: server.open == 0)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_coroutine_that_is_thrown_away_wakes_the_queue(
    server: Any, request_to: Callable[..., Request], pool_class: PoolClass
) -> None:
    """The place of an exchange that becomes garbage goes to the call that waits for one, without another call."""

    async def main() -> None:
        pool = pool_class(server.url, max_connections=1)
        await fetch(pool, request_to())
        task = asyncio.ensure_future(garbage_when_cancelled(pool.exchange_async(request_to("/hold"))))
        await in_thread(server.wait_until, lambda: server.held == 1)
        waiting = asyncio.ensure_future(fetch(pool, request_to(id="waiting")))
        await turns(3)
        assert pool.waiting == 1
        task.cancel()
        await task
        del task
        gc.collect()
        assert (await waiting)["id"] == "waiting"
        assert (pool.active, pool.waiting) == (0, 0)
        await pool.aclose()

    asyncio.run(main())
    server.let_all_go()


def test_timeouts_are_no_leaks(
    server: Any, request_to: Callable[..., Request], pool_class: PoolClass, connections_to: Callable[[int], int]
) -> None:
    """A call that times out waiting for its answer gives up its connection, too."""

    async def main() -> None:
        pool = pool_class(server.url, max_connections=10)

        async def call() -> None:
            with pytest.raises(httpx.ReadTimeout):
                await fetch(pool, request_to("/hold", read_timeout=0.001))

        await asyncio.gather(*(call() for _ in range(100)))
        assert (pool.active, pool.waiting) == (0, 0)
        await pool.aclose()

    asyncio.run(main())
    server.let_all_go()
    server.wait_until(lambda: server.open == 0)

    assert connections_to(server.port) == 0


class Interrupted(BaseException):
    """The exception of a signal handler, like that of Ctrl-C."""


Interrupt = Callable[..., None]


@pytest.fixture
def interrupt() -> Iterator[Interrupt]:
    """Interrupt the main thread as soon as a condition holds; it may do something last."""
    last_acts: List[Callable[[], None]] = []

    def handle(*_: Any) -> None:
        for act in last_acts:
            act()
        raise Interrupted

    def interrupt(condition: Callable[[], bool], *acts: Callable[[], None]) -> None:
        last_acts.extend(acts)

        def run() -> None:
            while not condition():
                os.sched_yield()
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)

        threading.Thread(target=run, daemon=True).start()

    previous = signal.signal(signal.SIGUSR1, handle)
    yield interrupt
    signal.signal(signal.SIGUSR1, previous)


def hold(pool: SyncPool, request: Request) -> threading.Thread:
    """Send a request in another thread."""
    thread = threading.Thread(target=pool.exchange, args=(request,), daemon=True)
    thread.start()
    return thread


def test_interrupted_while_waiting(server: Any, request_to: Callable[..., Request], interrupt: Interrupt) -> None:
    """Ctrl-C in the queue leaves the queue."""
    with contextlib.closing(SyncPool(server.url, max_connections=1)) as pool:
        thread = hold(pool, request_to("/hold"))
        server.wait_until(lambda: server.held == 1)
        interrupt(lambda: pool.waiting == 1)

        with pytest.raises(Interrupted):
            pool.exchange(request_to())

        assert (pool.active, pool.waiting) == (1, 0)
        server.let_all_go()
        thread.join()
        assert pool.active == 0


def test_interrupted_when_its_turn_has_come(
    server: Any, request_to: Callable[..., Request], interrupt: Interrupt
) -> None:
    """Ctrl-C just when a call gets a connection gives the connection back."""
    with contextlib.closing(SyncPool(server.url, max_connections=1)) as pool:
        thread = hold(pool, request_to("/hold"))
        server.wait_until(lambda: server.held == 1)
        interrupt(lambda: pool.waiting == 1, server.let_all_go, thread.join)

        with pytest.raises(Interrupted):
            pool.exchange(request_to())

        assert (pool.active, pool.waiting) == (0, 0)
        assert pool.exchange(request_to()).status_code == 200


@pytest.mark.parametrize("path", ["/hold", "/stall"])
def test_interrupted_while_reading(
    server: Any,
    request_to: Callable[..., Request],
    connections_to: Callable[[int], int],
    interrupt: Interrupt,
    path: str,
) -> None:
    """Ctrl-C before a reply, or in the middle of its body, closes the connection."""
    with contextlib.closing(SyncPool(server.url)) as pool:
        interrupt(lambda: server.held == 1)

        with pytest.raises(Interrupted):
            pool.exchange(request_to(path))

        assert pool.active == 0
        assert connections_to(server.port) == 0
