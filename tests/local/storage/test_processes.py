"""Several processes work on one file, a process may fork, and one may be killed: nothing is lost."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, Callable, List

import httpx
import pytest

from statebase._generated.models import SessionCreateRequest, StatePartialUpdateRequest
from statebase.local import Engine, LocalTransport

pytestmark = pytest.mark.slow

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")

WRITER = """
import json, sys, threading
import httpx
from statebase.local import Engine, LocalTransport

path, session, name, threads, rounds = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5])
engine = Engine.open(path, durability="normal")
http = httpx.Client(transport=LocalTransport(engine), base_url="http://local")
failures = []

def write(thread):
    for number in range(rounds):
        turn = {"input": {"type": "text", "content": "a"}, "output": {"type": "text", "content": "b"}}
        responses = [
            http.post(f"/v1/sessions/{session}/turns", json=turn),
            http.patch(f"/v1/sessions/{session}/state", json={"state": {f"{name}-{thread}-{number}": number}}),
        ]
        failures.extend(response.text for response in responses if response.is_error)

writers = [threading.Thread(target=write, args=(number,)) for number in range(threads)]
for writer in writers:
    writer.start()
for writer in writers:
    writer.join()
engine.close()
print(json.dumps(failures))
"""

KILLED = """
import sys
import httpx
from statebase.local import Engine, LocalTransport

path, session = sys.argv[1], sys.argv[2]
http = httpx.Client(transport=LocalTransport(Engine.open(path)), base_url="http://local")
while True:
    turn = {"input": {"type": "text", "content": "a"}, "output": {"type": "text", "content": "b"}}
    response = http.post(f"/v1/sessions/{session}/turns", json=turn)
    print(response.json()["turn_number"], flush=True)
    response = http.patch(f"/v1/sessions/{session}/state", json={"state": {"n": response.json()["turn_number"]}})
"""


def run(script: str, *arguments: Any, **options: Any) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", script, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **options)


@pytest.fixture
def file_engine(store_path: Path) -> Any:
    engine = Engine.open(store_path, durability="normal")
    yield engine
    engine.close()


@pytest.fixture
def file_session(file_engine: Engine) -> str:
    return file_engine.create_session(SessionCreateRequest(agent_id="agent")).id


def new_client(engine: Engine) -> httpx.Client:
    return httpx.Client(transport=LocalTransport(engine), base_url="http://local")


def integrity(path: Path) -> str:
    connection = sqlite3.connect(path)
    try:
        return str(connection.execute("PRAGMA integrity_check").fetchone()[0])
    finally:
        connection.close()


def test_processes_share_a_file(file_engine: Engine, file_session: str, store_path: Path):
    """Four processes with eight threads in all: no update is lost, no number is missing, and no lock error is raised."""
    processes, threads, rounds = 4, 2, 25
    writers = [run(WRITER, store_path, file_session, name, threads, rounds) for name in range(processes)]

    outputs = [writer.communicate(timeout=120)[0] for writer in writers]

    http = new_client(file_engine)
    total = processes * threads * rounds
    state = http.get(f"/v1/sessions/{file_session}/state").json()
    numbers: List[int] = []
    parameters: Any = {"limit": 100, "order": "asc"}
    while True:
        page = http.get(f"/v1/sessions/{file_session}/turns", params=parameters).json()
        numbers.extend(turn["turn_number"] for turn in page["data"])
        if not page["has_more"]:
            break
        parameters["starting_after"] = page["data"][-1]["id"]
    assert [json.loads(output) for output in outputs] == [[]] * processes
    assert (state["version"], len(state["state"])) == (total, total)
    assert numbers == list(range(1, total + 1))
    assert http.get("/v1/dashboard/stats").json()["stats"]["total_turns"] == total


def test_processes_may_open_a_new_file_at_once(store_path: Path):
    script = """
