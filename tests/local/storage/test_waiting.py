"""A write waits for other writes no longer than its caller does; a read waits for no write and no other read."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from pathlib import Path
from typing import Any, Iterator, List

import pytest

from statebase import AsyncStateBase, StateBase, StateBaseError
from statebase.local import Engine
from statebase.models import SessionCreateRequest


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


@pytest.fixture
def client(store: Path) -> Iterator[StateBase]:
    with StateBase.local(store, durability="normal") as client:
        yield client


@pytest.fixture
def session_id(client: StateBase) -> str:
    return client.sessions.create("agent").id


@pytest.fixture
def write_lock(store: Path, session_id: str) -> Iterator[sqlite3.Connection]:
    """Another process that writes and does not come to an end."""
    connection = sqlite3.connect(store, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    yield connection
    connection.close()


@pytest.mark.parametrize("options", [{"timeout": 0.2}, {"deadline": 0.2}])
def test_write_gives_up_when_its_caller_does(
    client: StateBase, session_id: str, write_lock: sqlite3.Connection, options: Any
):
    """Far before the ten seconds that the engine would wait by itself; and it does not happen later."""
    started = time.monotonic()

    with pytest.raises(StateBaseError):
        client.with_options(max_retries=0).sessions.add_turn(session_id, "hi", "hello", **options)

    assert time.monotonic() - started < 5
    write_lock.execute("ROLLBACK")
    assert client.sessions.get(session_id).turn_count == 0


def test_write_that_gets_its_turn_in_time_happens(client: StateBase, session_id: str, write_lock: sqlite3.Connection):
    done: List[Any] = []
    thread = threading.Thread(target=lambda: done.append(client.sessions.add_turn(session_id, "hi", "hello")))
    thread.start()

    assert client.sessions.get(session_id).turn_count == 0
    write_lock.execute("ROLLBACK")
    thread.join(20)

    assert done[0].turn_number == 1


def test_reads_do_not_wait_for_a_write_that_waits(client: StateBase, session_id: str, write_lock: sqlite3.Connection):
    """Nor for 40 of them."""

    def write() -> None:
        client.sessions.add_turn(session_id, "hi", "hello", timeout=9)

    threads = [threading.Thread(target=write) for _ in range(40)]
    for thread in threads:
        thread.start()
    started = time.monotonic()
    for _ in range(20):
        assert client.sessions.get(session_id).turn_count == 0
        assert client.state.get_state(session_id).version == 0
        assert client.sessions.get_context(session_id).recent_turns == []

    seconds = time.monotonic() - started
    write_lock.execute("ROLLBACK")
    for thread in threads:
        thread.join(20)
    assert seconds < 8, "reads waited for the writes"
    assert client.sessions.get(session_id).turn_count == 40


def test_async_reads_do_not_wait_for_writes_that_fill_the_threads(
    client: StateBase, session_id: str, store: Path, write_lock: sqlite3.Connection
):
    async def run() -> float:
        async with AsyncStateBase.local(store, durability="normal") as other:
            patient = other.with_options(max_retries=0)
            writes = [
                asyncio.create_task(patient.sessions.add_turn(session_id, "hi", "hello", timeout=6)) for _ in range(40)
            ]
            await asyncio.sleep(0)
            started = time.monotonic()
            for _ in range(20):
                await other.sessions.get(session_id)
            seconds = time.monotonic() - started
            write_lock.execute("ROLLBACK")
            await asyncio.gather(*writes)
            return seconds

    assert asyncio.run(run()) < 5
    assert client.sessions.get(session_id).turn_count == 40


def test_read_does_not_wait_for_a_long_read(store: Path):
    """Each has a connection of its own, and sees the store as it was when it began."""
    engine = Engine.open(store, durability="normal")
    database = engine._core.store.database
    session = engine.create_session(SessionCreateRequest(agent_id="agent"))
    counts: List[int] = []

    def count() -> None:
        with database.read():
            counts.append(database.execute("SELECT count(*) FROM sessions").fetchone()[0])

    with database.read():
        before = database.execute("SELECT count(*) FROM sessions").fetchone()[0]
        created = threading.Thread(target=lambda: engine.create_session(SessionCreateRequest(agent_id="agent")))
        created.start()
        created.join(20)
        thread = threading.Thread(target=count)
        thread.start()
        thread.join(20)
        again = database.execute("SELECT count(*) FROM sessions").fetchone()[0]

    assert (before, again, counts) == (1, 1, [2])
    assert engine.get_session(session.id).id == session.id
    engine.close()


def test_reading_block_cannot_write(store: Path):
    engine = Engine.open(store)
    database = engine._core.store.database

    with pytest.raises(Exception, match="readonly"), database.read():
        database.execute("DELETE FROM sessions")

    engine.close()


def test_connections_of_many_readers_are_not_kept(store: Path):
    engine = Engine.open(store)
    database = engine._core.store.database
    inside = threading.Barrier(30)

    def read() -> None:
        with database.read():
            inside.wait(20)

    threads = [threading.Thread(target=read) for _ in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    assert len(database._idle) == 8
    assert not database._reads
    engine.close()
    assert not database._idle
