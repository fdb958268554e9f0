"""Whatever an exception of a signal handler interrupts: no lock and no transaction is left, and nothing is half written."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Any, Callable, List, Optional, Union

import pytest

import statebase
from statebase import StateBase
from statebase.local import Engine
from statebase.models import SessionCreateRequest, StateUpdateRequest

pytestmark = pytest.mark.slow

SOURCES = str(Path(statebase.__file__).parent / "local")


class Interrupt(BaseException):
    """An exception that a signal handler may raise."""


def interrupted(at: int, call: Callable[..., Any], *arguments: Any, opcodes: bool) -> Optional[bool]:
    """Call, and raise `Interrupt` before the line or bytecode number `at` of the engine.

    Returns:
        Whether the interrupt came out; None if the call was over before.
    """
    seen = 0

    def trace(frame: FrameType, event: str, argument: object) -> Any:
        nonlocal seen
        if not frame.f_code.co_filename.startswith(SOURCES):
            return None
        frame.f_trace_opcodes = opcodes
        if event == ("opcode" if opcodes else "line"):
            seen += 1
            if seen == at:
                raise Interrupt
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call(*arguments)
    except Interrupt:
        return True
    finally:
        sys.settrace(before)
    return None if seen < at else False


def in_other_thread(call: Callable[[], Any]) -> Any:
    """Return what a call in another thread returns; a thread that hangs fails the test."""
    results: List[Any] = []
    thread = threading.Thread(target=lambda: results.append(call()), daemon=True)
    thread.start()
    thread.join(20)
    assert results, "another thread hangs"
    return results[0]


def can_write(path: Union[Path, str]) -> bool:
    """Return whether another process could write this moment."""
    if isinstance(path, str):
        return can_write_sessions(path)
    other = sqlite3.connect(path, timeout=0, isolation_level=None)
    try:
        other.execute("BEGIN IMMEDIATE")
        return True
    except sqlite3.OperationalError:
        return False
    finally:
        other.close()


def can_write_sessions(url: str) -> bool:
    """Return whether no transaction has locked a session, or left a lock on anything else."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as other:
        try:
            other.execute("SELECT 1 FROM sessions FOR UPDATE NOWAIT")
        except psycopg.errors.LockNotAvailable:
            return False
        row = other.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%' AND pid IN"
            " (SELECT pid FROM pg_locks WHERE relation = 'sessions'::regclass)"
        ).fetchone()
        return row == (0,)


