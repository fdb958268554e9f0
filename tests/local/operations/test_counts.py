"""The numbers of the dashboard are counted with each change, so that a million sessions cost the same as ten."""

from __future__ import annotations

import random
import sqlite3
import threading
from pathlib import Path
from typing import Any, Callable, Dict, List

import pytest

from statebase import StateBase
from statebase.local import Engine
from statebase.local.storage.sqlite import schema
from statebase.models import SessionCreateRequest, SessionUpdateRequest
from statebase.testing import FrozenClock

COUNTS = ("total_sessions", "total_turns", "total_memories", "total_entities")


def counted(engine: Engine, clock: FrozenClock) -> Dict[str, int]:
    """Count the rows themselves."""
    now_us = f"{clock().timestamp() * 1e6:.0f}"
    live = f"(SELECT seq FROM sessions WHERE expires_us > {now_us})"
    there = "(SELECT seq FROM sessions)"
    database = engine._core.store.database
    with database.read():
        counts = {
            name: database.execute(f"SELECT count(*) FROM {table} WHERE {column} IN {which}").fetchone()[0]
            for name, table, column, which in zip(
                COUNTS,
                ("sessions", "turns", "memories", "entities"),
                ("seq", "session_seq", "session_seq", "session_seq"),
                (live, live, there, live),
            )
        }
        counts["active_sessions_24h"] = database.execute(
            f"SELECT count(*) FROM sessions WHERE expires_us > {now_us} AND updated_us > {now_us} - 86400000000"
        ).fetchone()[0]
    return counts


def activity(engine: Engine) -> List[int]:
    """Count the traces of each hour, oldest first; hours without one are left out."""
    database = engine._core.store.database
    with database.read():
        return [
            row[0]
            for row in database.execute(
                "SELECT count(*) FROM traces GROUP BY coalesce(created_us, seq) / 3600000000"
                " ORDER BY coalesce(created_us, seq) / 3600000000"
            )
        ]


def shown(client: StateBase) -> Dict[str, int]:
    stats = client.dashboard.stats().stats
    return {name: getattr(stats, name) for name in (*COUNTS, "active_sessions_24h")}


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


@pytest.fixture
def shared_location(new_location: Callable[[], str], tmp_path: Path) -> str:
    """Return where a store may be that an engine and a client share."""
    location = new_location()
    return str(tmp_path / "store.db") if location == ":memory:" else location


@pytest.mark.parametrize("seed", range(5))
def test_counts_are_those_of_the_rows(shared_location: str, engine_clock: FrozenClock, seed: int):
    """After any changes, as sessions expire and are purged, and as counts are added up."""
    choose = random.Random(seed)
    engine = Engine.open(shared_location, clock=engine_clock, durability="normal")
    with StateBase.local(shared_location, clock=engine_clock, durability="normal") as client:
        for _ in range(150):
            change(client, choose)
            assert shown(client) == counted(engine, engine_clock)
            if choose.random() < 0.1:
                engine_clock.advance(seconds=choose.choice([1, 20, 60, 60, 4000, 100_000]))
            if choose.random() < 0.02:
                engine.purge()
            if choose.random() < 0.1:
                engine.tidy()
    engine.close()


