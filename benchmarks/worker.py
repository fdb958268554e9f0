"""Measures one peer: reads orders as JSON lines, answers each with a line.

python -m benchmarks.worker PEER
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import json
import math
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any, Callable

from benchmarks.bodies import PACKET
from benchmarks.processes import pin

_WARM_UP = 128


def cpu(peer: Any, address: str, call: str, calls: int) -> float:
    """Return microseconds of processor time a call, sync."""
    client = _kept(peer.Sync, address)
    function = getattr(client, call)
    function()
    began = time.process_time()
    for _ in range(calls):
        function()
    return (time.process_time() - began) / calls * 1e6


def cpu_async(peer: Any, address: str, call: str, calls: int) -> float:
    """Return microseconds of processor time a call, async, one after the other."""

    async def main() -> float:
        client = peer.Async(address)
        function = getattr(client, call)
        await function()
        began = time.process_time()
        for _ in range(calls):
            await function()
        spent = time.process_time() - began
        await client.close()
        return spent / calls * 1e6

    return asyncio.run(main())


def wall(peer: Any, address: str, call: str, calls: int) -> float:
    """Return microseconds that a call takes, sync."""
    client = _kept(peer.Sync, address)
    function = getattr(client, call)
    function()
    began = time.perf_counter()
    for _ in range(calls):
        function()
    return (time.perf_counter() - began) / calls * 1e6


def once(peer: Any, address: str, call: str) -> float:
    """Return the seconds of a single call, sync."""
    function = getattr(_kept(peer.Sync, address), call)
    began = time.perf_counter()
    function()
    return time.perf_counter() - began


def load(
    peer: Any, address: str, in_flight: int, calls: int, options: dict[str, Any] | None = None
) -> dict[str, float]:
    """Keep so many calls in flight; return calls a second, and the 99th percentile of a call's seconds."""

    async def main() -> dict[str, float]:
        client = peer.Async(address, **(options or {}))
        # Connections are opened before the clock runs, as many as a peer keeps: opening them is another matter.
        await asyncio.gather(*(client.get() for _ in range(min(in_flight, _WARM_UP))))
        seconds: list[float] = []
        turns = iter(range(calls))

        async def caller() -> None:
            for _ in turns:
                began = time.perf_counter()
                await client.get()
                seconds.append(time.perf_counter() - began)

        began = time.perf_counter()
        await asyncio.gather(*(caller() for _ in range(in_flight)))
        took = time.perf_counter() - began
        await client.close()
        return {"rate": calls / took, "p99": sorted(seconds)[math.ceil(len(seconds) * 0.99) - 1]}

    return asyncio.run(main())


def threads(peer: Any, address: str, count: int, calls: int) -> float:
    """Return answers a second of so many threads that share a sync client; one call in a hundred may fail."""
    client = _kept(peer.Sync, address)
    client.get()
    turns = iter(range(calls))
    answers: list[None] = []
    failures: list[Exception] = []

    def caller() -> None:
        for _ in turns:
            try:
                client.get()
            except Exception as error:  # httpx closes a connection under another thread now and then
                failures.append(error)
            else:
                answers.append(None)

    callers = [threading.Thread(target=caller) for _ in range(count)]
    began = time.perf_counter()
    for thread in callers:
        thread.start()
    for thread in callers:
        thread.join()
    took = time.perf_counter() - began
    if len(failures) > calls / 100:
        raise failures[0]
    return len(answers) / took


def clients(peer: Any, address: str, count: int) -> float:
    """Make, use and close so many clients; return how many KiB the process has grown since a first tenth of them."""

    def use(number: int) -> None:
        for _ in range(number):
            client = peer.Sync(address)
            client.get()
            client.close()

    use(count // 10)
    gc.collect()
    before = _resident_kib()
    use(count)
    gc.collect()
    return _resident_kib() - before


def held(peer: Any, address: str, count: int) -> float:
    """Return how many KiB the process grows by for each of so many clients that have made a call and live."""

    def make(number: int) -> list[Any]:
        made = [peer.Sync(address) for _ in range(number)]
        for client in made:
            client.get()
        return made

    kept = make(5)
    gc.collect()
    before = _resident_kib()
    kept += make(count)
    gc.collect()
    grown = _resident_kib() - before
    for client in kept:
        client.close()
    return grown / count


def packet(peer: Any, calls: int) -> dict[str, float]:
    """Return microseconds for a context packet: read by `json.loads`, and as models."""
    return {"json": _cpu_of(lambda: json.loads(PACKET), calls), "models": _cpu_of(lambda: peer.read(PACKET), calls)}


def _cpu_of(function: Callable[[], object], calls: int) -> float:
    function()
    began = time.process_time()
    for _ in range(calls):
        function()
    return (time.process_time() - began) / calls * 1e6


def _resident_kib() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1024


_clients: dict[tuple[type, str], Any] = {}


def _kept(kind: type, address: str) -> Any:
    if (kind, address) not in _clients:
        _clients[kind, address] = kind(address)
    return _clients[kind, address]


TASKS: dict[str, Callable[..., Any]] = {
    task.__name__: task for task in (cpu, cpu_async, wall, once, load, threads, clients, held, packet)
}


def main() -> None:
    pin("client")
    for line in sys.stdin:
        order = json.loads(line)
        try:
            peer = importlib.import_module(f"benchmarks.peers.{sys.argv[1]}")
            answer = {"value": TASKS[order.pop("task")](peer, **order)}
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
