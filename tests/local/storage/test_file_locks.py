"""The locks of SQLite on a store that is open: nothing that the process does gives them up.

Another process that finds none takes the store for closed, and removes its log with what was written last.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Callable

import pytest

from statebase.local import Engine
from statebase.local.storage.sqlite.backup import restore
from statebase.local.storage.sqlite.inspection import inspect
from statebase.models import SessionCreateRequest

SESSION = SessionCreateRequest(agent_id="a")
OPENED_AND_CLOSED = """
import sys
from statebase.local import Engine
Engine.open(sys.argv[1], durability="normal").close()
"""
FORKED = """
import os, signal, sys
from pathlib import Path
from statebase import StateBase
path = sys.argv[1]
client = StateBase.local(path)
session = client.sessions.create("a")
written, end = os.pipe(), os.pipe()
child = os.fork()
if child == 0:
    client.sessions.add_turn(session.id, "child", "x")
    os.write(written[1], b"1")
    os.read(end[0], 1)
    client.close()
    os._exit(0)
os.read(written[0], 1)
client.sessions.get(session.id)  # opens a connection, and only then the writing one
client.sessions.add_turn(session.id, "parent", "x")
os.write(end[1], b"1")
os.waitpid(child, 0)
client.sessions.add_turn(session.id, "parent", "x")
print(session.id, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize(
    "look",
    [lambda path, other: restore(path, other), lambda path, other: inspect(path, 10)],
    ids=["restore", "inspect"],
)
def test_store_that_is_open_stays_locked(
    open_engine: Callable[..., Engine], store_path: Path, tmp_path: Path, look: Callable[[str, str], Any]
):
    engine = open_engine(store_path, durability="normal")
    engine.create_session(SESSION)

    look(str(store_path), str(tmp_path / "other.db"))

    subprocess.run([sys.executable, "-c", OPENED_AND_CLOSED, str(store_path)], check=True)
    assert Path(f"{store_path}-wal").exists()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_what_is_written_after_a_fork_is_not_lost_when_the_child_closes(
    open_engine: Callable[..., Engine], store_path: Path
):
    """The parent opens its connections again while the child has the store open; then it is killed."""
    script = [sys.executable, "-c", FORKED, str(store_path)]

    session_id = subprocess.run(script, stdout=subprocess.PIPE, text=True).stdout.strip()

    assert open_engine(store_path).get_session(session_id).turn_count == 3
