"""A fork is a new session that starts from a version of the state of another."""

from __future__ import annotations

from typing import Any, Callable

import httpx
import pytest


@pytest.fixture
def source(http: httpx.Client, new_session: Any, new_turn: Any, new_memory: Any) -> str:
    """A session with a state at version 2, a turn and a memory."""
    session_id = str(new_session(agent_id="a", user_id="u", metadata={"m": 1}, initial_state={"n": 0}, ttl_seconds=60))
    for number in (1, 2):
        http.put(f"/v1/sessions/{session_id}/state", json={"state": {"n": number}})
    new_turn(session_id)
    new_memory(session_id)
    return session_id


@pytest.fixture
def fork(http: httpx.Client) -> Callable[..., httpx.Response]:
    def send(session_id: str, **body: Any) -> httpx.Response:
        return http.post(f"/v1/sessions/{session_id}/fork", json=body)

    return send


def test_fork_has_a_life_of_its_own(http: httpx.Client, source: str, fork: Any, engine_clock: Any):
    """Same agent and user, metadata that says where it came from, a fresh TTL, no turns, no memories."""
    engine_clock.advance(seconds=30)

    response = fork(source)

    session = response.json()
    assert response.status_code == 201
    assert session.pop("id") != source
    assert session == {
        "agent_id": "a",
        "user_id": "u",
        "metadata": {"forked_from": source, "forked_version": 2},
        "state": {"n": 2},
        "created_at": "2026-01-02T03:04:35.000000Z",
        "updated_at": "2026-01-02T03:04:35.000000Z",
        "ttl_expires_at": "2026-01-03T03:04:35.000000Z",
        "memory_count": 0,
        "turn_count": 0,
        "object": "session",
    }


@pytest.mark.parametrize("body", [{}, {"version": None}])
def test_newest_version_is_the_default(source: str, fork: Any, body: Any):
    assert fork(source, **body).json()["state"] == {"n": 2}


def test_version_given_becomes_version_0(http: httpx.Client, source: str, fork: Any):
    session = fork(source, version=1).json()

    history = http.get(f"/v1/sessions/{session['id']}/state/history").json()

    assert session["metadata"] == {"forked_from": source, "forked_version": 1}
    assert [(item["version"], item["state"]) for item in history["data"]] == [(0, {"n": 1})]


def test_changes_do_not_cross(http: httpx.Client, source: str, fork: Any):
    session = fork(source).json()

    http.patch(f"/v1/sessions/{session['id']}/state", json={"state": {"fork": True}})
    http.patch(f"/v1/sessions/{source}/state", json={"state": {"source": True}})

    assert http.get(f"/v1/sessions/{session['id']}/state").json()["state"] == {"n": 2, "fork": True}
    assert http.get(f"/v1/sessions/{source}/state").json()["state"] == {"n": 2, "source": True}


def test_fork_outlives_its_source(http: httpx.Client, source: str, fork: Any):
    session = fork(source).json()

    http.delete(f"/v1/sessions/{source}")

    assert http.get(f"/v1/sessions/{session['id']}").json()["state"] == {"n": 2}


def test_trace_is_on_the_fork(http: httpx.Client, source: str, fork: Any):
    session = fork(source, version=0).json()

    traces = http.get("/v1/traces", params={"session_id": session["id"]}).json()["data"]
    details = http.get(f"/v1/traces/{traces[0]['id']}").json()["details"]

    assert [trace["action"] for trace in traces] == ["session.forked"]
    assert details == {"forked_from": source, "forked_version": 0, "user_id": "u"}


@pytest.mark.parametrize("version", [3, -1, 10**30])
def test_version_that_does_not_exist_is_not_found(
    http: httpx.Client, source: str, fork: Any, version: int, error_of: Any
):
    assert error_of(fork(source, version=version)) == (404, "resource_not_found", "version")
    assert len(http.get("/v1/sessions").json()["data"]) == 1


@pytest.mark.parametrize("version", [False, "1", 1.0])
def test_version_has_to_be_an_integer(source: str, fork: Any, version: Any):
    assert fork(source, version=version).status_code == 422
