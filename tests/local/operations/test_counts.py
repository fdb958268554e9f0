"""The numbers of the dashboard are counted with each change, so that a million sessions cost the same as ten."""

from __future__ import annotations

import random
import sqlite3
from pathlib import Path
from typing import Any, Dict, List

import pytest

from statebase import StateBase
from statebase.local import Engine
from statebase.local.storage.sqlite import schema
from statebase.testing import FrozenClock

COUNTS = ("total_sessions", "total_turns", "total_memories", "total_entities")


def counted(path: Path, clock: FrozenClock) -> Dict[str, int]:
    """Count the rows themselves."""
    live = f"(SELECT seq FROM sessions WHERE expires_us > {clock().timestamp() * 1e6:.0f})"
    there = "(SELECT seq FROM sessions)"
    connection = sqlite3.connect(path)
    try:
        return {
            name: connection.execute(f"SELECT count(*) FROM {table} WHERE {column} IN {which}").fetchone()[0]
            for name, table, column, which in zip(
                COUNTS,
                ("sessions", "turns", "memories", "entities"),
                ("seq", "session_seq", "session_seq", "session_seq"),
                (live, live, there, live),
            )
        }
    finally:
        connection.close()


def shown(client: StateBase) -> Dict[str, int]:
    return {name: getattr(client.dashboard.stats().stats, name) for name in COUNTS}


def live(client: StateBase) -> List[str]:
    return [session.id for session in client.sessions.list(limit=100).auto_paging_iter()]


def change(client: StateBase, choose: random.Random) -> None:
    """Change something of a session that lives."""
    sessions = live(client)
    what = choose.choice(["create", "turn", "memory", "forget", "entity", "drop", "move", "fork", "delete"])
    if what == "create" or not sessions:
        client.sessions.create("a", ttl_seconds=choose.choice([30, 90, 3600]))
        return
    session_id = choose.choice(sessions)
    if what == "turn":
        client.sessions.add_turn(session_id, "hi", "hello")
    elif what == "memory":
        client.memory.add("likes tea", "fact", session_id)
    elif what == "forget":
        for memory in client.memory.search("tea", session_id).data[:1]:
            client.memory.delete(memory.id)
    elif what == "entity":
        client.entities.create(session_id, "order", str(choose.random()), {})
    elif what == "drop":
        for entity in client.entities.list(session_id=session_id).data[:1]:
            client.entities.delete(entity.id)
    elif what == "move":
        client.sessions.update(session_id, ttl_seconds=choose.choice([30, 90, 3600]))
    elif what == "fork":
        client.sessions.fork(session_id)
    else:
        client.sessions.delete(session_id)


@pytest.mark.parametrize("seed", range(5))
def test_counts_are_those_of_the_rows(store_path: Path, engine_clock: FrozenClock, seed: int):
    """After any changes, as sessions expire and are purged."""
    choose = random.Random(seed)
    engine = Engine.open(store_path, clock=engine_clock, durability="normal")
    with StateBase.local(store_path, clock=engine_clock, durability="normal") as client:
        for _ in range(150):
            change(client, choose)
            assert shown(client) == counted(store_path, engine_clock)
            if choose.random() < 0.1:
                engine_clock.advance(seconds=choose.choice([1, 20, 60]))
            if choose.random() < 0.02:
                engine.purge()
    engine.close()


def test_store_of_an_older_version_is_counted_when_it_is_opened(
    store_path: Path, engine_clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
):
    with StateBase.local(store_path, clock=engine_clock) as client:
        for ttl_seconds in (30, 90, 3600):
            session = client.sessions.create("a", ttl_seconds=ttl_seconds)
            client.sessions.add_turn(session.id, "hi", "hello")
            client.memory.add("likes tea", "fact", session.id)
            client.entities.create(session.id, "order", "1", {})
        activity = client.dashboard.stats().recent_activity
    connection = sqlite3.connect(store_path)
    for kind in ("trigger", "table"):
        for (name,) in connection.execute(
            "SELECT name FROM sqlite_master WHERE type = ? AND (name IN ('session_counts', 'trace_counts')"
            " OR sql LIKE '%_counts%')",
            (kind,),
        ).fetchall():
            connection.execute(f"DROP {kind} {name}")
    connection.execute(f"PRAGMA user_version = {len(schema.MIGRATIONS)}")
    connection.close()
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, schema._COUNTS))
    engine_clock.advance(seconds=45)

    with StateBase.local(store_path, clock=engine_clock) as client:
        assert shown(client) == counted(store_path, engine_clock)
        assert client.dashboard.stats().recent_activity == activity
        client.entities.create(session.id, "order", "2", {})
        assert shown(client) == counted(store_path, engine_clock)


@pytest.mark.parametrize("kind", ["sessions", "entities"])
def test_what_is_deleted_on_the_way_does_not_end_a_walk(kind: str):
    """A page may begin after something that was deleted."""
    with StateBase.local() as client:
        for number in range(7):
            session = client.sessions.create("a")
            client.entities.create(session.id, "order", str(number), {})
        namespace: Any = getattr(client, kind)

        deleted = 0
        for item in namespace.list(limit=2).auto_paging_iter():
            namespace.delete(item.id)
            deleted += 1

        assert deleted == 7
        assert namespace.list().data == []


def test_walk_goes_on_after_the_session_of_an_entity_was_deleted():
    with StateBase.local() as client:
        sessions = [client.sessions.create("a") for _ in range(5)]
        for session in sessions:
            client.entities.create(session.id, "order", "1", {})
        first = client.entities.list(limit=2)
        for session in sessions[3:]:
            client.sessions.delete(session.id)

        assert len(client.entities.list(starting_after=first.data[-1].id).data) == 3


@pytest.mark.parametrize("how", ["memory", "session"])
def test_context_is_read_anew_when_a_memory_that_it_held_is_deleted(store_path: Path, how: str):
    """Repeating the idempotency key does not give deleted content back, nor does the store keep it."""
    with StateBase.local(store_path) as client:
        asked = client.sessions.create("a", user_id="ada")
        other = client.sessions.create("a", user_id="ada")
        memory = client.memory.add("lives at 12 Elm Street", "fact", other.id)
        client.memory.add("likes tea", "fact", asked.id)
        key = {"Idempotency-Key": "key-1"}
        before = client.state.get_context(asked.id, extra_headers=key)
        again = client.with_raw_response.state.get_context(asked.id, extra_headers=key)

        if how == "memory":
            client.memory.delete(memory.id)
        else:
            client.sessions.delete(other.id)
        connection = sqlite3.connect(store_path)
        held = connection.execute("SELECT count(*) FROM answers WHERE instr(body, 'Elm')").fetchone()[0]
        connection.close()
        after = client.state.get_context(asked.id, extra_headers=key)

        assert again.headers["Idempotent-Replayed"] == "true"
        assert [len(before.memories), len(after.memories)] == [2, 1]
        assert held == 0
