"""Traces: one for each mutation, with what changed and who did it."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from statebase._generated.operations import OPERATIONS

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


def test_no_two_have_the_same_time(http: httpx.Client, session_id: str, engine_clock: Any):
    """Pages end by time, so that traces of one moment, or of a clock that was set back, must not share it."""
    for _ in range(3):
        http.patch(f"/v1/sessions/{session_id}", json={})
    engine_clock.advance(hours=-1)
    http.patch(f"/v1/sessions/{session_id}", json={})

    times = [trace["timestamp"] for trace in http.get("/v1/traces").json()["data"]]

    assert len(set(times)) == 5
    assert times == sorted(times, reverse=True)


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
