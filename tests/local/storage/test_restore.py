"""A backup takes the place of a store whole, whatever was left beside it and whatever interrupts."""

from __future__ import annotations

import gc
import signal
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any, List

import pytest

from statebase import StateBase
from statebase.local import Engine, EngineError
from statebase.local.storage.sqlite.backup import restore
from statebase.models import SessionCreateRequest

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform == "win32", reason="kills processes")]


def agents(path: Path) -> List[str]:
    with StateBase.local(path) as client:
        return sorted(session.agent_id for session in client.sessions.list())


def is_whole(path: Path) -> bool:
    connection = sqlite3.connect(path)
    try:
        return bool(connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok")
    finally:
        connection.close()


def killed_store(path: Path, copy: Path) -> None:
    """Leave a store whose process was killed, with a long log, and a backup from before most of it."""
    script = f"""
import os
from statebase import StateBase
from statebase.local import Engine
client = StateBase.local({str(path)!r}, durability="normal")
for _ in range(3):
    client.sessions.create("before")
Engine.open({str(path)!r}, durability="normal").backup({str(copy)!r})
session = client.sessions.create("after")
for _ in range(300):
    client.sessions.add_turn(session.id, "x" * 500, "y" * 500)
os.kill(os.getpid(), 9)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert Path(f"{path}-wal").stat().st_size > 0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "agents.db"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return tmp_path / "copy.db"


@pytest.mark.parametrize("how", ["renamed", "written over"])
def test_backup_that_was_put_over_a_killed_store_is_opened_without_its_log(
    path: Path, copy: Path, how: str, caplog: pytest.LogCaptureFixture
):
    """The log of the killed store is kept under another name, and a line of the log says so."""
    killed_store(path, copy)
    log = Path(f"{path}-wal").read_bytes()
    if how == "renamed":
        copy.replace(path)
    else:
        path.write_bytes(copy.read_bytes())

    assert agents(path) == ["before"] * 3
    assert is_whole(path)
    assert Path(f"{path}-wal.orphan").read_bytes() == log
    assert "another store's" in caplog.text


def test_store_of_a_killed_process_keeps_its_own_log(path: Path, copy: Path):
    killed_store(path, copy)

    assert agents(path) == ["after"] + ["before"] * 3
    assert is_whole(path)


def test_processes_that_open_it_at_once_agree(path: Path, copy: Path):
    """One of them takes the log away; none takes that of another."""
    killed_store(path, copy)
    copy.replace(path)
    script = f"""
from statebase import StateBase
with StateBase.local({str(path)!r}) as client:
    client.sessions.create("new")
"""
    processes = [subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.DEVNULL) for _ in range(6)]
    assert [process.wait(60) for process in processes] == [0] * 6

    assert agents(path) == ["before"] * 3 + ["new"] * 6
    assert is_whole(path)


def test_restore_replaces_a_store_and_its_log(path: Path, copy: Path):
    killed_store(path, copy)

    size = restore(str(copy), str(path))

    assert sorted(each.name for each in path.parent.iterdir()) == ["agents.db", "copy.db"]
    assert size == path.stat().st_size
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert agents(path) == agents(copy) == ["before"] * 3


def test_restore_makes_a_store_where_there_is_none(path: Path, copy: Path):
    engine = Engine.open()
    engine.create_session(SessionCreateRequest(agent_id="kept"))
    engine.backup(copy)

    restore(str(copy), str(path))

    assert agents(path) == ["kept"]


@pytest.mark.parametrize("by", ["this process", "another process"])
def test_store_that_is_open_is_not_replaced(path: Path, copy: Path, by: str):
    engine = Engine.open(path)
    engine.create_session(SessionCreateRequest(agent_id="open"))
    engine.backup(copy)
    if by == "this process":
        with pytest.raises(EngineError, match="in use"):
            restore(str(copy), str(path))
    else:
        command = [sys.executable, "-m", "statebase", "restore", str(copy), "--path", str(path)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert (done.returncode, "in use" in done.stderr, "Traceback" in done.stderr) == (1, True, False)

    assert engine.create_session(SessionCreateRequest(agent_id="still")).agent_id == "still"
    engine.close()
    assert agents(path) == ["open", "still"]


@pytest.mark.parametrize("content", [b"", b"Dear diary, " * 1000, None])
def test_what_is_not_a_whole_store_is_not_restored(path: Path, copy: Path, content: Any):
    """Nothing is replaced by it."""
    Engine.open(path).close()
    before = path.read_bytes()
    if content is None:
        engine = Engine.open(copy)
        for _ in range(200):
            engine.create_session(SessionCreateRequest(agent_id="a" * 200))
        engine.close()
        content = copy.read_bytes()[:-20_000]
    copy.write_bytes(content)

    with pytest.raises(EngineError):
        restore(str(copy), str(path))

    assert path.read_bytes() == before
    assert sorted(each.name for each in path.parent.iterdir()) == ["agents.db", "copy.db"]


def test_damaged_store_can_be_replaced(path: Path, copy: Path):
    Engine.open(path).close()
    engine = Engine.open(copy)
    engine.create_session(SessionCreateRequest(agent_id="kept"))
    engine.close()
    path.write_bytes(b"\x00garbage" * 1000)

    restore(str(copy), str(path))

    assert agents(path) == ["kept"]


def test_directories_and_missing_files_are_named(path: Path, copy: Path, tmp_path: Path):
    with pytest.raises(EngineError, match=r"There is no file .*copy\.db"):
        restore(str(copy), str(path))
    with pytest.raises(EngineError, match="is a directory"):
        restore(str(tmp_path), str(path))
    Engine.open(copy).close()
    with pytest.raises(EngineError, match="is a directory"):
        restore(str(copy), str(tmp_path))
    with pytest.raises(EngineError, match="same file"):
        restore(str(copy), str(copy))


def test_backup_onto_a_file_with_a_left_over_log(path: Path, copy: Path, tmp_path: Path):
    """The log goes with the file that it belonged to."""
    target = tmp_path / "killed.db"
    killed_store(target, copy)
    engine = Engine.open(path)
    engine.create_session(SessionCreateRequest(agent_id="kept"))

    engine.backup(target)

    engine.close()
    assert not Path(f"{target}-wal").exists()
    assert agents(target) == ["kept"]


def interrupted_restore(copy: Path, path: Path, step: int) -> None:
    """Restore, and raise KeyboardInterrupt before the line number `step`."""
    lines = 0

    def trace(frame: Any, event: str, argument: object) -> Any:
        nonlocal lines
        if not frame.f_code.co_filename.endswith("backup.py"):
            return None
        lines += event == "line"
        if lines == step:
            raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        restore(str(copy), str(path))
    except KeyboardInterrupt:
        pass
    finally:
        sys.settrace(before)
    gc.collect()  # what holds a file after an interrupt holds it as long as the traceback lives


# An interrupt just after a file was opened leaves it to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")
@pytest.mark.parametrize("step", range(1, 60, 3))
def test_interrupt_leaves_the_one_or_the_other(path: Path, copy: Path, step: int):
    """Before any line of a restore."""
    for target, agent in ((path, "old"), (copy, "new")):
        engine = Engine.open(target)
        engine.create_session(SessionCreateRequest(agent_id=agent))
        engine.close()
    interrupted_restore(copy, path, step)

    assert agents(path) in (["old"], ["new"])
    assert is_whole(path)
    assert list(path.parent.glob("*.orphan")) == []


# An interrupt just after a file was opened leaves it to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")
def test_interrupt_leaves_nothing_of_a_foreign_log(path: Path, copy: Path, tmp_path: Path):
    """A backup lies beside the log of a killed store, and is itself being replaced: before each line of that."""
    killed_store(path, copy)
    log, backup, other = Path(f"{path}-wal"), copy.read_bytes(), tmp_path / "other.db"
    foreign = log.read_bytes()
    other.write_bytes(backup)
    for step in range(1, 60):
        for left in path.parent.glob(f"{path.name}*"):
            left.unlink()
        path.write_bytes(backup)
        log.write_bytes(foreign)

        interrupted_restore(other, path, step)

        assert agents(path) == ["before"] * 3
        assert is_whole(path)
