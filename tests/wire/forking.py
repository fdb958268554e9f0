"""A program that forks with warm connections; `test_fork.py` runs it, so that nothing else is in the process.

It prints, as JSON, what each process got: `answers` as pairs (id sent, what the server says), and `errors`.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import gc
import json
import os
import sys
import threading
from pathlib import Path
from typing import Any, Callable, Dict, List

from statebase._base.exchange import Request
from statebase._wire.aiohttp_pool import AiohttpPool
from statebase._wire.async_pool import AsyncPool
from statebase._wire.pool import SyncPool

TIMEOUTS = dict.fromkeys(("connect", "read", "write", "pool"), 20.0)


async def fetch(pool: Any, id: str, target: str = "/") -> Any:
    """Send a request; a sync pool blocks until the reply is there, so that the coroutine never waits."""
    request = Request("GET", target, [(b"host", b"127.0.0.1"), (b"x-id", id.encode())], timeouts=TIMEOUTS)
    reply = pool.exchange(request) if isinstance(pool, SyncPool) else await pool.exchange_async(request)
    return json.loads(reply.content)


class Process:
    """The request of a process, and its response."""

    def __init__(self, pool: Any) -> None:
        self.answers: List[Any] = []
        self.errors: List[str] = []
        self._pool = pool

    async def call(self, number: object) -> None:
        id = f"{os.getpid()}-{number}"
        try:
            self.answers.append((id, await fetch(self._pool, id)))
        except Exception as error:
            self.errors.append(repr(error))

    async def work(self, calls: int) -> None:
        """Send requests, three at a time where the pool is async."""
        for number in range(0, calls, 3):
            await asyncio.gather(*(self.call(number + offset) for offset in range(3)))


def in_child(report: Callable[[], Any], fork: Callable[[], int] = os.fork) -> Callable[[], Any]:
    """Fork; return how to wait for what the child reports."""
    read, write = os.pipe()
    pid = fork()
    if pid == 0:
        os.close(read)
        with os.fdopen(write, "w") as pipe:
            json.dump(report(), pipe)
        os._exit(0)
    os.close(write)

    def wait() -> Any:
        with os.fdopen(read) as pipe:
            text = pipe.read()
        os.waitpid(pid, 0)
        if not text:
            raise ChildProcessError("the child died")
        return json.loads(text)

    return wait


def storm(pool: Any, children: int, calls: int) -> List[Any]:
    """Fork again and again, while this process goes on sending; in sync, from threads, which may hold any lock."""
    parent = Process(pool)
    loop = asyncio.new_event_loop()
    loop.run_until_complete(parent.work(3))
    stop = threading.Event()

    def go_on() -> None:
        own = asyncio.new_event_loop()
        while not stop.is_set():
            own.run_until_complete(parent.call(threading.get_ident()))
        own.close()

    threads = [threading.Thread(target=go_on) for _ in range(2 if isinstance(pool, SyncPool) else 0)]
    for thread in threads:
        thread.start()

    def child() -> Dict[str, Any]:
        process = Process(pool)
        asyncio.run(process.work(calls))
        gc.collect()
        return {"answers": process.answers, "errors": process.errors}

    waits = []
    for _ in range(children):
        waits.append(in_child(child))
        loop.run_until_complete(parent.work(3))
    reports = [wait() for wait in waits]
    loop.run_until_complete(parent.work(3))
    stop.set()
    for thread in threads:
        thread.join()
    loop.run_until_complete(close(pool))
    loop.close()
    return [{"answers": parent.answers, "errors": parent.errors}, *reports]


def same_loop(pool: Any, children: int, calls: int) -> List[Any]:
    """Fork, and go on in the child with the event loop of the parent, which waits."""
    parent = Process(pool)
    loop = asyncio.new_event_loop()
    reports = []

    def child() -> Dict[str, Any]:
        process = Process(pool)
        loop.run_until_complete(process.work(calls))
        return {"answers": process.answers, "errors": process.errors}

    for _ in range(children):
        loop.run_until_complete(parent.work(3))
        reports.append(in_child(child)())
    loop.run_until_complete(parent.work(3))
    loop.run_until_complete(close(pool))
    loop.close()
    return [{"answers": parent.answers, "errors": parent.errors}, *reports]


def under_way(pool: Any, children: int, calls: int) -> List[Any]:
    """Fork while half of a reply has arrived in another thread; whatever the child does, the parent gets the rest."""
    loop = asyncio.new_event_loop()
    answers: List[Any] = []

    def wait_for_the_rest() -> None:
        answers.append(("under way", loop.run_until_complete(fetch(pool, "under way", "/stall"))))

    thread = threading.Thread(target=wait_for_the_rest)
    thread.start()
    own = asyncio.new_event_loop()
    own.run_until_complete(fetch(pool, "first", "/when-one-is-held"))

    def child() -> Dict[str, Any]:
        process = Process(pool)
        childs = asyncio.new_event_loop()
        childs.run_until_complete(process.work(calls))
        childs.run_until_complete(close(pool))
        return {"answers": process.answers, "errors": process.errors}

    reports = [in_child(child)() for _ in range(children)]
    own.run_until_complete(fetch(pool, "other", "/let-all-go"))
    thread.join()
    loop.run_until_complete(loop.shutdown_asyncgens())
    own.run_until_complete(close(pool))
    loop.close()
    own.close()
    return [{"answers": answers, "errors": []}, *reports]


def without_hooks(pool: Any, children: int, calls: int) -> List[Any]:
    """Fork as C code would, so that Python does not learn of it."""
    parent = Process(pool)
    loop = asyncio.new_event_loop()
    loop.run_until_complete(parent.work(3))

    def child() -> Dict[str, Any]:
        process = Process(pool)
        own = asyncio.new_event_loop()
        own.run_until_complete(process.work(calls))
        return {"answers": process.answers, "errors": process.errors}

    reports = [in_child(child, fork=ctypes.PyDLL(None).fork)() for _ in range(children)]
    loop.run_until_complete(parent.work(3))
    loop.run_until_complete(close(pool))
    loop.close()
    return [{"answers": parent.answers, "errors": parent.errors}, *reports]


class WatchedLoop(asyncio.SelectorEventLoop):
    """An event loop that counts what it is asked to do from outside, as by the finalizer of a generator."""

    calls = 0

    def call_soon_threadsafe(self, *args: Any, **options: Any) -> Any:
        self.calls += 1
        return super().call_soon_threadsafe(*args, **options)


def leftovers(pool: Any, children: int, calls: int) -> List[Any]:
    """Fork, and let the child look at what it inherited."""
    parent = Process(pool)
    loop = WatchedLoop()
    loop.run_until_complete(parent.work(calls))
    made = sum(len(state.connections) for state in pool._all_states())
    loop.calls = 0

    def child() -> Dict[str, Any]:
        gc.collect()
        descriptors = [int(path.name) for path in Path("/dev/fd").iterdir()]
        open_ones = [descriptor for descriptor in descriptors if descriptor > 2 and is_open(descriptor)]
        return {
            "descriptors": len(open_ones),
            "inheritable": [descriptor for descriptor in open_ones if os.get_inheritable(descriptor)],
            "calls of the loop": loop.calls,
        }

    reports = [in_child(child)() for _ in range(children)]
    loop.run_until_complete(close(pool))
    loop.close()
    return [made, *reports]


def is_open(descriptor: int) -> bool:
    with contextlib.suppress(OSError):
        os.fstat(descriptor)
        return True
    return False


async def close(pool: Any) -> None:
    if isinstance(pool, SyncPool):
        pool.close()
    else:
        await pool.aclose()


def main(scenario: str, flavour: str, url: str, ca_file: str, children: str, calls: str) -> None:
    kinds: Any = {"sync": SyncPool, "async": AsyncPool, "aiohttp": AiohttpPool}
    pool = kinds[flavour](url, verify=ca_file)
    run = {f.__name__: f for f in (storm, same_loop, under_way, without_hooks, leftovers)}[scenario]
    print(json.dumps(run(pool, int(children), int(calls))))


if __name__ == "__main__":
    main(*sys.argv[1:])
