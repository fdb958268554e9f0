"""Traces: one for each mutation, with what changed and who did it."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any, Callable

import httpx
import pytest

from statebase._generated.operations import OPERATIONS
from statebase.local import Engine
from statebase.local.storage.sqlite import schema

ENTITY = {"entity_type": "order", "entity_id": "1", "attributes": {"a": 1}}


@pytest.fixture
def eventful(http: httpx.Client, new_session: Any, new_turn: Any, new_memory: Any) -> Any:
    """A session in which everything happened once, and its deletion; returns the ids of what there was."""
    session_id = new_session(user_id="u")
    http.patch(f"/v1/sessions/{session_id}", json={"metadata": {}})
    http.patch(f"/v1/sessions/{session_id}/state", json={"state": {"a": 1}})
    http.put(f"/v1/sessions/{session_id}/state", json={"state": {"a": 2}})
    http.post(f"/v1/sessions/{session_id}/state/rollback", json={"version": 0})
    turn = new_turn(session_id, state_after={"t": 1})
    memory = new_memory(session_id)
    http.put(f"/v1/memories/{memory['id']}", json={"type": "fact"})
    http.delete(f"/v1/memories/{memory['id']}")
    entity = http.post("/v1/entities", json={"session_id": session_id, **ENTITY}).json()
    http.put(f"/v1/entities/{entity['id']}", json={"attributes": {}})
    http.delete(f"/v1/entities/{entity['id']}")
    http.delete(f"/v1/sessions/{session_id}")
    return {
        "session": session_id,
        "state": session_id,
        "turn": turn["id"],
        "memory": memory["id"],
        "entity": entity["id"],
    }


def test_one_for_each_mutation(http: httpx.Client, eventful: Any):
    traces = http.get("/v1/traces").json()["data"]

    assert [trace["action"] for trace in reversed(traces)] == [
        "session.created",
        "session.updated",
        "state.updated",
        "state.updated",
        "state.rolled_back",
        "turn.added",
        "memory.created",
        "memory.updated",
        "memory.deleted",
        "entity.created",
        "entity.updated",
        "entity.deleted",
        "session.deleted",
    ]
    for trace in traces:
        assert trace["session_id"] == eventful["session"]
        assert trace["resource_type"] == trace["action"].partition(".")[0]
        assert trace["resource_id"] == eventful[trace["resource_type"]]
        assert trace["actor"] == "local"


def test_what_fails_leaves_none(http: httpx.Client, session_id: str):
    http.post(f"/v1/sessions/{session_id}/state/rollback", json={"version": 9})
    http.patch(f"/v1/sessions/{session_id}/state", json={"state": 1})
    http.delete("/v1/memories/mem_000000000000")

    assert len(http.get("/v1/traces").json()["data"]) == 1


def test_what_only_reads_leaves_none(http: httpx.Client, session_id: str, new_turn: Any, new_memory: Any):
    ids = {
        "session_id": session_id,
        "turn_id": new_turn(session_id)["id"],
        "memory_id": new_memory(session_id)["id"],
        "trace_id": http.get("/v1/traces").json()["data"][0]["id"],
    }
    before = http.get("/v1/traces").json()

    for operation in OPERATIONS.values():
        if operation.method == "GET" and "{entity_id}" not in operation.path:
            response = http.get(operation.path.format(**ids), params={"query": "tea"})
            assert response.status_code == 200
    http.post(f"/v1/sessions/{session_id}/context", json={"query": "tea"})

    assert http.get("/v1/traces").json() == before


def test_details_of_sessions_and_entities(http: httpx.Client, eventful: Any):
    traces = http.get("/v1/traces").json()["data"]

    details = {trace["action"]: http.get(f"/v1/traces/{trace['id']}").json()["details"] for trace in traces}

    assert details["session.created"] == {
        "agent_id": "agent",
        "user_id": "u",
        "expires_at": "2026-01-03T03:04:05.000000Z",
    }
    assert details["session.updated"]["fields"] == ["metadata"]
    assert details["session.deleted"] == {"turns": 1, "memories": 0, "entities": 0}
    assert details["entity.updated"] == {"entity_type": "order", "entity_id": "1", "version": 2, "keys": []}


def test_request_id_is_in_the_context(http: httpx.Client, session_id: str):
    http.patch(f"/v1/sessions/{session_id}", json={}, headers={"X-Request-ID": "my-request"})
    response = http.patch(f"/v1/sessions/{session_id}", json={})

    traces = http.get("/v1/traces", params={"action": "session.updated"}).json()["data"]
    contexts = [http.get(f"/v1/traces/{trace['id']}").json()["context"] for trace in traces]

    assert contexts == [
        {"request_id": response.headers["X-Request-ID"], "api_key_id": None},
        {"request_id": "my-request", "api_key_id": None},
    ]


def test_no_two_have_the_same_time(http: httpx.Client, session_id: str):
    """Pages end by time, so that traces of one moment must not share it."""
    for _ in range(3):
        http.patch(f"/v1/sessions/{session_id}", json={})

    times = [trace["timestamp"] for trace in http.get("/v1/traces").json()["data"]]

    assert len(set(times)) == 4
    assert times == sorted(times, reverse=True)


class TestClockThatWasAhead:
    """By 20 days, for two of six traces: the others tell their time as it is, and come in the order of what happened."""

    @pytest.fixture
    def session_id(self, new_session: Any) -> str:
        return str(new_session(ttl_seconds=30 * 86400))

    @pytest.fixture
    def traces(self, http: httpx.Client, session_id: str, engine_clock: Any) -> Any:
        """The traces in the list, oldest first."""
        http.patch(f"/v1/sessions/{session_id}", json={})
        for hours in (20 * 24, 0, -20 * 24, 1):
            engine_clock.advance(hours=hours)
            http.patch(f"/v1/sessions/{session_id}", json={})
        return http.get("/v1/traces").json()["data"][::-1]

    @pytest.mark.sqlite_only  # on PostgreSQL machines have clocks of their own: traces come in the order of their times
    def test_spoils_no_later_time(self, traces: Any):
        assert [trace["timestamp"] for trace in traces] == [
            "2026-01-02T03:04:05.000000Z",
            "2026-01-02T03:04:05.000001Z",
            "2026-01-22T03:04:05.000000Z",
            "2026-01-22T03:04:05.000001Z",
            "2026-01-02T03:04:05.000002Z",
            "2026-01-02T04:04:05.000000Z",
        ]
        assert traces[0]["action"] == "session.created"

    @pytest.mark.sqlite_only  # likewise
    def test_filters_go_by_the_time_that_is_told(self, http: httpx.Client, traces: Any, session_id: str):
        for more in ({}, {"session_id": session_id}, {"action": "session.updated"}, {"resource_type": "session"}):
            filters = {"start_time": "2026-01-02T03:30:00Z", "end_time": "2026-01-12T00:00:00Z", **more}
            found = http.get("/v1/traces", params=filters).json()["data"]
            assert [trace["id"] for trace in found] == [traces[5]["id"]]
            late = http.get("/v1/traces", params={"start_time": "2026-01-12T00:00:00Z", **more}).json()["data"]
            assert [trace["id"] for trace in late] == [traces[3]["id"], traces[2]["id"]]

    @pytest.mark.parametrize("limit", [1, 2, 4])
    def test_pages_that_end_by_time_hold_each_trace_once(self, http: httpx.Client, traces: Any, limit: int):
        seen: Any = []
        parameters: Any = {"limit": limit, "action": "session.updated"}
        while True:
            page = http.get("/v1/traces", params=parameters).json()
            seen.extend(trace["id"] for trace in page["data"])
            if not page["has_more"]:
                break
            parameters["end_time"] = page["data"][-1]["timestamp"]

        assert seen == [trace["id"] for trace in traces[:0:-1]]

    def test_pages_of_the_session_hold_each_trace_once(self, http: httpx.Client, traces: Any, session_id: str):
        path = f"/v1/traces/sessions/{session_id}/traces"
        first = http.get(path, params={"limit": 4}).json()["data"]
        second = http.get(path, params={"limit": 4, "starting_after": first[-1]["id"]}).json()["data"]

        assert [trace["id"] for trace in first + second] == [trace["id"] for trace in traces[::-1]]

    def test_dashboard_counts_them_by_their_time(self, http: httpx.Client, traces: Any):
        activity = http.get("/v1/dashboard/stats").json()["recent_activity"]

        assert [hour["count"] for hour in activity[-2:]] == [3, 1]


@pytest.mark.parametrize(
    ("filters", "count"),
    [
        ({}, 13),
        ({"action": "state.updated"}, 2),
        ({"resource_type": "memory"}, 3),
        ({"resource_type": "memory", "action": "memory.created"}, 1),
        ({"resource_type": "memory", "action": "entity.created"}, 0),
        ({"session_id": "sess_000000000000"}, 0),
        ({"action": "no.such"}, 0),
    ],
)
def test_filters_combine(http: httpx.Client, eventful: Any, filters: Any, count: int):
    assert len(http.get("/v1/traces", params=filters).json()["data"]) == count


def test_filter_by_resource(http: httpx.Client, eventful: Any):
    traces = http.get("/v1/traces", params={"resource_id": eventful["turn"]}).json()["data"]

    assert [trace["action"] for trace in traces] == ["turn.added"]


def test_start_is_inclusive_and_end_exclusive(http: httpx.Client, session_id: str, engine_clock: Any):
    for _ in range(3):
        engine_clock.advance(seconds=1)
        http.patch(f"/v1/sessions/{session_id}", json={})

    traces = http.get(
        "/v1/traces", params={"start_time": "2026-01-02T03:04:06Z", "end_time": "2026-01-02T03:04:08Z"}
    ).json()["data"]

    assert [trace["timestamp"] for trace in traces] == ["2026-01-02T03:04:07.000000Z", "2026-01-02T03:04:06.000000Z"]


def test_next_page_ends_where_this_one_did(http: httpx.Client, eventful: Any):
    """With the time of the last one as `end_time`; every trace appears once."""
    seen = []
    parameters: Any = {"limit": 5}
    while True:
        page = http.get("/v1/traces", params=parameters).json()
        seen.extend(trace["id"] for trace in page["data"])
        if not page["has_more"]:
            break
        parameters["end_time"] = page["data"][-1]["timestamp"]

    assert len(seen) == len(set(seen)) == 13


def test_of_a_session_by_cursor(http: httpx.Client, eventful: Any, new_session: Any):
    new_session()
    path = f"/v1/traces/sessions/{eventful['session']}/traces"

    first = http.get(path, params={"limit": 12}).json()
    second = http.get(path, params={"limit": 12, "starting_after": first["data"][-1]["id"]}).json()
    filtered = http.get(path, params={"action": "turn.added"}).json()

    assert (len(first["data"]), first["has_more"]) == (12, True)
    assert ([trace["action"] for trace in second["data"]], second["has_more"]) == (["session.created"], False)
    assert len(filtered["data"]) == 1


def test_cursor_has_to_be_a_trace_of_the_session(http: httpx.Client, new_session: Any, error_of: Any):
    session_id, other = new_session(), new_session()
    foreign = http.get("/v1/traces", params={"session_id": other}).json()["data"][0]["id"]

    for cursor in (foreign, "trace_000000000000"):
        response = http.get(f"/v1/traces/sessions/{session_id}/traces", params={"starting_after": cursor})

        assert error_of(response) == (400, "invalid_request", "starting_after")


@pytest.mark.parametrize("path", ["/v1/traces", "/v1/traces/sessions/{}/traces"])
@pytest.mark.parametrize(("limit", "status"), [(0, 422), (1, 200), (1000, 200), (1001, 422)])
def test_limit(http: httpx.Client, session_id: str, path: str, limit: int, status: int):
    assert http.get(path.format(session_id), params={"limit": limit}).status_code == status


@pytest.mark.sqlite_only  # counts steps of SQLite
@pytest.mark.parametrize(
    "filters",
    [
        {"start_time": "2030-01-01T00:00:00Z"},
        {"end_time": "2020-01-01T00:00:00Z"},
        {"start_time": "2030-01-01T00:00:00Z", "action": "session.updated"},
        {"start_time": "2030-01-01T00:00:00Z", "resource_type": "session"},
        {"end_time": "2020-01-01T00:00:00Z", "session_id": "sess_000000000000"},
    ],
    ids=str,
)
def test_time_without_traces_does_not_walk_the_table(engine: Engine, http: httpx.Client, session_id: str, filters: Any):
    """The steps that SQLite takes do not depend on how many traces there are."""
    database = engine._core.store.database
    with database.write():
        database.execute_many(
            "INSERT INTO traces (seq, created_us, id, session_id, action, resource_type, resource_id, actor, details)"
            " VALUES (?, NULL, ?, ?, 'session.updated', 'session', ?, 'local', '{}')",
            [
                (number, f"trace_{number}", session_id, session_id)
                for number in range(1_600_000_000_000_000, 1_600_000_000_020_000)
            ]
            if "start_time" in filters
            else [
                (number, f"trace_{number}", session_id, session_id)
                for number in range(1_800_000_000_000_000, 1_800_000_000_020_000)
            ],
        )
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 1
        return 0

    with database.read():
        connection = database.acquired()
        connection.set_progress_handler(count, 1)
        try:
            found = http.get("/v1/traces", params=filters).json()["data"]
        finally:
            connection.set_progress_handler(None, 0)

    assert found == []
    assert steps < 2000


def test_traces_of_rc1_keep_their_times(open_engine: Callable[..., Engine], make_http: Any, store_path: Path):
    """Their numbers were their times; a store with a million of them opens in a moment, for none is written."""
    connection = sqlite3.connect(store_path, isolation_level=None)
    for statement in schema.MIGRATIONS[0]:
        connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
    connection.execute("PRAGMA user_version = 1")
    connection.execute(
        "INSERT INTO traces VALUES (1700000000000000, 'trace_old', 'sess_old', 'turn.added', 'turn', 'turn_old',"
        " 'local', NULL, NULL, '{}')"
    )
    connection.close()

    http = make_http(open_engine(store_path))
    http.post("/v1/sessions", json={"agent_id": "a"})

    traces = http.get("/v1/traces").json()["data"]
    assert [trace["timestamp"] for trace in traces] == ["2026-01-02T03:04:05.000000Z", "2023-11-14T22:13:20.000000Z"]
    early = http.get("/v1/traces", params={"end_time": "2024-01-01T00:00:00Z"}).json()["data"]
    assert [trace["id"] for trace in early] == ["trace_old"]
