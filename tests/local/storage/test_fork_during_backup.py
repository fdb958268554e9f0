"""A fork while another thread makes a backup leaves the child a store that it can use, and back up."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import pytest

from statebase.local import Engine
from statebase.models import SessionCreateRequest

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork"),
    pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning"),
]


def test_child_can_make_a_backup(tmp_path: Path):
    """No lock of the parent's thread is left taken in it; the parent's backups go on."""
    engine = Engine.open(tmp_path / "store.db", durability="normal")
    for _ in range(200):
        engine.create_session(SessionCreateRequest(agent_id="a" * 500))
    over = threading.Event()
    made = []

    def back_up() -> None:
        while not over.is_set():
            engine.backup(tmp_path / "parent.db")
            made.append(1)

    thread = threading.Thread(target=back_up)
    thread.start()
    try:
        for number in range(30):
            pid = os.fork()
            if pid == 0:
                signal.alarm(30)
                engine.backup(tmp_path / f"child{number}.db")
                os._exit(0)
            assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    finally:
        over.set()
        thread.join(30)
    engine.close()

    assert made
    assert not thread.is_alive()