@pytest.mark.postgres_only
def test_counts_of_changes_at_the_same_time(shared_location: str, engine_clock: FrozenClock):
    """Though the counts are added up meanwhile, which leaves one row a minute, and an hour."""
    engine = Engine.open(shared_location, clock=engine_clock, durability="normal")
    failures: List[BaseException] = []

    def run(seed: int) -> None:
        choose = random.Random(seed)
        try:
            with StateBase.local(shared_location, clock=engine_clock, durability="normal") as client:
                mine = [client.sessions.create("a", ttl_seconds=600).id for _ in range(3)]
                for _ in range(40):
                    session_id = choose.choice(mine)
                    client.sessions.add_turn(session_id, "hi", "hello")
                    client.entities.create(session_id, "order", str(choose.random()), {})
                    client.sessions.update(session_id, ttl_seconds=choose.choice([300, 600, 900]))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        engine.tidy()
    for thread in threads:
        thread.join()
    engine.tidy()

    with StateBase.local(shared_location, clock=engine_clock, durability="normal") as client:
        assert not failures
        assert shown(client) == counted(engine, engine_clock)
        assert (shown(client)["total_turns"], shown(client)["total_entities"]) == (240, 240)
        assert sum(hour.count for hour in client.dashboard.stats().recent_activity) == sum(activity(engine))
    database = engine._core.store.database
    with database.read():
        assert database.execute("SELECT count(*), max(slot) FROM trace_counts").fetchone() == (1, 0)
        assert database.execute("SELECT max(slot) FROM session_counts").fetchone() == (0,)
    engine.close()


@pytest.mark.postgres_only
def test_no_transaction_waits_for_another_ones_counts(shared_location: str, engine_clock: FrozenClock):
    """Two write at the same time, to sessions that expire in the same minute."""
    engine = Engine.open(shared_location, clock=engine_clock, durability="normal")
    ids = [engine.create_session(SessionCreateRequest(agent_id="a")).id for _ in range(2)]
    store = engine._core.store

    with store.database.write():
        session = store.sessions.find(ids[0])
        assert session is not None
        store.sessions.count_turns(session, 1, session.updated_us)
        assert store.sessions.find(ids[0]) != session  # the statement has run
        done = threading.Thread(target=lambda: engine.update_session(ids[1], SessionUpdateRequest(ttl_seconds=60)))
        done.start()
        done.join(20)
        assert not done.is_alive()
    assert engine.get_dashboard_stats().stats.total_turns == 1
    engine.close()


@pytest.mark.postgres_only
def test_database_of_an_older_version_is_counted_when_it_is_opened(shared_location: str, engine_clock: FrozenClock):
    with StateBase.local(shared_location, clock=engine_clock) as client:
        for ttl_seconds in (30, 90, 3600):
            session = client.sessions.create("a", ttl_seconds=ttl_seconds)
            client.sessions.add_turn(session.id, "hi", "hello")
            client.memory.add("likes tea", "fact", session.id)
            client.entities.create(session.id, "order", "1", {})
        before = client.dashboard.stats()
    engine = Engine.open(shared_location, clock=engine_clock)
    with engine._core.store.database.write():
        for statement in (
            "DROP FUNCTION has_metadata",
            "ALTER TABLE sessions DROP COLUMN home, DROP COLUMN key, DROP COLUMN keep_us",
            "ALTER TABLE memories DROP COLUMN expires_us",
            "DROP TRIGGER sessions_counted ON sessions",
            "DROP TRIGGER sessions_recounted ON sessions",
            "DROP TRIGGER entities_counted ON entities",
            "DROP TRIGGER traces_counted ON traces",
            "DROP FUNCTION count_session, count_sessions, count_entity, count_trace",
            "DROP TABLE session_counts, trace_counts",
            "ALTER TABLE sessions DROP COLUMN updated_hour",
            "UPDATE statebase_schema SET version = 1",
        ):
            engine._core.store.database.execute(statement)
    engine.close()

    with StateBase.local(shared_location, clock=engine_clock) as client:
        after = client.dashboard.stats()
        assert after.recent_activity == before.recent_activity
        engine = Engine.open(shared_location, clock=engine_clock)
        client.entities.create(session.id, "order", "2", {})
        assert shown(client) == counted(engine, engine_clock)
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
        before = client.dashboard.stats().recent_activity
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

    engine = Engine.open(store_path, clock=engine_clock)
    with StateBase.local(store_path, clock=engine_clock) as client:
        assert shown(client) == counted(engine, engine_clock)
        assert client.dashboard.stats().recent_activity == before
        client.entities.create(session.id, "order", "2", {})
        assert shown(client) == counted(engine, engine_clock)
    engine.close()


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
