"""A store whose file was removed or replaced while it was open is noticed; nothing is written to a ghost."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Callable, Iterator

import pytest

from statebase import StateBase, StateBaseError
from statebase.local import Engine, EngineError
from statebase.models import SessionCreateRequest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows does not remove files that are open")


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


@pytest.fixture
def client(store: Path) -> Iterator[StateBase]:
    with StateBase.local(store) as client:
        client.sessions.create("old")
        yield client.with_options(max_retries=0)


def remove(store: Path) -> None:
    for path in store.parent.glob(f"{store.name}*"):
        path.unlink()


def replace(store: Path) -> None:
    """Put another store in its place, as a restore does."""
    other = store.with_name("other.db")
    engine = Engine.open(other)
    engine.create_session(SessionCreateRequest(agent_id="restored"))
    engine.close()
    remove(store)
    other.replace(store)


@pytest.mark.parametrize("change", [remove, replace])
def test_open_client_says_so(client: StateBase, store: Path, change: Callable[[Path], None]):
    """Reads and writes alike, again and again."""
    change(store)

    for _ in range(2):
        with pytest.raises(StateBaseError, match="removed or replaced while it was open"):
            client.sessions.create("lost")
        with pytest.raises(StateBaseError, match="removed or replaced while it was open"):
            client.sessions.list()


@pytest.mark.parametrize("change", [remove, replace])
def test_write_that_reads_nothing_before(store: Path, change: Callable[[Path], None]):
    """A write with an idempotency key looks for its stored response first; one without must notice on its own."""
    engine = Engine.open(store)
    change(store)

    with pytest.raises(EngineError, match="removed or replaced while it was open"):
        engine.create_session(SessionCreateRequest(agent_id="lost"))

    engine.close()


@pytest.mark.parametrize("change", [remove, replace])
def test_open_store_is_not_copied(store: Path, change: Callable[[Path], None]):
    """A backup would be one of another store, and pass for one of this."""
    engine = Engine.open(store)
    copy = store.with_name("copy.db")
    change(store)

    with pytest.raises(EngineError, match="removed or replaced while it was open"):
        engine.backup(str(copy))

    engine.close()
    assert not copy.exists()


def test_store_that_was_removed_is_empty_when_it_is_opened_anew(client: StateBase, store: Path):
    """And keeps what is written to it then, though the old client is still open."""
    remove(store)

    with StateBase.local(store) as again:
        again.sessions.create("new")
        assert [session.agent_id for session in again.sessions.list()] == ["new"]
    client.close()

    with StateBase.local(store) as again:
        assert [session.agent_id for session in again.sessions.list()] == ["new"]


def test_store_that_was_replaced_is_what_is_there_when_it_is_opened_anew(client: StateBase, store: Path):
    replace(store)

    with StateBase.local(store) as again:
        assert [session.agent_id for session in again.sessions.list()] == ["restored"]


def test_closing_the_old_client_leaves_the_new_one_open(client: StateBase, store: Path):
    remove(store)
    with StateBase.local(store) as again:
        client.close()

        assert again.sessions.create("new").agent_id == "new"
        with StateBase.local(store) as third:
            assert [session.agent_id for session in third.sessions.list()] == ["new"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_store_that_was_removed_over_a_fork(client: StateBase, store: Path):
    """The child opens the file again, and does not create an empty one in its place."""
    remove(store)

    pid = os.fork()
    if pid == 0:
        try:
            client.sessions.create("lost")
        except StateBaseError:
            os._exit(0 if not store.exists() else 2)
        os._exit(1)

    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