@pytest.fixture(params=["file", "memory", "postgres"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Union[Path, str, None]:
    if request.param == "postgres":
        return str(request.getfixturevalue("postgres_url"))
    return tmp_path / "store.db" if request.param == "file" else None


@pytest.fixture
def client(path: Union[Path, str, None]) -> Any:
    with StateBase.local(":memory:" if path is None else path, durability="normal") as client:
        yield client.with_options(max_retries=0)


@pytest.fixture
def session_id(client: StateBase) -> str:
    return client.sessions.create("agent", initial_state={"n": -1}).id


@pytest.mark.parametrize("opcodes", [False, True], ids=["lines", "bytecodes"])
def test_interrupt_of_a_write(client: StateBase, session_id: str, path: Union[Path, str, None], opcodes: bool):
    """Before any line, and any bytecode, of the engine."""
    at, step = 1, 7 if opcodes else 1
    if isinstance(path, str):
        step *= 3  # a call takes ten times as long
    n = -1
    while True:
        before = client.state.get_state(session_id)
        came_out = interrupted(at, client.state.update_state, session_id, {"n": at}, opcodes=opcodes)
        if came_out is None:
            break
        assert came_out, "the interrupt was swallowed"
        assert path is None or can_write(path)
        after = in_other_thread(lambda: client.state.get_state(session_id))
        assert (after.version, after.state["n"]) in [(before.version, n), (before.version + 1, at)]
        n = after.state["n"]
        at += step

    assert at > 100 * step
    assert in_other_thread(lambda: client.state.update_state(session_id, {"n": 0}).state) == {"n": 0}


@pytest.mark.parametrize("opcodes", [False, True], ids=["lines", "bytecodes"])
def test_interrupt_of_a_read(client: StateBase, session_id: str, path: Union[Path, str, None], opcodes: bool):
    """The write-ahead log can be emptied afterwards: no connection holds on to what it read."""
    at, step = 1, 3 if opcodes else 1
    while True:
        came_out = interrupted(at, client.state.get_state, session_id, opcodes=opcodes)
        if came_out is None:
            break
        assert came_out, "the interrupt was swallowed"
        assert in_other_thread(lambda: client.state.get_state(session_id).state) == {"n": -1}
        at += step

    assert at > 40 * step
    client.state.update_state(session_id, {"n": 0})
    if isinstance(path, Path):
        other = sqlite3.connect(path)
        assert other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
        other.close()


def test_interrupt_of_an_engine_without_a_client(path: Union[Path, str, None]):
    """The next call finds what was left, whichever thread makes it."""
    engine = Engine.open(":memory:" if path is None else path, durability="normal")
    session_id = engine.create_session(SessionCreateRequest(agent_id="agent")).id
    at = 1
    change = StateUpdateRequest(state={"n": 1})
    while interrupted(at, engine.update_state, session_id, change, opcodes=True):
        version = in_other_thread(lambda: engine.update_state(session_id, change).version)
        assert engine.update_state(session_id, change).version == version + 1
        at += 7

    engine.close()
    assert at > 700


def test_interrupt_of_opening(tmp_path: Path):
    """The path can be opened afterwards, by this thread and by others."""
    path, at = tmp_path / "store.db", 1
    while interrupted(at, lambda: Engine.open(path).close(), opcodes=False):
        for suffix in ("", "-wal", "-shm"):
            Path(f"{path}{suffix}").unlink(missing_ok=True)
        in_other_thread(lambda: [Engine.open(path).close()])
        at += 1

    assert at > 100


def besides_interrupts(stderr: str, kind: str) -> List[str]:
    """Return the errors that a process told of, except for those of two kinds.

    Python ignores what is raised in a finalizer, and psycopg tells that it could not end the pipeline of a connection,
    which is closed then.
    """
    raised = kind if kind == "KeyboardInterrupt" else "SoftTimeLimitExceeded"
    block = r"Exception ignored in: {}.*\nTraceback \(most recent call last\):\n(  .*\n|\n)*{}\n"
    finalizer = block.format(".*__del__", f"{raised}:? ?")
    lines = r"(Traceback .*|During handling .*|The above .*|  .*|[\w.]+(Error|Interrupt|Exceeded|Exit)\b.*|)\n"
    generator = rf"Exception ignored in: <generator object (BasePipeline|Connection\.pipeline).*\n(?:{lines})*"
    pipeline = r"error ignored (terminating|exiting) <psycopg\.Pipeline .*\n(CONTEXT:.*\n|PL/pgSQL .*\n|SQL statement .*\n|  .*\n)*"
    return re.sub(f"{finalizer}|{generator}|{pipeline}", "", stderr).splitlines()


def is_fault_of_the_interpreter(done: subprocess.CompletedProcess[str]) -> bool:
    """Return whether a process ended by a frame that was freed too early.

    An exception of a signal handler in the generators of psycopg's pipelines leaves such frames in Python 3.11: the
    process ends by a segmentation fault, or `f_back` of a frame is another object.
    """
    return done.returncode == -11 or "object has no attribute 'f_back'" in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no timers that send signals")
@pytest.mark.parametrize("kind", ["KeyboardInterrupt", "Exception"])
@pytest.mark.parametrize("where", ["file", "memory", "postgres"])
def test_storm_of_signals(tmp_path: Path, where: str, kind: str, request: pytest.FixtureRequest):
    """Thousands of interrupts at random moments of writes, while another thread reads and writes."""
    script = Path(__file__).with_name("interrupted_writer.py")
    path = str(tmp_path / "store.db") if where == "file" else ":memory:"
    if where == "postgres":
        path = request.getfixturevalue("postgres_url")

    done = subprocess.run([sys.executable, str(script), path, kind], capture_output=True, text=True, timeout=120)
    for _ in range(9):
        if where != "postgres" or not is_fault_of_the_interpreter(done):
            break
        done = subprocess.run([sys.executable, str(script), path, kind], capture_output=True, text=True, timeout=120)

    assert (done.returncode, besides_interrupts(done.stderr, kind)) == (0, [])
    assert done.stdout == "ok\n"


def test_write_within_a_write_is_refused(client: StateBase, session_id: str):
    """A handler of a signal that writes while its thread writes cannot wait for itself."""
    seen: List[Any] = []

    def trace(frame: FrameType, event: str, argument: object) -> Any:
        if frame.f_code.co_name == "next_number":
            sys.settrace(None)
            with pytest.raises(statebase.StateBaseError, match="busy"):
                client.state.update_state(session_id, {"inner": True})
            seen.append(client.sessions.get(session_id).id)
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        client.state.update_state(session_id, {"outer": True})
    finally:
        sys.settrace(before)

    assert seen == [session_id]
    assert client.state.get_state(session_id).state == {"n": -1, "outer": True}


if os.name == "posix":

    def test_signal_that_raises_nothing_interrupts_nothing(client: StateBase, session_id: str):
        handled: List[int] = []
        old = signal.signal(signal.SIGALRM, lambda number, frame: handled.append(number))
        signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
        try:
            for number in range(200):
                client.state.update_state(session_id, {"n": number})
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, old)

        assert handled
        assert client.state.get_state(session_id).version == 200
