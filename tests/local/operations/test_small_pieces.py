"""Clean-up is done in small pieces, between which others read and write."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import FrameType
from typing import Any, Callable, List

import pytest

from statebase import StateBase
from statebase._generated.queries import ListTracesQuery, SearchMemoriesQuery
from statebase.local import Engine, EngineError
from statebase.local.engine import _engines as engines
from statebase.models import (
    ContextRequest,
    EntityCreateRequest,
    MemoryCreateRequest,
    SessionCreateRequest,
    TurnCreateRequest,
)

TABLES = ("states", "state_versions", "turns", "memories", "memory_terms", "memory_tags", "entities", "removals")
TURN = TurnCreateRequest.model_validate(
    {"input": {"type": "text", "content": "hi"}, "output": {"type": "text", "content": "hello"}}
)


@pytest.fixture
def engine(open_engine: Callable[..., Engine], store_path: Path) -> Engine:
    return open_engine(store_path, durability="normal")


def writer(engine: Engine) -> sqlite3.Connection:
    connection = engine._core.store.database._writer
    assert connection is not None
    return connection


def rows(path: Path) -> List[int]:
    connection = sqlite3.connect(path)
    try:
        return [connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in TABLES]
    finally:
        connection.close()


def full_session(engine: Engine, turns: int = 1200) -> str:
    session_id = engine.create_session(SessionCreateRequest(agent_id="a", metadata={"thread": 1})).id
    for _ in range(turns):
        engine.create_turn(session_id, TURN)
    for number in range(3):
        engine.create_memory(MemoryCreateRequest(session_id=session_id, content=f"memory {number}", tags=["t"]))
        engine.create_entity(
            EntityCreateRequest(session_id=session_id, entity_type="t", entity_id=str(number), attributes={})
        )
    return session_id


def commits_of(engine: Engine, call: Callable[[], Any]) -> List[int]:
    """Return how many rows each transaction of a call changed."""
    connection = writer(engine)
    changed: List[int] = []
    last = [connection.total_changes]

    def traced(statement: str) -> None:
        if statement == "COMMIT":
            changed.append(connection.total_changes - last[0])
            last[0] = connection.total_changes

    connection.set_trace_callback(traced)
    try:
        call()
    finally:
        connection.set_trace_callback(None)
    return changed


def test_large_session_is_deleted_in_pieces(engine: Engine, store_path: Path):
    """No transaction removes more than some hundred rows; in the end nothing of it is left."""
    session_id = full_session(engine)

    changed = commits_of(engine, lambda: engine.delete_session(session_id))

    assert len(changed) >= 4
    assert max(changed) <= 700
    assert rows(store_path) == [0] * len(TABLES)
    newest = engine.list_traces(ListTracesQuery()).data[0]
    details = engine.get_trace(newest.id).details
    assert details == {"turns": 1200, "memories": 3, "entities": 3}


def test_purge_of_large_sessions_goes_in_pieces(engine: Engine, store_path: Path, engine_clock: Any):
    for _ in range(2):
        full_session(engine, turns=700)
    engine_clock.advance(days=2)

    changed = commits_of(engine, engine.purge)

    assert max(changed) <= 700
    assert rows(store_path) == [0] * len(TABLES)


def test_deletion_that_was_interrupted_is_finished_by_later_writes(engine: Engine, store_path: Path):
    """And nothing of the session is found meanwhile."""
    session_id = full_session(engine, turns=600)
    session_of_others = engine.create_session(SessionCreateRequest(agent_id="b")).id
    pieces: List[FrameType] = []

    def interrupt(frame: FrameType, event: str, argument: object) -> None:
        if frame.f_code.co_name == "remove_piece":
            pieces.append(frame)
            if len(pieces) == 3:  # the first one is a part of the transaction that deletes
                raise KeyboardInterrupt

    before = sys.gettrace()
    sys.settrace(interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            engine.delete_session(session_id)
    finally:
        sys.settrace(before)

    with pytest.raises(EngineError, match="no session"):
        engine.get_session(session_id)
    assert rows(store_path)[-1] == 1
    for _ in range(60):
        engine.create_turn(session_of_others, TURN)
    assert rows(store_path) == [1, 1, 60, 0, 0, 0, 0, 0]


def test_deletion_that_was_killed_is_finished_by_later_writes(store_path: Path):
    """The process is killed at its second commit."""
    script = f"""
import os, signal
from statebase import StateBase
client = StateBase.local({str(store_path)!r}, durability="normal")
session = client.sessions.create("a", metadata={{"thread": 1}})
print(session.id, flush=True)
for _ in range(1200):
    client.sessions.add_turn(session.id, "hi", "hello")
