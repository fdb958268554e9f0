"""A store of an older version gets the terms of its memories in pieces, and all are found meanwhile."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any, Callable, List

import pytest

from statebase._generated.models import MemoryCreateRequest, SessionCreateRequest
from statebase._generated.queries import SearchMemoriesQuery
from statebase.local import Engine

OLD = (
    "DROP INDEX sessions_by_home",
    "ALTER TABLE sessions DROP COLUMN home",
    "DROP INDEX memories_by_expiry",
    "ALTER TABLE memories DROP COLUMN expires_us",
    "DROP INDEX sessions_by_key",
    "ALTER TABLE sessions DROP COLUMN key",
    "ALTER TABLE sessions DROP COLUMN keep_us",
    "DROP TABLE memory_index_counts",
    "DROP TABLE memory_index",
    "DROP TABLE memory_terms",
    "DELETE FROM meta WHERE key LIKE 'words.%'",
    "CREATE VIRTUAL TABLE memory_words USING fts5"
    " (content, content = 'memories', content_rowid = 'seq', tokenize = 'porter unicode61')",
    "INSERT INTO memory_words (rowid, content) SELECT seq, content FROM memories WHERE embed = 1",
    "PRAGMA user_version = 2",
)
SESSION = SessionCreateRequest(agent_id="agent")


@pytest.fixture
def old_store(open_engine: Callable[..., Engine], store_path: Path) -> List[str]:
    """A store as version 2 of the schema left it, with 70 memories; their ids."""
    engine = open_engine(store_path, durability="normal")
    session_id = engine.create_session(SESSION).id
    ids = [
        engine.create_memory(MemoryCreateRequest(session_id=session_id, content=f"order A-{number} 订单{number}号")).id
        for number in range(70)
    ]
    engine.close()
    connection = sqlite3.connect(store_path)
    for statement in OLD:
        connection.execute(statement)
    connection.commit()
    connection.close()
    return ids


def found(engine: Engine, query: str) -> List[str]:
    return [result.id for result in engine.search_memories(SearchMemoriesQuery(query=query, threshold=0.7)).data]


def tables(path: Path) -> Any:
    connection = sqlite3.connect(path)
    try:
        (terms,) = connection.execute("SELECT count(*) FROM memory_terms").fetchone()
        names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
        return terms, "memory_words" in names
    finally:
        connection.close()


def test_terms_come_in_pieces_and_nothing_is_lost(
    open_engine: Callable[..., Engine], store_path: Path, old_store: List[str]
):
    engine = open_engine(store_path, durability="normal")
    counts = []
    for _ in range(5):
        assert found(engine, "A-7") == [old_store[7]]
        assert found(engine, "A-69") == [old_store[69]]
        counts.append(tables(store_path))
        engine.create_session(SESSION)

    assert counts == [(0, True), (20, True), (40, True), (60, True), (70, False)]


def test_memories_are_deleted_and_changed_meanwhile(
    open_engine: Callable[..., Engine], store_path: Path, old_store: List[str]
):
    engine = open_engine(store_path, durability="normal")
    engine.delete_memory(old_store[3])

    assert found(engine, "A-3") == []
    for _ in range(5):
        engine.create_session(SESSION)
    assert found(engine, "A-3") == []
    assert tables(store_path) == (69, False)
    connection = sqlite3.connect(store_path)
    connection.execute("INSERT INTO memory_index (memory_index) VALUES ('integrity-check')")
    connection.close()
