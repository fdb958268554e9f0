"""States: every change is a version, PATCH merges at the top level, PUT replaces."""

from __future__ import annotations

import threading
from typing import Any, Callable

import httpx
import pytest


@pytest.fixture
def patch(http: httpx.Client) -> Callable[..., Any]:
    def send(session_id: str, state: Any, **body: Any) -> Any:
        response = http.patch(f"/v1/sessions/{session_id}/state", json={"state": state, **body})
        assert response.status_code == 200
        return response.json()

    return send


@pytest.fixture
def put(http: httpx.Client) -> Callable[..., Any]:
    def send(session_id: str, state: Any, **body: Any) -> Any:
        response = http.put(f"/v1/sessions/{session_id}/state", json={"state": state, **body})
        assert response.status_code == 200
        return response.json()

    return send


def test_patch_sets_top_level_keys_and_keeps_the_others(new_session: Any, patch: Any):
    session_id = new_session(initial_state={"a": {"x": 1, "y": 2}, "b": 1})

    updated = patch(session_id, {"a": {"x": 3}, "c": [1]})

    assert updated["state"] == {"a": {"x": 3}, "b": 1, "c": [1]}
    assert updated["version"] == 1


def test_null_is_a_value(new_session: Any, patch: Any):
    session_id = new_session(initial_state={"a": 1, "b": 2})

    assert patch(session_id, {"a": None})["state"] == {"a": None, "b": 2}


def test_put_replaces_the_whole(new_session: Any, put: Any):
    session_id = new_session(initial_state={"a": 1, "b": 2})

    assert put(session_id, {"c": 3})["state"] == {"c": 3}


def test_get_returns_the_newest(http: httpx.Client, new_session: Any, patch: Any, engine_clock: Any):
    session_id = new_session(initial_state={"a": 1})
    engine_clock.advance(minutes=1)
    patch(session_id, {"b": 2})

    state = http.get(f"/v1/sessions/{session_id}/state").json()

    assert state == {
        "data": {"a": 1, "b": 2},
        "session_id": session_id,
        "version": 1,
        "state": {"a": 1, "b": 2},
        "created_at": "2026-01-02T03:04:05.000000Z",
        "updated_at": "2026-01-02T03:05:05.000000Z",
    }
    assert http.get(f"/v1/sessions/{session_id}").json()["updated_at"] == state["updated_at"]


def test_versions_count_up_also_where_nothing_changes(session_id: str, patch: Any, put: Any):
    versions = [patch(session_id, {})["version"], put(session_id, {})["version"], patch(session_id, {})["version"]]

    assert versions == [1, 2, 3]


@pytest.mark.parametrize(
    "state",
    [
        {"z": 1, "a": 2, "m": {"y": 1, "b": 2}},
        {"": "", "é": "ü\u2028\U0001f600", "control": "a\x01b", "quote": '"\\/'},
        {"big": 10**40, "small": -(10**40), "zero": 0, "negative": -1},
        {"float": 0.1, "tiny": 5e-324, "large": 1.7976931348623157e308, "whole": 1.0, "minus": -0.0},
        {"true": True, "false": False, "null": None, "list": [], "object": {}},
        {"deep": [[[[[[{"a": [[[None]]]}]]]]]]},
    ],
    ids=["order", "text", "integers", "floats", "constants", "nesting"],
)
def test_state_comes_back_as_it_was_sent(http: httpx.Client, session_id: str, put: Any, state: Any):
    """Text, numbers of any size, nulls, and the order of keys; also from the history."""
    put(session_id, state)
    put(session_id, {})

    versions = http.get(f"/v1/sessions/{session_id}/state/history").json()["data"]

    assert repr(versions[1]["state"]) == repr(state)


def test_reasoning_and_version_are_in_the_trace(http: httpx.Client, session_id: str, patch: Any):
    patch(session_id, {"a": 1}, reasoning="the user said so")

    trace = http.get("/v1/traces", params={"action": "state.updated"}).json()["data"][0]
    details = http.get(f"/v1/traces/{trace['id']}").json()["details"]

    assert (trace["resource_type"], trace["resource_id"]) == ("state", session_id)
    assert details == {"version": 1, "keys": ["a"], "reasoning": "the user said so"}


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
@pytest.mark.parametrize("body", [{}, {"state": None}, {"state": []}, {"state": "{}"}])
def test_state_has_to_be_an_object(http: httpx.Client, session_id: str, method: str, body: Any):
    response = http.request(method, f"/v1/sessions/{session_id}/state", json=body)

    assert response.status_code == 422
    assert http.get(f"/v1/sessions/{session_id}/state").json()["version"] == 0


def test_two_writers_at_once_lose_nothing(http: httpx.Client, session_id: str, patch: Any):
    """Each change is a version of its own, and keys set by one are not undone by another."""

    def write(name: str) -> None:
        for number in range(25):
            patch(session_id, {f"{name}{number}": number})

    threads = [threading.Thread(target=write, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    state = http.get(f"/v1/sessions/{session_id}/state").json()
    assert state["version"] == 100
    assert state["state"] == {f"{name}{number}": number for name in "abcd" for number in range(25)}


class TestHistory:
    def test_newest_first_with_full_content(
        self, http: httpx.Client, new_session: Any, patch: Any, put: Any, engine_clock: Any
    ):
        session_id = new_session(initial_state={"a": 1})
        engine_clock.advance(seconds=1)
        patch(session_id, {"b": 2})
        put(session_id, {"c": 3})

        history = http.get(f"/v1/sessions/{session_id}/state/history").json()

        assert history["current_version"] == 2
        assert [(item["version"], item["state"]) for item in history["data"]] == [
            (2, {"c": 3}),
            (1, {"a": 1, "b": 2}),
            (0, {"a": 1}),
        ]
        assert history["data"][1]["created_at"] == "2026-01-02T03:04:06.000000Z"
        assert history["data"][1]["updated_by"] == "local"

    @pytest.mark.parametrize(
        ("parameters", "versions"),
        [
            ({"limit": 2}, [4, 3]),
            ({"since_version": 2}, [4, 3]),
            ({"since_version": 2, "limit": 1}, [4]),
            ({"since_version": 4}, []),
            ({"since_version": 10**30}, []),
            ({"since_version": -(10**30)}, [4, 3, 2, 1, 0]),
        ],
    )
    def test_limit_and_since_version(
        self, http: httpx.Client, session_id: str, patch: Any, parameters: Any, versions: Any
    ):
        for number in range(4):
            patch(session_id, {"n": number})

        history = http.get(f"/v1/sessions/{session_id}/state/history", params=parameters).json()

        assert [item["version"] for item in history["data"]] == versions

    @pytest.mark.parametrize("limit", [0, 101])
    def test_limit_out_of_range_is_422(self, http: httpx.Client, session_id: str, limit: int):
        response = http.get(f"/v1/sessions/{session_id}/state/history", params={"limit": limit})

        assert response.status_code == 422

    def test_large_states_come_back_from_the_history(self, http: httpx.Client, session_id: str, put: Any):
        """Over the size at which they are stored in another way, and back."""
        states = []
        for number in range(40):
            size = 800 if 10 <= number < 30 else 80
            states.append(
                {f"key{key}": f"{'text ' * 10}{number if key % 7 == number % 7 else 0}" for key in range(size)}
            )
            put(session_id, states[-1])

        history = http.get(f"/v1/sessions/{session_id}/state/history").json()["data"]

        assert [item["state"] for item in reversed(history)] == [{}, *states]