from statebase.local import engine as engines
(engine,) = engines._engines.values()
commits = []
def kill(statement):
    if statement == "COMMIT":
        commits.append(1)
        if len(commits) == 3:
            os.kill(os.getpid(), signal.SIGKILL)
engine._core.store.database._writer.set_trace_callback(kill)
client.sessions.delete(session.id)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.returncode == -signal.SIGKILL, done.stderr

    engine = Engine.open(store_path, durability="normal")

    with pytest.raises(EngineError, match="no session"):
        engine.get_session(done.stdout.strip())
    before = rows(store_path)
    assert before[TABLES.index("removals")] == 1
    assert 0 < before[TABLES.index("turns")] < 1200
    for _ in range(150):
        engine.create_session(SessionCreateRequest(agent_id="b"))
    engine.close()
    assert rows(store_path)[2:] == [0, 0, 0, 0, 0, 0]


def test_stored_responses_that_expired_go_a_few_at_a_time(
    engine: Engine, make_http: Any, store_path: Path, engine_clock: Any
):
    """Each write removes at most a handful, and more than it adds."""
    http = make_http(engine)
    for number in range(100):
        http.post("/v1/sessions", json={"agent_id": "a"}, headers={"Idempotency-Key": str(number)})
    engine_clock.advance(hours=25)

    def count() -> int:
        connection = sqlite3.connect(store_path)
        try:
            return int(connection.execute("SELECT count(*) FROM answers").fetchone()[0])
        finally:
            connection.close()

    counts = [count()]
    for number in range(20):
        http.post("/v1/sessions", json={"agent_id": "a"}, headers={"Idempotency-Key": f"new {number}"})
        counts.append(count())

    assert counts[0] == 100
    assert all(1 <= before - after + 1 <= 8 for before, after in zip(counts[:13], counts[1:13]))
    assert counts[-1] == 20


def test_others_read_and_write_while_a_large_session_is_deleted(engine: Engine):
    session_id = full_session(engine, turns=3000)
    other = engine.create_session(SessionCreateRequest(agent_id="b")).id
    thread = threading.Thread(target=lambda: engine.delete_session(session_id))
    versions: List[int] = []
    thread.start()
    while thread.is_alive():
        versions.append(engine.create_turn(other, TURN).turn_number)
    thread.join(20)

    assert versions == list(range(1, len(versions) + 1))
    assert engine.get_session(other).turn_count == len(versions)


def test_deletion_ends_with_its_callers_time(store_path: Path):
    """Another process takes the lock after the session is gone: the rest is left to later writes."""
    with StateBase.local(store_path, durability="normal") as client:
        session_id = client.sessions.create("a").id
        for _ in range(1200):
            client.sessions.add_turn(session_id, "hi", "hello")
        engine = engines[str(store_path.resolve())]
        other = sqlite3.connect(store_path, isolation_level=None)
        begun: List[str] = []

        def take_the_lock(statement: str) -> None:
            if statement.startswith("BEGIN"):
                begun.append(statement)
                if len(begun) == 3:
                    other.execute("BEGIN IMMEDIATE")

        writer(engine).set_trace_callback(take_the_lock)
        started = time.monotonic()
        client.with_options(max_retries=0).sessions.delete(session_id, timeout=0.3)
        seconds = time.monotonic() - started
        writer(engine).set_trace_callback(None)
        other.close()

        assert len(begun) >= 3
        assert seconds < 5
        assert rows(store_path)[-1] == 1
        for _ in range(150):
            client.sessions.create("b")
    assert rows(store_path)[2:] == [0] * 6


def test_purge_finishes_what_was_left(engine: Engine, store_path: Path):
    """Of a deletion that was interrupted, without any other write."""
    session_id = full_session(engine)
    with engine._core.store.database.write():
        session = engine._core.store.sessions.find(session_id)
        assert session is not None
        engine._core.store.remove_session(session)

    engine.purge()

    assert rows(store_path) == [0] * len(TABLES)


if not hasattr(os, "fork"):
    del test_deletion_that_was_killed_is_finished_by_later_writes


