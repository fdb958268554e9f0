"""Rollback makes a new version with the content of an old one; negative numbers undo changes one after another."""

from __future__ import annotations

from typing import Any, Callable

import httpx
import pytest


@pytest.fixture
def four_versions(http: httpx.Client, new_session: Any) -> str:
    """A session whose state is {"n": 3} at version 3, and so on down."""
    session_id = str(new_session(initial_state={"n": 0}))
    for number in (1, 2, 3):
        http.put(f"/v1/sessions/{session_id}/state", json={"state": {"n": number}})
    return session_id


@pytest.fixture
def rollback(http: httpx.Client) -> Callable[..., httpx.Response]:
    def send(session_id: str, version: Any, **body: Any) -> httpx.Response:
        return http.post(f"/v1/sessions/{session_id}/state/rollback", json={"version": version, **body})

    return send


def test_answer_says_what_was_restored(http: httpx.Client, four_versions: str, rollback: Any):
    answer = rollback(four_versions, 1, reason="wrong turn").json()

    trace = http.get(f"/v1/traces/{answer.pop('trace_id')}").json()
    assert answer == {"success": True, "new_version": 4, "restored_from_version": 1, "state": {"n": 1}}
    assert trace["action"] == "state.rolled_back"
    assert trace["details"] == {"from_version": 3, "to_version": 1, "version": 4, "reasoning": "wrong turn"}


def test_nothing_is_removed(http: httpx.Client, four_versions: str, rollback: Any):
    rollback(four_versions, 0)

    history = http.get(f"/v1/sessions/{four_versions}/state/history").json()["data"]

    assert [item["state"]["n"] for item in history] == [0, 3, 2, 1, 0]


def test_undo_twice_does_not_bring_back_what_the_first_undid(four_versions: str, rollback: Any):
    states = [rollback(four_versions, -1).json()["state"]["n"] for _ in range(3)]

    assert states == [2, 1, 0]


def test_undo_several_at_once(four_versions: str, rollback: Any):
    answer = rollback(four_versions, -2).json()

    assert (answer["restored_from_version"], answer["state"]) == (1, {"n": 1})


def test_undo_continues_from_what_a_rollback_restored(http: httpx.Client, four_versions: str, rollback: Any):
    """The version that a rollback makes has the parent of the one it restored."""
    rollback(four_versions, 2)

    assert rollback(four_versions, -1).json()["state"] == {"n": 1}


def test_a_change_after_a_rollback_is_undone_first(http: httpx.Client, four_versions: str, rollback: Any):
    rollback(four_versions, 1)
    http.put(f"/v1/sessions/{four_versions}/state", json={"state": {"n": 9}})

    states = [rollback(four_versions, -1).json()["state"]["n"] for _ in range(2)]

    assert states == [1, 0]


def test_rollback_to_the_current_version_makes_a_version(four_versions: str, rollback: Any):
    assert rollback(four_versions, 3).json()["new_version"] == 4


@pytest.mark.parametrize("version", [4, 10**30, -4, -(10**30)])
def test_version_that_does_not_exist_is_not_found(
    http: httpx.Client, four_versions: str, rollback: Any, version: int, error_of: Any
):
    response = rollback(four_versions, version)

    assert error_of(response) == (404, "resource_not_found", "version")
    assert http.get(f"/v1/sessions/{four_versions}/state").json()["version"] == 3


def test_first_version_cannot_be_undone(session_id: str, rollback: Any, error_of: Any):
    assert error_of(rollback(session_id, -1)) == (404, "resource_not_found", "version")


@pytest.mark.parametrize("version", [False, "0", 0.0, None])
def test_version_has_to_be_an_integer(http: httpx.Client, four_versions: str, rollback: Any, version: Any):
    response = rollback(four_versions, version)

    assert response.status_code == 422
    assert response.json()["detail"][0]["loc"] == ["body", "version"]
    assert http.get(f"/v1/sessions/{four_versions}/state").json()["version"] == 3
