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

import httpx

from statebase._wire.async_pool import AsyncPool
from statebase._wire.pool import SyncPool

TIMEOUT = {"connect": 20, "read": 20, "write": 20, "pool": 20}


def request_to(url: str, id: str) -> httpx.Request:
    return httpx.Request("GET", url, headers={"X-Id": id}, extensions={"timeout": TIMEOUT})


async def fetch(pool: Any, url: str, id: str) -> Any:
    """Send a request; a sync pool answers at once, so that the coroutine never waits."""
    if isinstance(pool, SyncPool):
        response = pool.handle_request(request_to(url, id))
        response.read()
        response.close()
    else:
        response = await pool.handle_async_request(request_to(url, id))
        await response.aread()
        await response.aclose()
    return response.json()


class Process:
    """The request of a process, and its response."""

    def __init__(self, pool: Any, url: str) -> None:
        self.answers: List[Any] = []
        self.errors: List[str] = []
        self._pool = pool
        self._url = url

    async def call(self, number: object) -> None:
        id = f"{os.getpid()}-{number}"
        try:
            self.answers.append((id, await fetch(self._pool, self._url, id)))
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


def storm(pool: Any, url: str, children: int, calls: int) -> List[Any]:
    """Fork again and again, while this process goes on sending; in sync, from threads, which may hold any lock."""
    parent = Process(pool, url)
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
        process = Process(pool, url)
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


def same_loop(pool: Any, url: str, children: int, calls: int) -> List[Any]:
    """Fork, and go on in the child with the event loop of the parent, which waits."""
    parent = Process(pool, url)
    loop = asyncio.new_event_loop()
    reports = []

    def child() -> Dict[str, Any]:
        process = Process(pool, url)
        loop.run_until_complete(process.work(calls))
        return {"answers": process.answers, "errors": process.errors}

    for _ in range(children):
        loop.run_until_complete(parent.work(3))
        reports.append(in_child(child)())
    loop.run_until_complete(parent.work(3))
    loop.run_until_complete(close(pool))
    loop.close()
    return [{"answers": parent.answers, "errors": parent.errors}, *reports]


def open_response(pool: Any, url: str, children: int, calls: int) -> List[Any]:
    """Fork with a response that was read in part; whatever the child does with it, the parent reads the rest."""
    loop = asyncio.new_event_loop()
    loop.run_until_complete(fetch(pool, url, "warm"))
    request = request_to(f"{url}/stall", "open")
    response: Any
    if isinstance(pool, SyncPool):
        response = pool.handle_request(request)
    else:
        response = loop.run_until_complete(pool.handle_async_request(request))

    def child() -> Dict[str, Any]:
        process = Process(pool, url)
        error = None
        own = asyncio.new_event_loop()
        try:
            own.run_until_complete(read(response))
        except Exception as raised:
            error = type(raised).__name__
        own.run_until_complete(process.work(calls))
        own.run_until_complete(close(pool))
        return {"answers": process.answers, "errors": process.errors, "read": error}

    reports = [in_child(child)() for _ in range(children)]
    with httpx.Client(verify=False, trust_env=False) as other:
        other.get(f"{url}/open-the-gate")
    body = loop.run_until_complete(read(response))
    loop.run_until_complete(close(pool))
    loop.close()
    return [{"answers": [("open", json.loads(body))], "errors": []}, *reports]


def without_hooks(pool: Any, url: str, children: int, calls: int) -> List[Any]:
    """Fork as C code would, so that Python does not learn of it."""
    parent = Process(pool, url)
    loop = asyncio.new_event_loop()
    loop.run_until_complete(parent.work(3))

    def child() -> Dict[str, Any]:
        process = Process(pool, url)
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


def leftovers(pool: Any, url: str, children: int, calls: int) -> List[Any]:
    """Fork, and let the child look at what it inherited."""
    parent = Process(pool, url)
    loop = WatchedLoop()
    loop.run_until_complete(parent.work(calls))
    made = sum(len(slots.lanes) for slots in pool._all_slots())
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


async def read(response: httpx.Response) -> bytes:
    if isinstance(response.stream, httpx.AsyncByteStream):
        body = await response.aread()
        await response.aclose()
        return body
    body = response.read()
    response.close()
    return body


async def close(pool: Any) -> None:
    if isinstance(pool, SyncPool):
        pool.close()
    else:
        await pool.aclose()


def main(scenario: str, flavour: str, url: str, ca_file: str, children: str, calls: str) -> None:
    options: Dict[str, Any] = {"tls": url.startswith("https:"), "verify": ca_file}
    pool = SyncPool(**options) if flavour == "sync" else AsyncPool(**options)
    run = {f.__name__: f for f in (storm, same_loop, open_response, without_hooks, leftovers)}[scenario]
    print(json.dumps(run(pool, url, int(children), int(calls))))


if __name__ == "__main__":
    main(*sys.argv[1:])
