"""The embedded engine: its writes and reads, and its search beside that of vector stores that run in a process too."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Callable, Iterator, Mapping

from benchmarks.environment import PYTHON, RC1, STORES_PYTHON
from benchmarks.measure import Goal, Row, Table, compared, interleave
from benchmarks.processes import Server, Worker, WorkerError

if TYPE_CHECKING:
    from benchmarks.sections import Bench

_RC1 = "statebase 1.0.0rc1"
_STORES: Mapping[str, str] = {
    "statebase": "store_statebase",
    "qdrant-client, in memory": "store_qdrant",
    "chromadb, in memory": "store_chroma",
}
_NOTE = "statebase takes one memory a call and can search after each; the others are given 1000 at once."
_FEW = 10_000
"""Up to so many memories, a search of every store takes milliseconds."""
_CALLS: Mapping[str, str] = {
    "create_session": "sessions.create",
    "add_turn": "sessions.add_turn",
    "get_session": "sessions.get",
    "get_state": "state.get_state",
    "update_state": "state.update_state",
    "list_turns": "sessions.list_turns, 20 turns",
    "list_traces": "traces.list, 50 traces",
    "get_context": "sessions.get_context, 20 turns",
}


def engine(bench: Bench) -> Iterator[Table]:
    """Latency of calls, through the client: in memory, in a file."""
    places = {"memory": ":memory:", "a file": "normal", "a file, safe from loss of power": "full"}
    number = bench.some(400, 100)
    worker = Worker(STORES_PYTHON, "store_statebase")
    try:
        for call, what in _CALLS.items():
            values = interleave(
                {
                    name: partial(worker.run, "wall", address=place, call=call, calls=number)
                    for name, place in places.items()
                },
                bench.some(7, 3),
            )
            yield compared(Table(f"Embedded engine, `{what}`", "us a call", "memory"), values, "memory", {})
    finally:
        worker.stop()


def since_rc1(bench: Bench) -> Iterator[Table]:
    """Processor time of the engine, beside 1.0.0rc1's: embedded, and as a server."""
    if not RC1.exists():
        return
    workers = {"statebase": Worker(PYTHON, "store_statebase"), _RC1: Worker(PYTHON, "store_statebase", RC1)}
    try:
        for call in ("add_turn", "get_context"):
            values = interleave(
                {
                    name: partial(worker.run, "cpu", address=":memory:", call=call, calls=bench.some(300, 60))
                    for name, worker in workers.items()
                },
                bench.rounds,
            )
            table = Table(f"Processor time, embedded, `{_CALLS[call]}`, in memory", "us a call", _RC1)
            yield compared(table, values, _RC1, {"statebase": Goal(0.75, 0.6)})
    finally:
        for worker in workers.values():
            worker.stop()
    if Path("/proc/self/stat").exists():
        yield _served(bench)


def _served(bench: Bench) -> Table:
    command = [str(PYTHON), "-m", "statebase", "serve", "--port", "0", "--json"]
    servers: dict[str, Server] = {}
    try:
        for name, path in (("statebase", None), (_RC1, RC1)):
            servers[name] = Server(command, extra_path=path)
        number = bench.some(1000, 300)
        values = interleave(
            {
                name: partial(_cpu_of_server, bench.worker("statebase"), server, number)
                for name, server in servers.items()
            },
            bench.rounds,
        )
    finally:
        for server in servers.values():
            server.stop()
    table = Table("Processor time of `statebase serve` for a `sessions.get`, in memory", "us a call", _RC1)
    return compared(table, values, _RC1, {"statebase": Goal(0.65, 0.5)})


def _cpu_of_server(client: Worker, server: Server, number: int) -> float:
    """Return microseconds of processor time of a server a get."""
    address = json.loads(server.first_line)["base_url"]
    client.run("wall", address=address, call="get_of_engine", calls=1)
    began = server.cpu_seconds()
    client.run("wall", address=address, call="get_of_engine", calls=number)
    return (server.cpu_seconds() - began) / number * 1e6


def vectors(bench: Bench) -> Iterator[Table]:
    """Search among the same vectors, which are passed in."""
    for count in (1_000, 10_000) if bench.quick else (10_000, 100_000):
        yield from _searches(bench, count)


def million(bench: Bench) -> Iterator[Table]:
    """The same among a million, which takes most of an hour and 12 GB of memory."""
    yield from _searches(bench, 1_000_000)


def _searches(bench: Bench, count: int) -> Iterator[Table]:
    workers = {name: Worker(STORES_PYTHON, module) for name, module in _STORES.items()}
    try:
        yield from _compared_stores(bench, workers, count)
    finally:
        for worker in workers.values():
            worker.stop()


def _compared_stores(bench: Bench, workers: Mapping[str, Worker], count: int) -> Iterator[Table]:
    calls, rounds = (10, 5) if count <= _FEW else (2, 3)
    filled: dict[str, float] = {}
    missing: list[str] = []
    for name, worker in workers.items():
        try:
            filled[name] = worker.run("once", address=str(count), call="fill")
        except WorkerError as error:
            if "ModuleNotFoundError" not in str(error):
                raise
            missing.append(f"{name.partition(',')[0]} is not installed and was left out.")
    table = Table(f"Adding {count} memories with their vectors of 256 numbers", "s", note=" ".join([_NOTE, *missing]))
    table.rows += [Row(name, [seconds]) for name, seconds in filled.items()]
    yield table
    for call, what in (("search", "among all"), ("search_session", "in one session of 20")):
        values = interleave(
            {
                name: partial(workers[name].run, "wall", address=str(count), call=call, calls=bench.some(calls, 1))
                for name in filled
            },
            bench.some(rounds, 2),
        )
        table = Table(f"Search of {count} memories, {what}, 10 results", "us", "statebase", " ".join(missing))
        yield compared(table, values, "statebase", {})


SECTIONS: Mapping[str, Callable[[Bench], Iterator[Table]]] = {
    section.__name__: section for section in (engine, since_rc1, vectors, million)
}
ON_REQUEST = frozenset({"million"})
"""Sections that run only where they are named."""
