"""The dashboard counts what is there, and what changed in the last 24 hours."""

from __future__ import annotations

from typing import Any

import httpx


def test_empty_store(http: httpx.Client):
    overview = http.get("/v1/dashboard/stats").json()

    stats = overview["stats"]
    assert stats.pop("storage_usage_bytes") > 0
    assert set(stats.values()) == {0}


def test_stats_count_what_is_there(http: httpx.Client, new_session: Any, new_turn: Any, new_memory: Any):
    """Deleted objects do not count."""
    first, second, deleted = new_session(), new_session(), new_session()
    for session in (first, first, second, deleted):
        new_turn(session)
        new_memory(session)
    http.post("/v1/entities", json={"session_id": first, "entity_type": "order", "entity_id": "1", "attributes": {}})
    http.delete(f"/v1/sessions/{deleted}")

    stats = http.get("/v1/dashboard/stats").json()["stats"]

    del stats["storage_usage_bytes"]
    assert stats == {
        "total_sessions": 2,
        "total_turns": 3,
        "total_memories": 3,
        "total_entities": 1,
        "active_sessions_24h": 2,
    }


def test_expired_sessions_do_not_count(http: httpx.Client, new_session: Any, new_turn: Any, engine_clock: Any):
    expired = new_session(ttl_seconds=10)
    new_turn(expired)
    engine_clock.advance(seconds=10)

    stats = http.get("/v1/dashboard/stats").json()["stats"]

    assert (stats["total_sessions"], stats["total_turns"], stats["active_sessions_24h"]) == (0, 0, 0)


def test_active_means_changed_within_24_hours(http: httpx.Client, new_session: Any, engine_clock: Any):
    for _ in range(2):
        changed = new_session(ttl_seconds=1_000_000)
    engine_clock.advance(hours=12)
    http.patch(f"/v1/sessions/{changed}", json={})
    engine_clock.advance(hours=12)

    stats = http.get("/v1/dashboard/stats").json()["stats"]

    assert (stats["total_sessions"], stats["active_sessions_24h"]) == (2, 1)


def test_activity_is_mutations_an_hour(http: httpx.Client, new_session: Any, engine_clock: Any):
    """24 hours, the oldest first, the last one the current."""
    session_id = new_session(ttl_seconds=1_000_000)
    engine_clock.advance(hours=22)
    http.patch(f"/v1/sessions/{session_id}", json={})
    http.patch(f"/v1/sessions/{session_id}", json={})
    engine_clock.advance(hours=1)
    http.patch(f"/v1/sessions/{session_id}", json={})

    activity = http.get("/v1/dashboard/stats").json()["recent_activity"]

    assert [hour["count"] for hour in activity] == [1, *[0] * 21, 2, 1]
    assert activity[0]["timestamp"] == "2026-01-02T03:00:00.000000Z"
    assert activity[-1]["timestamp"] == "2026-01-03T02:00:00.000000Z"


def test_activity_forgets_what_is_older(http: httpx.Client, session_id: str, engine_clock: Any):
    engine_clock.advance(hours=24)

    activity = http.get("/v1/dashboard/stats").json()["recent_activity"]

    assert [hour["count"] for hour in activity] == [0] * 24
