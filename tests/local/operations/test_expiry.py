"""Sessions end when their time is up: they answer as if they had never been, and stay in the store until a purge."""

from __future__ import annotations

from typing import Any, Callable

import httpx
import pytest

from statebase._generated.operations import OPERATIONS
from statebase.local import Engine

OF_SESSIONS = [
    operation
    for operation in OPERATIONS.values()
    if "{session_id}" in operation.path and operation.id != "delete_session"
]


def test_expired_session_can_be_deleted(http: httpx.Client, new_session: Any, new_memory: Any, engine_clock: Any):
    """With its memories, which searches would find for good; a second time there is nothing to delete."""
    session_id = new_session(user_id="ada", ttl_seconds=60)
    other_id = new_session(user_id="ada", ttl_seconds=600)
    memory_id = new_memory(session_id, content="Ada is allergic to peanuts")["id"]
    engine_clock.advance(seconds=120)

    statuses = [http.delete(f"/v1/sessions/{session_id}").status_code for _ in range(2)]

    assert statuses == [204, 404]
    assert http.get(f"/v1/memories/{memory_id}").status_code == 404
    assert http.get("/v1/memories", params={"query": "peanuts", "threshold": 0}).json()["data"] == []
    context = http.post(f"/v1/sessions/{other_id}/context", json={"query": "peanuts"}).json()
    assert context["memories"] == []


@pytest.mark.parametrize("operation", OF_SESSIONS, ids=lambda operation: operation.id)
def test_expired_session_is_not_found_by_any_operation(
    http: httpx.Client, new_session: Callable[..., str], new_turn: Any, engine_clock: Any, operation: Any, error_of: Any
):
    session_id = new_session(ttl_seconds=10)
    turn = new_turn(session_id)
    body = {
        "state": {},
        "version": 0,
        "writes": [{"operation": "replace_state", "idempotency_key": "write", "body": {"state": {}}}],
        "input": {"type": "text", "content": "hi"},
        "output": {"type": "text", "content": "ho"},
    }
    engine_clock.advance(seconds=10)

    response = http.request(
        operation.method,
        operation.path.format(session_id=session_id, turn_id=turn["id"]),
        json=body if operation.body is not None else None,
    )

    assert error_of(response) == (404, "session_not_found", "session_id")


def test_session_lives_until_its_time_is_up(http: httpx.Client, new_session: Callable[..., str], engine_clock: Any):
    session_id = new_session(ttl_seconds=10)

    engine_clock.advance(seconds=9.999999)

    assert http.get(f"/v1/sessions/{session_id}").status_code == 200


def test_expired_session_takes_no_memory_and_no_entity(
    http: httpx.Client, new_session: Callable[..., str], engine_clock: Any, error_of: Any
):
    session_id = new_session(ttl_seconds=10)
    entity = {"session_id": session_id, "entity_type": "order", "entity_id": "1", "attributes": {}}
    stored = http.post("/v1/entities", json=entity).json()
    engine_clock.advance(seconds=10)

    responses = [
        http.post("/v1/memories", json={"session_id": session_id, "content": "text"}),
        http.post("/v1/entities", json={**entity, "entity_id": "2"}),
    ]

    assert [error_of(response)[:2] for response in responses] == [(404, "session_not_found")] * 2
    assert http.get(f"/v1/entities/{stored['id']}").status_code == 404
    assert http.get("/v1/entities").json()["data"] == []


def test_expired_session_leaves_the_lists(http: httpx.Client, new_session: Callable[..., str], engine_clock: Any):
    new_session(ttl_seconds=10)
    stays = new_session(ttl_seconds=11)

    engine_clock.advance(seconds=10)

    assert [session["id"] for session in http.get("/v1/sessions").json()["data"]] == [stays]


def test_page_may_start_after_a_session_that_expired_meanwhile(
    http: httpx.Client, new_session: Callable[..., str], engine_clock: Any
):
    oldest = new_session()
    seen = new_session(ttl_seconds=10)
    engine_clock.advance(seconds=10)

    page = http.get("/v1/sessions", params={"starting_after": seen}).json()

    assert [session["id"] for session in page["data"]] == [oldest]


def test_memories_stay_searchable(
    http: httpx.Client, new_session: Callable[..., str], new_memory: Any, engine_clock: Any
):
    """By everybody's search, by a search in the session, and in the contexts of the same user."""
    expired = new_session(ttl_seconds=10, user_id="u")
    memory = new_memory(expired, "prefers window seats")
    engine_clock.advance(seconds=10)
    other = new_session(user_id="u")

    found = http.get("/v1/memories", params={"query": "prefers window seats"}).json()
    found_in_session = http.get("/v1/memories", params={"query": "window seats", "session_id": expired}).json()
    context = http.post(f"/v1/sessions/{other}/context", json={"query": "window seats"}).json()

    for data in (found["data"], found_in_session["data"], context["memories"]):
        assert [item["id"] for item in data] == [memory["id"]]
    assert http.get(f"/v1/memories/{memory['id']}").status_code == 200


