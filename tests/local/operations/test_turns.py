"""Turns: numbered without gaps, kept as they came, and able to move the state on."""

from __future__ import annotations

import threading
from typing import Any

import httpx
import pytest


def test_turn_comes_back_in_full(http: httpx.Client, session_id: str, new_turn: Any):
    """With the keys of its input and output that the contract does not name."""
    turn = {
        "input": {"type": "tool_call", "content": "search", "tool_metadata": {"name": "web", "n": 1.5}, "ids": [1]},
        "output": {"type": "tool_result", "content": "found", "output": {"hits": [{"a": None}]}},
        "metadata": {"latency": 12},
        "reasoning": "needed facts",
    }

    created = new_turn(session_id, **turn)

    assert created["id"].startswith("turn_")
    assert {**turn, "turn_number": 1, "session_id": session_id}.items() <= created.items()
    assert http.get(f"/v1/sessions/{session_id}/turns/{created['id']}").json() == created


def test_numbers_count_from_1_in_each_session(new_session: Any, new_turn: Any):
    first, second = new_session(), new_session()

    numbers = [new_turn(session)["turn_number"] for session in (first, second, first, first, second)]

    assert numbers == [1, 1, 2, 3, 2]


def test_numbers_have_no_gaps_under_concurrent_writers(http: httpx.Client, session_id: str, new_turn: Any):
    threads = [
        threading.Thread(target=lambda: [new_turn(session_id) for _ in range(20)], name=f"writer {number}")
        for number in range(5)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    turns = http.get(f"/v1/sessions/{session_id}/turns", params={"limit": 100}).json()["data"]
    assert [turn["turn_number"] for turn in turns] == list(range(100, 0, -1))


def test_a_turn_that_fails_uses_no_number(http: httpx.Client, session_id: str, new_turn: Any):
    http.post(f"/v1/sessions/{session_id}/turns", json={"input": {"type": "text"}, "output": {}})

    assert new_turn(session_id)["turn_number"] == 1


@pytest.mark.parametrize("missing", ["input", "output"])
def test_input_and_output_are_required(http: httpx.Client, session_id: str, missing: str):
    body = {"input": {"type": "text", "content": ""}, "output": {"type": "text", "content": ""}}
    del body[missing]

    response = http.post(f"/v1/sessions/{session_id}/turns", json=body)

    assert response.status_code == 422
    assert response.json()["detail"][0]["loc"] == ["body", missing]


def test_extra_keys_are_checked_as_json(http: httpx.Client, session_id: str):
    body = b'{"input":{"type":"text","content":"a","extra":[1e999]},"output":{"type":"text","content":"b"}}'

    response = http.post(f"/v1/sessions/{session_id}/turns", content=body)

    assert response.status_code == 422
    assert response.json()["detail"][0]["loc"] == ["body", "input", "extra", 0]


class TestState:
    def test_state_after_that_differs_is_a_new_version(self, http: httpx.Client, new_session: Any, new_turn: Any):
        session_id = new_session(initial_state={"a": 1})

        turn = new_turn(session_id, state_after={"a": 2}, reasoning="counted")

        state = http.get(f"/v1/sessions/{session_id}/state").json()
        details = http.get(f"/v1/traces/{http.get('/v1/traces').json()['data'][0]['id']}").json()["details"]
        assert (state["version"], state["state"]) == (1, {"a": 2})
        assert (turn["state_before"], turn["state_after"]) == ({"a": 1}, {"a": 2})
        assert details == {"turn_number": 1, "version": 1, "reasoning": "counted"}

    @pytest.mark.parametrize(
        "state_after", [{"a": 1, "b": {"x": [1], "y": None}}, {"b": {"y": None, "x": [1]}, "a": 1}]
    )
    def test_state_after_that_is_the_same_is_no_new_version(
        self, http: httpx.Client, new_session: Any, new_turn: Any, state_after: Any
    ):
        session_id = new_session(initial_state={"a": 1, "b": {"x": [1], "y": None}})

        turn = new_turn(session_id, state_after=state_after)

        assert http.get(f"/v1/sessions/{session_id}/state").json()["version"] == 0
        assert turn["state_after"] == state_after
        assert http.get(f"/v1/sessions/{session_id}/turns/{turn['id']}").json()["state_after"] == state_after

    @pytest.mark.parametrize("state_after", [{"a": True}, {"a": "1"}, {}, {"a": 1, "b": None}, {"a": [1]}])
    def test_difference_is_that_of_json(self, http: httpx.Client, new_session: Any, new_turn: Any, state_after: Any):
        session_id = new_session(initial_state={"a": 1})

        new_turn(session_id, state_after=state_after)

        assert http.get(f"/v1/sessions/{session_id}/state").json()["version"] == 1

    def test_undo_goes_back_before_the_turn(self, http: httpx.Client, new_session: Any, new_turn: Any):
        session_id = new_session(initial_state={"a": 1})
        new_turn(session_id, state_after={"a": 2})

        answer = http.post(f"/v1/sessions/{session_id}/state/rollback", json={"version": -1}).json()

        assert answer["state"] == {"a": 1}

    def test_state_before_is_recorded_as_it_was(self, http: httpx.Client, new_session: Any, new_turn: Any):
        """Also when the state has moved on since."""
        session_id = new_session(initial_state={"a": 1})
        turn = new_turn(session_id)
        http.put(f"/v1/sessions/{session_id}/state", json={"state": {"b": 2}})

        recorded = http.get(f"/v1/sessions/{session_id}/turns/{turn['id']}").json()

        assert (recorded["state_before"], recorded["state_after"]) == ({"a": 1}, None)

    def test_state_before_is_recorded_as_given(self, http: httpx.Client, new_session: Any, new_turn: Any):
        session_id = new_session(initial_state={"a": 1})

        turn = new_turn(session_id, state_before={"mine": True})

        recorded = http.get(f"/v1/sessions/{session_id}/turns/{turn['id']}").json()
        assert turn["state_before"] == recorded["state_before"] == {"mine": True}
        assert http.get(f"/v1/sessions/{session_id}/state").json()["version"] == 0


class TestList:
    def test_newest_first_with_previews(self, http: httpx.Client, session_id: str, new_turn: Any):
        new_turn(session_id, "a" * 99 + "äöü")
        new_turn(session_id, "short")

        turns = http.get(f"/v1/sessions/{session_id}/turns").json()

        assert [(turn["turn_number"], turn["input_preview"]) for turn in turns["data"]] == [
            (2, "short"),
            (1, "a" * 99 + "ä"),
        ]
        assert turns["data"][0]["output_preview"] == "re: short"
        assert turns["has_more"] is False

    @pytest.mark.parametrize(("order", "pages"), [("desc", [[4, 3], [2, 1]]), ("asc", [[1, 2], [3, 4]])])
    def test_pages_follow_one_another(self, http: httpx.Client, session_id: str, new_turn: Any, order: str, pages: Any):
        for _ in range(4):
            new_turn(session_id)
        parameters = {"order": order, "limit": 2}

        first = http.get(f"/v1/sessions/{session_id}/turns", params=parameters).json()
        parameters["starting_after"] = first["data"][-1]["id"]
        second = http.get(f"/v1/sessions/{session_id}/turns", params=parameters).json()

        assert [[turn["turn_number"] for turn in page["data"]] for page in (first, second)] == pages
        assert (first["has_more"], second["has_more"]) == (True, False)

    def test_cursor_has_to_be_a_turn_of_the_session(
        self, http: httpx.Client, new_session: Any, new_turn: Any, error_of: Any
    ):
        session_id = new_session()
        foreign = new_turn(new_session())["id"]

        for cursor in (foreign, "turn_000000000000"):
            response = http.get(f"/v1/sessions/{session_id}/turns", params={"starting_after": cursor})

            assert error_of(response) == (400, "invalid_request", "starting_after")

    @pytest.mark.parametrize("limit", [0, 101])
    def test_limit_out_of_range_is_422(self, http: httpx.Client, session_id: str, limit: int):
        assert http.get(f"/v1/sessions/{session_id}/turns", params={"limit": limit}).status_code == 422


def test_turn_of_another_session_is_not_found(http: httpx.Client, new_session: Any, new_turn: Any, error_of: Any):
    session_id = new_session()
    foreign = new_turn(new_session())["id"]

    response = http.get(f"/v1/sessions/{session_id}/turns/{foreign}")

    assert error_of(response) == (404, "turn_not_found", "turn_id")


@pytest.mark.parametrize("order", ["ascending", "ASC", ""])
def test_order_that_is_none_is_refused(http: httpx.Client, session_id: str, order: str, error_of: Any):
    response = http.get(f"/v1/sessions/{session_id}/turns", params={"order": order})

    assert error_of(response) == (400, "invalid_request", "order")
