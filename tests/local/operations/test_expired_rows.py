"""Expired sessions are removed from the store by themselves, 30 days after their end, a piece at a time."""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any, Callable, Dict, List

import httpx
import pytest

from statebase.local import Engine

TABLES = ("sessions", "session_labels", "states", "state_versions", "turns", "memories", "entities", "removals")
EMPTY = dict.fromkeys(TABLES, 0)


@pytest.fixture
def rows(engine: Engine) -> Callable[[], Dict[str, int]]:
    """Count the rows of the tables."""
    database = engine._core.store.database

    def count() -> Dict[str, int]:
        with database.read():
            return {name: database.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in TABLES}

    return count


@pytest.fixture
def fill(http: httpx.Client, new_turn: Any) -> Callable[..., None]:
    """Return what adds turns, versions of the state, and entities to a session."""

    def add(session: str, number: int = 3) -> None:
        for each in range(number):
            new_turn(session)
            http.patch(f"/v1/sessions/{session}/state", json={"state": {"n": each}})
            entity = {"session_id": session, "entity_type": "order", "entity_id": str(each), "attributes": {}}
            http.post("/v1/entities", json=entity)

    return add


def expired(http: httpx.Client) -> List[Dict[str, Any]]:
    """Return the details of the traces of removed sessions, oldest first."""
    found = http.get("/v1/traces", params={"action": "session.expired", "limit": 100}).json()["data"]
    return [http.get(f"/v1/traces/{trace['id']}").json()["details"] for trace in reversed(found)]


def test_session_stays_for_30_days(
    engine: Engine, http: httpx.Client, new_session: Any, fill: Any, rows: Any, engine_clock: Any
):
    fill(new_session(metadata={"channel": "web"}, ttl_seconds=60))
    engine_clock.advance(days=30, seconds=59)
    before = rows()

    assert engine.tidy() is False
    assert rows() == before

    engine_clock.advance(hours=1)
    assert engine.tidy() is False
    assert rows() == EMPTY
    assert expired(http) == [{"expired_at": "2026-01-02T03:05:05.000000Z", "turns": 3, "memories": 0, "entities": 3}]


def test_memories_stay(
    engine: Engine,
    http: httpx.Client,
    new_session: Any,
    fill: Any,
    new_memory: Any,
    rows: Any,
    engine_clock: Any,
):
    """The session stays with them, empty: it can be deleted, and then they are gone."""
    session = new_session(user_id="ada", ttl_seconds=60)
    fill(session)
    memory = new_memory(session, "prefers window seats")
    engine_clock.advance(days=31)

    engine.tidy()
    engine_clock.advance(days=31)
    engine.tidy()

    assert rows() == {**EMPTY, "sessions": 1, "states": 1, "state_versions": 1, "memories": 1}
    assert len(expired(http)) == 1
    other = new_session(user_id="ada")
    found = http.get("/v1/memories", params={"query": "window seats"}).json()["data"]
    context = http.post(f"/v1/sessions/{other}/context", json={"query": "window seats"}).json()["memories"]
    assert [each["id"] for each in (*found, *context)] == [memory["id"]] * 2
    assert http.get("/v1/dashboard/stats").json()["stats"]["total_memories"] == 1
    http.delete(f"/v1/sessions/{other}")
    assert http.delete(f"/v1/sessions/{session}").status_code == 204
    assert rows() == EMPTY


def test_sessions_that_stay_are_passed_once(
    engine: Engine, new_session: Any, new_memory: Any, rows: Any, engine_clock: Any
):
    """Those that expired at the same time as well."""
    for _ in range(30):
        new_memory(new_session(ttl_seconds=60))
    new_session(ttl_seconds=60)
    engine_clock.advance(days=31)

    while engine.tidy():
        pass

    assert (rows()["sessions"], rows()["state_versions"]) == (30, 30)
    new_session(ttl_seconds=60)
    engine_clock.advance(days=31)
    while engine.tidy():
        pass
    assert rows()["sessions"] == 30


def test_large_session_goes_in_pieces(
    engine: Engine, http: httpx.Client, new_session: Any, fill: Any, rows: Any, engine_clock: Any
):
    fill(new_session(ttl_seconds=60), 150)
    fill(new_session(ttl_seconds=60), 150)
    engine_clock.advance(days=31)
    totals = [sum(rows().values())]

    while engine.tidy():
        totals.append(sum(rows().values()))

    assert len(totals) >= 5
    assert all(0 < before - after <= 210 for before, after in zip(totals, totals[1:]))
    assert rows() == EMPTY
    assert [(each["turns"], each["entities"]) for each in expired(http)] == [(150, 150)] * 2


def test_writes_remove_them(
    open_engine: Callable[..., Engine],
    new_location: Callable[[], str],
    engine_clock: Any,
    make_http: Any,
    tmp_path: Any,
):
    """Without a server that does: a few rows with a write."""
    place = new_location()
    engine = open_engine(tmp_path / "store.db" if place == ":memory:" else place)
    http = make_http(engine)
    first = http.post("/v1/sessions", json={"agent_id": "a", "ttl_seconds": 60}).json()["id"]
    engine_clock.advance(days=31)
    again = open_engine(tmp_path / "store.db" if place == ":memory:" else place)
    again._core.chores._next = 0.0

    make_http(again).post("/v1/sessions", json={"agent_id": "a"})

    with again._core.store.database.read():
        assert again._core.store.sessions.seq_of(first) is not None  # among those that were deleted lately
        assert again._core.store.sessions.find(first) is None
    assert len(expired(http)) == 1


@pytest.mark.parametrize("at", range(1, 50, 6))
def test_interrupt_leaves_nothing_half_done(
    engine: Engine, http: httpx.Client, new_session: Any, fill: Any, rows: Any, engine_clock: Any, at: int
):
    """Whichever call of the engine it comes at."""
    for _ in range(2):
        fill(new_session(ttl_seconds=60))
    engine_clock.advance(days=31)
    calls: List[str] = []

    def interrupt(frame: FrameType, event: str, argument: object) -> None:
        if "statebase/local" in frame.f_code.co_filename.replace("\\", "/"):
            calls.append(frame.f_code.co_name)
            if len(calls) == at * 5:
                raise KeyboardInterrupt

    before = sys.gettrace()
    sys.settrace(interrupt)
    try:
        engine.tidy()
        pytest.fail("the interrupt did not come")
    except KeyboardInterrupt:
        pass
    finally:
        sys.settrace(before)

    while engine.tidy():
        pass
    assert rows() == EMPTY
    assert len(expired(http)) == 2


def test_session_may_be_deleted_meanwhile(
    engine: Engine, http: httpx.Client, new_session: Any, fill: Any, rows: Any, engine_clock: Any
):
    session = new_session(ttl_seconds=60)
    fill(session, 150)
    engine_clock.advance(days=31)
    assert engine.tidy() is True

    assert http.delete(f"/v1/sessions/{session}").status_code == 204

    assert engine.tidy() is False
    assert rows() == EMPTY


@pytest.mark.postgres_only
def test_one_process_at_a_time(engine: Engine, new_session: Any, rows: Any, engine_clock: Any):
    """The others leave it alone, and do not wait."""
    new_session(ttl_seconds=60)
    engine_clock.advance(days=31)
    other = Engine.open(f"{engine._path}&application_name=other", clock=engine_clock)

    with other._core.store.database.write():
        assert other._core.store.sessions.claim_expired()
        assert engine.tidy() is False
        assert rows()["sessions"] == 1
    other.close()

    assert engine.tidy() is False
    assert rows() == EMPTY
