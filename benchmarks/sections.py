"""The measurements, one function a section; `run.py` has their order."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Callable, Iterator, List, Mapping, Optional

from benchmarks.environment import GENERATED, PUBLISHED, PYTHON
from benchmarks.measure import Goal, Row, Table, compared, interleave
from benchmarks.processes import ROOT, Server, Worker

OURS, BEFORE, HTTPX, AIOHTTP = "statebase", "statebase 0.4.1", "httpx", "aiohttp"
GENERATED_CLIENT, OPENAI, ZEP = "openapi-python-client", "openai", "zep-cloud"
OURS_AIOHTTP, OPENAI_AIOHTTP = "statebase[aiohttp]", "openai[aiohttp]"
_PEERS: Mapping[str, tuple[str, Optional[Path]]] = {
    HTTPX: ("httpx_bare", None),
    OURS: ("statebase_ours", None),
    BEFORE: ("statebase_published", PUBLISHED),
    GENERATED_CLIENT: ("generated", GENERATED),
    OPENAI: ("openai_sdk", None),
    ZEP: ("zep", None),
    OURS_AIOHTTP: ("statebase_aiohttp", None),
    OPENAI_AIOHTTP: ("openai_aiohttp", None),
    AIOHTTP: ("aiohttp_bare", None),
}


class Bench:
    """The processes of a run, and how much of everything is measured."""

    def __init__(self, stack: ExitStack, *, quick: bool) -> None:
        self.quick = quick
        self.rounds = 3 if quick else 9
        self._stack = stack
        self._workers: dict[str, Worker] = {}
        self._servers: dict[float, Server] = {}

    def some(self, many: int, few: int) -> int:
        """Return how many times to repeat something."""
        return few if self.quick else many

    def worker(self, peer: str) -> Worker:
        """Return the process that measures a peer."""
        if peer not in self._workers:
            module, extra_path = _PEERS[peer]
            worker = self._workers[peer] = Worker(PYTHON, module, extra_path)
            self._stack.callback(worker.stop)
        return self._workers[peer]

    def address(self, delay_milliseconds: float = 0) -> str:
        """Return the address of the canned server that answers after so long."""
        if delay_milliseconds not in self._servers:
            server = Server([str(PYTHON), "-m", "benchmarks.server", "--delay", str(delay_milliseconds)])
            self._stack.callback(server.stop)
            self._servers[delay_milliseconds] = server
        return self._servers[delay_milliseconds].address


def calls(bench: Bench) -> Iterator[Table]:
    """Processor time a call."""
    peers = (HTTPX, OURS, BEFORE, GENERATED_CLIENT, OPENAI, ZEP)
    in_async = (*peers, OURS_AIOHTTP, OPENAI_AIOHTTP, AIOHTTP)
    for task, flavour, call, names, goals in (
        ("cpu", "sync", "get", peers, {OURS: Goal(0.58, 0.50)}),
        ("cpu", "sync", "add_turn", peers, {OURS: Goal(0.62, 0.50)}),
        ("cpu_async", "async", "get", in_async, {OURS: Goal(0.64, 0.55), OURS_AIOHTTP: Goal(0.34, 0.25)}),
        ("cpu_async", "async", "add_turn", in_async, {OURS: Goal(0.68, 0.55), OURS_AIOHTTP: Goal(0.38, 0.25)}),
    ):
        cases = {
            name: partial(bench.worker(name).run, task, address=bench.address(), call=call, calls=bench.some(500, 150))
            for name in names
        }
        values = interleave(cases, bench.rounds)
        baseline = f"httpx.{'Client' if flavour == 'sync' else 'AsyncClient'}.request"
        note = "zep-cloud uses httpx-aiohttp, which is installed." if ZEP in names and flavour == "async" else ""
        title = f"Processor time of a call, {flavour} `sessions.{call}`"
        yield compared(Table(title, "us a call", f"`{baseline}`, not parsed", note), values, HTTPX, goals)


def packet(bench: Bench) -> Iterator[Table]:
    """A context packet of 40 KB, from bytes to models."""
    answers = [bench.worker(OURS).run("packet", calls=bench.some(300, 100)) for _ in range(bench.rounds)]
    values = {"json.loads": [answer["json"] for answer in answers], OURS: [answer["models"] for answer in answers]}
    table = Table("Reading a context packet of 40 KB (20 memories, 50 turns) into models", "us", "`json.loads`")
    yield compared(table, values, "json.loads", {OURS: Goal(1.4, 1.2)})


def load(bench: Bench) -> Iterator[Table]:
    """Many calls in flight."""
    peers = (HTTPX, OURS, OURS_AIOHTTP, BEFORE, OPENAI, OPENAI_AIOHTTP, AIOHTTP)
    for in_flight, total, goal, goal_of_aiohttp in (
        (1, 600, None, None),
        (16, 2000, Goal(2.2, 2.4, at_least=True), Goal(8, at_least=True)),
        (128, 2000, Goal(4, 4.5, at_least=True), Goal(14, at_least=True)),
        (1000, 3000, Goal(20, 28, at_least=True), Goal(60, at_least=True)),
    ):
        number = total if not bench.quick else max(total // 4, in_flight * 2)
        seconds: dict[str, List[float]] = {name: [] for name in peers}
        rounds = bench.some(5, 2) if in_flight < 1000 else bench.some(3, 1)
        values = interleave(
            {name: _rate(bench, name, bench.address(), in_flight, number, seconds[name]) for name in peers}, rounds
        )
        table = Table(f"Calls a second, async, {in_flight} in flight", "calls/s", "`httpx.AsyncClient`")
        yield compared(
            table, values, HTTPX, {OURS: goal, OURS_AIOHTTP: goal_of_aiohttp} if goal and goal_of_aiohttp else {}
        )
        if in_flight == 1000:
            table = Table("99th percentile of a call's time, async, 1000 in flight", "s", "`httpx.AsyncClient`")
            yield compared(table, seconds, HTTPX, {OURS: Goal(0.02, 0.01)})


def threads(bench: Bench) -> Iterator[Table]:
    """Threads on one client."""
    for count in (8, 32):
        values = interleave(
            {
                name: partial(
                    bench.worker(name).run,
                    "threads",
                    address=bench.address(),
                    count=count,
                    calls=bench.some(3000, 600),
                )
                for name in (HTTPX, OURS, BEFORE, OPENAI)
            },
            bench.some(7, 3),
        )
        table = Table(f"Calls a second, {count} threads on one client", "calls/s", "`httpx.Client`")
        yield compared(table, values, HTTPX, {OURS: Goal(1.0, 1.5, at_least=True)})


def memory(bench: Bench) -> Iterator[Table]:
    """Clients that live, and clients made and closed."""
    if not Path("/proc/self/statm").exists():
        return
    held = bench.some(200, 100)
    values = interleave({name: partial(_kib_of_a_client, bench, name, held) for name in (HTTPX, OURS)}, 3)
    table = Table(f"Memory of a client that has made a call, of {held} that live", "KiB", "`httpx.Client`")
    yield compared(table, values, HTTPX, {})

    count = bench.some(10_000, 1_000)
    grown = bench.worker(OURS).run("clients", address=bench.address(), count=count)
    note = (
        "Each makes a call before it is closed. A tenth of as many came before, to warm up. The goal is a KiB a client."
    )
    table = Table(f"Memory that {count} clients leave behind", "KiB", note=note)
    table.rows.append(Row(OURS, [grown], goal=Goal(count)))
    yield table


def _kib_of_a_client(bench: Bench, name: str, count: int) -> float:
    worker = Worker(PYTHON, *_PEERS[name])  # a new process: what an old one has freed would be used again
    try:
        grown: float = worker.run("held", address=bench.address(), count=count)
    finally:
        worker.stop()
    return grown


def embedded(bench: Bench) -> Iterator[Table]:
    """The embedded engine against the same engine behind a socket."""
    server = Server([str(PYTHON), "-m", "statebase", "serve", "--port", "0", "--json"])
    try:
        address = json.loads(server.first_line)["base_url"]
        worker = bench.worker(OURS)
        number = bench.some(500, 100)
        values = interleave(
            {
                "`statebase serve` on loopback": partial(
                    worker.run, "wall", address=address, call="add_turn_to_engine", calls=number
                ),
                "StateBase.local()": partial(
                    worker.run, "wall", address=":memory:", call="add_turn_to_engine", calls=number
                ),
            },
            bench.rounds,
        )
    finally:
        server.stop()
    table = Table("`add_turn` through the client, store in memory", "us a call", "the served one")
    yield compared(table, values, "`statebase serve` on loopback", {"StateBase.local()": Goal(0.5, 0.3)})


def generator(bench: Bench) -> Iterator[Table]:
    """Regeneration and drift."""
    document = str(ROOT / "openapi" / "statebase-v1.json")
    table = Table("The generator", "s", note="`check` generates everything again and compares.")
    values = interleave(
        {
            "python -m codegen check": lambda: _seconds("codegen", "check"),
            "python -m codegen drift": lambda: _seconds("codegen", "drift", document, document),
        },
        bench.some(3, 1),
    )
    table.rows += [Row(name, figures, goal=Goal(5, 2)) for name, figures in values.items()]
    yield table


def http2(bench: Bench) -> Iterator[Table]:
    """HTTP/2 beside HTTP/1.1, both over TLS and both through this SDK."""
    for delay in (0, 20):
        with tempfile.TemporaryDirectory() as directory:
            command = [str(PYTHON), "-m", "benchmarks.server", "--delay", str(delay), "--tls", directory]
            server = Server(command, scheme="https")
            try:
                yield from _versions(bench, server.address, f"{directory}/authority.pem", delay)
            finally:
                server.stop()


def _versions(bench: Bench, address: str, authority: str, delay: int) -> Iterator[Table]:
    for in_flight in (1, 16, 128):
        number = (20 if delay else 60) * min(in_flight, 16) * bench.some(2, 1)
        late: dict[str, List[float]] = {"HTTP/1.1": [], "HTTP/2": []}
        cases = {
            version: _rate(
                bench, OURS, address, in_flight, number, seconds, verify=authority, http2=version == "HTTP/2"
            )
            for version, seconds in late.items()
        }
        values = interleave(cases, bench.some(3, 2))
        title = f"over TLS, answers after {delay} ms, {in_flight} in flight"
        yield compared(Table(f"HTTP/2 {title}", "calls/s", "HTTP/1.1"), values, "HTTP/1.1", {})
        yield compared(Table(f"99th percentile of a call's time, {title}", "s", "HTTP/1.1"), late, "HTTP/1.1", {})


def context(bench: Bench) -> Iterator[Table]:
    """One call for a context against the calls that it replaces."""
    for delay in (0, 20):
        values = interleave(
            {
                call: partial(
                    bench.worker(OURS).run,
                    "wall",
                    address=bench.address(delay),
                    call=call,
                    calls=bench.some(100, 30) if delay == 0 else bench.some(25, 8),
                )
                for call in ("three_calls", "get_context")
            },
            bench.some(7, 3),
        )
        note = "The three: `state.get_state`, `memory.search`, `sessions.list_turns` (which has previews only)."
        table = Table(f"`get_context`, answers after {delay} ms", "us", "the three calls", note)
        yield compared(table, values, "three_calls", {})


SECTIONS: Mapping[str, Callable[[Bench], Iterator[Table]]] = {
    section.__name__: section for section in (calls, packet, load, threads, memory, embedded, generator, http2, context)
}


def _rate(
    bench: Bench, name: str, address: str, in_flight: int, number: int, late: List[float], **options: object
) -> Callable[[], float]:
    """Return what measures calls a second, and notes the 99th percentile of their seconds."""

    def measure() -> float:
        order = {"address": address, "in_flight": in_flight, "calls": number, "options": options}
        answer: Mapping[str, float] = bench.worker(name).run("load", **order)
        late.append(answer["p99"])
        return answer["rate"]

    return measure


def _seconds(*command: str) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-m", *command], check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began