def test_default_is_a_day(http: httpx.Client):
    for body in ({}, {"ttl_seconds": None}):
        session = http.post("/v1/sessions", json={"agent_id": "a", **body}).json()

        assert session["ttl_expires_at"] == "2026-01-03T03:04:05.000000Z"


def test_default_of_the_engine_counts(open_engine: Callable[..., Engine], make_http: Any):
    http = make_http(open_engine(default_ttl_seconds=60))

    session = http.post("/v1/sessions", json={"agent_id": "a"}).json()

    assert session["ttl_expires_at"] == "2026-01-02T03:05:05.000000Z"


@pytest.mark.parametrize("seconds", [0, -1, 2592001, "60", True, 1.5, 10**30])
def test_lifetime_out_of_range_is_422(http: httpx.Client, session_id: str, seconds: Any):
    created = http.post("/v1/sessions", json={"agent_id": "a", "ttl_seconds": seconds})
    updated = http.patch(f"/v1/sessions/{session_id}", json={"ttl_seconds": seconds})

    assert (created.status_code, updated.status_code) == (422, 422)
    assert created.json()["detail"][0]["loc"] == ["body", "ttl_seconds"]


@pytest.mark.parametrize("seconds", [1, 2592000])
def test_lifetime_at_the_limits_is_taken(http: httpx.Client, seconds: int):
    assert http.post("/v1/sessions", json={"agent_id": "a", "ttl_seconds": seconds}).status_code == 201


def test_patch_restarts_the_clock_from_now(http: httpx.Client, new_session: Callable[..., str], engine_clock: Any):
    session_id = new_session(ttl_seconds=10)
    engine_clock.advance(seconds=8)

    updated = http.patch(f"/v1/sessions/{session_id}", json={"ttl_seconds": 10}).json()

    assert updated["ttl_expires_at"] == "2026-01-02T03:04:23.000000Z"
    engine_clock.advance(seconds=9)
    assert http.get(f"/v1/sessions/{session_id}").status_code == 200


def test_patch_to_null_is_the_default_lifetime(http: httpx.Client, new_session: Callable[..., str]):
    session_id = new_session(ttl_seconds=10)

    updated = http.patch(f"/v1/sessions/{session_id}", json={"ttl_seconds": None}).json()

    assert updated["ttl_expires_at"] == "2026-01-03T03:04:05.000000Z"


def test_writes_do_not_extend_the_life(
    http: httpx.Client, new_session: Callable[..., str], new_turn: Any, engine_clock: Any
):
    session_id = new_session(ttl_seconds=10)
    engine_clock.advance(seconds=9)

    new_turn(session_id)
    http.patch(f"/v1/sessions/{session_id}/state", json={"state": {"a": 1}})
    http.patch(f"/v1/sessions/{session_id}", json={"metadata": {}})

    assert http.get(f"/v1/sessions/{session_id}").json()["ttl_expires_at"] == "2026-01-02T03:04:15.000000Z"


class TestPurge:
    def test_expired_sessions_go_for_good(
        self, engine: Engine, http: httpx.Client, new_session: Callable[..., str], new_memory: Any, engine_clock: Any
    ):
        expired = [new_session(ttl_seconds=10) for _ in range(3)]
        memory = new_memory(expired[0], "prefers window seats")
        lives = new_session(ttl_seconds=11)
        engine_clock.advance(seconds=10)

        removed = engine.purge()

        assert removed == 3
        assert http.get(f"/v1/sessions/{lives}").status_code == 200
        assert http.get(f"/v1/memories/{memory['id']}").status_code == 404
        engine_clock.advance(seconds=-10)
        assert [http.get(f"/v1/sessions/{session}").status_code for session in expired] == [404] * 3

    def test_leaves_a_trace_of_each(
        self, engine: Engine, http: httpx.Client, new_session: Callable[..., str], engine_clock: Any
    ):
        expired = new_session(ttl_seconds=10)
        engine_clock.advance(hours=1)

        engine.purge()

        traces = http.get("/v1/traces", params={"action": "session.expired"}).json()["data"]
        details = http.get(f"/v1/traces/{traces[0]['id']}").json()["details"]
        assert [trace["resource_id"] for trace in traces] == [expired]
        assert details["expired_at"] == "2026-01-02T03:04:15.000000Z"
        assert http.get(f"/v1/traces/sessions/{expired}/traces").status_code == 404

    def test_nothing_expired_is_nothing_removed(self, engine: Engine, session_id: str):
        assert engine.purge() == 0

    def test_more_than_a_batch_goes_at_once(self, engine: Engine, new_session: Callable[..., str], engine_clock: Any):
        for _ in range(201):
            new_session(ttl_seconds=1)
        engine_clock.advance(seconds=1)

        assert engine.purge() == 201