@pytest.mark.parametrize("embedder", [None, lambda texts: [[1.0, float(len(text))] for text in texts]])
def test_memories_of_a_session_that_is_being_removed_take_no_places_in_a_search(
    open_engine: Callable[..., Engine], store_path: Path, embedder: Any
):
    """They are neither found nor counted, and others come in their stead."""
    engine = open_engine(store_path, durability="normal", embedder=embedder)
    ids = [engine.create_session(SessionCreateRequest(agent_id="a", user_id="u")).id for _ in range(2)]
    for session_id in ids:
        for _ in range(60):
            engine.create_memory(MemoryCreateRequest(session_id=session_id, content="likes tea", type="fact"))
    query = SearchMemoriesQuery(query="likes tea", top_k=10)
    assert len(engine.search_memories(query).data) == 10

    store = engine._core.store
    with store.database.write():  # as a deletion that was interrupted leaves it
        session = store.sessions.find(ids[1])
        assert session is not None
        store.remove_session(session)

    narrow = SearchMemoriesQuery(query="likes tea", top_k=10, types="fact")
    for found in (engine.search_memories(query).data, engine.search_memories(narrow).data):
        assert [memory.session_id for memory in found] == ids[:1] * 10
    context = engine.get_context(ids[0], ContextRequest(query="likes tea", memory_limit=10))
    assert [memory.session_id for memory in context.memories] == ids[:1] * 10
    assert engine.get_dashboard_stats().stats.total_memories == 60


def test_stored_responses_of_a_deleted_session_are_emptied(engine: Engine, make_http: Any, store_path: Path):
    """The content is not in the store any more, whatever the response was."""
    http = make_http(engine)
    key = {"Idempotency-Key": "key-1"}
    session_id = http.post("/v1/sessions", json={"agent_id": "elm street"}, headers=key).json()["id"]
    body = {"session_id": session_id, "content": "elm street"}
    http.post("/v1/memories", json=body, headers=key)

    http.delete(f"/v1/sessions/{session_id}")

    connection = sqlite3.connect(store_path)
    kept = [bytes(body) for (body,) in connection.execute("SELECT body FROM answers")]
    connection.close()
    assert len(kept) == 2
    assert not any(b"elm street" in body for body in kept)


def kept_bodies(store_path: Path) -> bytes:
    connection = sqlite3.connect(store_path)
    kept = b"".join(bytes(body) for (body,) in connection.execute("SELECT body FROM answers"))
    connection.close()
    return kept


def test_stored_responses_of_a_deleted_memory_are_emptied(engine: Engine, make_http: Any, store_path: Path):
    """Those that made it, changed it, and gave it to a model."""
    http = make_http(engine)
    key = {"Idempotency-Key": "key-1"}
    session_id = http.post("/v1/sessions", json={"agent_id": "a"}).json()["id"]
    body = {"session_id": session_id, "content": "lives in elm street"}
    memory_id = http.post("/v1/memories", json=body, headers=key).json()["id"]
    http.put(f"/v1/memories/{memory_id}", json={"tags": ["home"]}, headers=key)
    http.post(f"/v1/sessions/{session_id}/context", json={"query": "lives in elm street"}, headers=key)
    before = kept_bodies(store_path)

    http.delete(f"/v1/memories/{memory_id}")

    assert before.count(b"elm street") == 3
    assert b"elm street" not in kept_bodies(store_path)


def test_stored_responses_of_a_deleted_entity_are_emptied(engine: Engine, make_http: Any, store_path: Path):
    """Those that made it, and changed it."""
    http = make_http(engine)
    key = {"Idempotency-Key": "key-1"}
    session_id = http.post("/v1/sessions", json={"agent_id": "a"}).json()["id"]
    body = {"session_id": session_id, "entity_type": "order", "entity_id": "1", "attributes": {"to": "elm street"}}
    entity_id = http.post("/v1/entities", json=body, headers=key).json()["id"]
    http.put(f"/v1/entities/{entity_id}", json={"attributes": {"also": "elm street"}}, headers=key)
    before = kept_bodies(store_path)

    http.delete(f"/v1/entities/{entity_id}")

    assert before.count(b"elm street") == 3
    assert b"elm street" not in kept_bodies(store_path)


def test_stored_responses_of_a_session_that_is_being_removed_are_not_given_again(engine: Engine, make_http: Any):
    """They may still be in the store then; to send a request again reads and writes nothing."""
    http = make_http(engine)
    key = {"Idempotency-Key": "key-1"}
    session_id = http.post("/v1/sessions", json={"agent_id": "a"}).json()["id"]
    requests = {
        "/v1/memories": {"session_id": session_id, "content": "elm street"},
        f"/v1/sessions/{session_id}/context": {"query": "elm street"},
        f"/v1/sessions/{session_id}/turns": TURN.model_dump(exclude_unset=True),
    }
    for path, body in requests.items():
        assert http.post(path, json=body, headers=key).is_success
    store = engine._core.store
    with store.database.write():  # as a deletion that was interrupted leaves it
        session = store.sessions.find(session_id)
        assert session is not None
        store.remove_session(session)

    again = [http.post(path, json=body, headers=key) for path, body in requests.items()]

    assert [(response.status_code, "elm street" in response.text) for response in again] == [(404, False)] * 3