import sys
from statebase._generated.models import SessionCreateRequest
from statebase.local import Engine
sys.stdin.read()
engine = Engine.open(sys.argv[1], durability="normal")
engine.create_session(SessionCreateRequest(agent_id="agent"))
engine.close()
print("ok")
"""
    processes = [run(script, store_path, stdin=subprocess.PIPE) for _ in range(4)]

    outputs = [process.communicate("", timeout=60)[0] for process in processes]

    engine = Engine.open(store_path)
    assert outputs == ["ok\n"] * 4
    assert engine.get_dashboard_stats().stats.total_sessions == 4
    engine.close()


def test_killed_process_loses_nothing_that_was_answered(store_path: Path):
    engine = Engine.open(store_path)
    session_id = engine.create_session(SessionCreateRequest(agent_id="agent")).id
    engine.close()
    answered = 0

    for round_number in range(5):
        process = run(KILLED, store_path, session_id)
        assert process.stdout is not None
        for _ in range(30 + 7 * round_number):
            answered = int(process.stdout.readline())
        process.kill()
        rest = process.stdout.read().split()  # communicate() passes over what is buffered
        process.stdout.close()
        process.wait(timeout=60)
        answered = int(rest[-1]) if rest else answered

        engine = Engine.open(store_path)
        session = engine.get_session(session_id)
        state = engine.get_state(session_id)
        engine.close()
        # One more may have been stored whose answer did not get out.
        assert session.turn_count - answered in (0, 1)
        assert state.state["n"] in (answered - 1, answered, answered + 1)
        assert integrity(store_path) == "ok"


def in_child(action: Callable[[], Any]) -> Any:
    """Do something in a forked child and return what it returned, as JSON."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.write(writer, json.dumps(action()).encode())
            status = 0
        finally:
            os._exit(status)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        text = pipe.read()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    return json.loads(text)


@needs_fork
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
class TestFork:
    def test_parent_and_child_both_go_on(self, file_engine: Engine, file_session: str, store_path: Path):
        def write(name: str) -> None:
            for number in range(50):
                file_engine.update_state(file_session, StatePartialUpdateRequest(state={f"{name}{number}": number}))

        write("before")
        child = os.fork()
        if child == 0:
            status = 1
            try:
                write("child")
                status = 0
            finally:
                os._exit(status)
        write("parent")
        exit_status = os.waitpid(child, 0)[1]

        state = file_engine.get_state(file_session)
        assert exit_status == 0
        assert (state.version, len(state.state)) == (150, 150)
        assert integrity(store_path) == "ok"

    def test_parent_that_closes_does_not_pull_the_file_from_under_the_child(
        self, file_engine: Engine, file_session: str, store_path: Path
    ):
        """The last one to close removes the log; who has inherited a connection would go on writing to nothing."""
        go_reader, go_writer = os.pipe()
        child = os.fork()
        if child == 0:
            status = 1
            try:
                file_engine.update_state(file_session, StatePartialUpdateRequest(state={"first": 1}))
                os.read(go_reader, 1)
                file_engine.update_state(file_session, StatePartialUpdateRequest(state={"second": 2}))
                status = 0
            finally:
                os._exit(status)
        while file_engine.get_state(file_session).version == 0:
            pass
        file_engine.close()
        os.write(go_writer, b"!")
        exit_status = os.waitpid(child, 0)[1]
        os.close(go_reader)
        os.close(go_writer)

        engine = Engine.open(store_path, durability="normal")
        state = engine.get_state(file_session).state
        engine.close()
        assert exit_status == 0
        assert state == {"first": 1, "second": 2}

    def test_fork_waits_for_threads_at_work(self, file_engine: Engine, file_session: str):
        """A child must not inherit a lock that is never released."""
        stop = threading.Event()

        def write() -> None:
            while not stop.is_set():
                file_engine.update_state(file_session, StatePartialUpdateRequest(state={"n": 1}))

        threads = [threading.Thread(target=write) for _ in range(3)]
        for thread in threads:
            thread.start()
        try:
            versions = [in_child(lambda: file_engine.get_state(file_session).version) for _ in range(10)]
        finally:
            stop.set()
            for thread in threads:
                thread.join()

        assert versions == sorted(versions)

    def test_child_has_a_copy_of_a_store_in_memory(self):
        engine = Engine.open()
        session_id = engine.create_session(SessionCreateRequest(agent_id="agent")).id

        def change() -> int:
            return engine.update_state(session_id, StatePartialUpdateRequest(state={"a": 1})).version

        assert in_child(change) == 1
        assert engine.get_state(session_id).version == 0
        engine.close()

    def test_child_may_open_and_close_engines(self, file_engine: Engine, file_session: str, store_path: Path):
        def reopen() -> int:
            engine = Engine.open(store_path, durability="normal")
            version = engine.update_state(file_session, StatePartialUpdateRequest(state={"a": 1})).version
            engine.close()
            file_engine.close()
            return version

        assert in_child(reopen) == 1
        assert file_engine.get_state(file_session).version == 1
