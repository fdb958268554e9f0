"""Contexts: the newest state, the memories that fit, and the latest turns."""

from __future__ import annotations

from typing import Any, Callable

import httpx
import pytest


@pytest.fixture
def context(http: httpx.Client) -> Callable[..., Any]:
    def send(session_id: str, **body: Any) -> Any:
        response = http.post(f"/v1/sessions/{session_id}/context", json=body)
        assert response.status_code == 200
        return response.json()

    return send


def test_empty_session_has_an_empty_context(new_session: Any, context: Any):
    session_id = new_session(initial_state={"a": 1})

    assert context(session_id) == {
        "state": {"a": 1},
        "memories": [],
        "recent_turns": [],
        "drift_warning": False,
        "average_relevance": 0.0,
    }


def test_turns_are_the_latest_newest_first(session_id: str, new_turn: Any, context: Any):
    turns = [new_turn(session_id, f"turn {number}", metadata={"n": number}) for number in range(7)]

    recent = context(session_id)["recent_turns"]

    assert [turn["turn_number"] for turn in recent] == [7, 6, 5, 4, 3]
    assert recent[0] == {
        key: turns[6][key] for key in ("id", "turn_number", "input", "output", "reasoning", "metadata", "created_at")
    }


@pytest.mark.parametrize(("limits", "counts"), [({"turn_limit": 0, "memory_limit": 2}, (0, 2)), ({}, (5, 5))])
def test_limits(session_id: str, new_turn: Any, new_memory: Any, context: Any, limits: Any, counts: Any):
    for _ in range(6):
        new_turn(session_id)
        new_memory(session_id)

    for query in ({}, {"query": "likes tea"}):
        answer = context(session_id, **limits, **query)

        assert (len(answer["recent_turns"]), len(answer["memories"])) == counts


def test_no_memories_wanted_is_none_given(session_id: str, new_memory: Any, context: Any):
    new_memory(session_id)

    answer = context(session_id, query="likes tea", memory_limit=0)

    assert (answer["memories"], answer["average_relevance"], answer["drift_warning"]) == ([], 0.0, False)


@pytest.mark.parametrize(
    "body",
    [{"turn_limit": 51}, {"turn_limit": -1}, {"memory_limit": 21}, {"memory_limit": "1"}, {"query": 1}],
)
def test_body_is_checked(http: httpx.Client, session_id: str, body: Any):
    assert http.post(f"/v1/sessions/{session_id}/context", json=body).status_code == 422


@pytest.mark.parametrize("query", [{}, {"query": None}, {"query": ""}, {"query": " "}])
def test_without_a_query_the_newest_memories_without_score(session_id: str, new_memory: Any, context: Any, query: Any):
    memories = [new_memory(session_id, f"fact {number}", tags=["t"]) for number in range(3)]

    answer = context(session_id, **query)

    assert answer["memories"] == [
        {key: memory[key] for key in ("id", "session_id", "content", "type", "tags", "created_at")}
        for memory in reversed(memories)
    ]
    assert (answer["average_relevance"], answer["drift_warning"]) == (0.0, False)


def test_with_a_query_the_best_memories(session_id: str, new_memory: Any, context: Any):
    best = new_memory(session_id, "prefers window seats on trains")
    for number in range(5):
        new_memory(session_id, f"unrelated note number {number}")

    answer = context(session_id, query="prefers window seats on trains", memory_limit=1)

    assert [memory["id"] for memory in answer["memories"]] == [best["id"]]
    assert answer["average_relevance"] == pytest.approx(answer["memories"][0]["score"])
    assert answer["average_relevance"] > 0.9
    assert answer["drift_warning"] is False


def test_average_is_the_mean_of_the_scores(session_id: str, new_memory: Any, context: Any):
    new_memory(session_id, "prefers window seats")
    new_memory(session_id, "prefers aisle seats")

    answer = context(session_id, query="prefers window seats")

    scores = [memory["score"] for memory in answer["memories"]]
    assert len(scores) == 2
    assert answer["average_relevance"] == pytest.approx(sum(scores) / 2)


def test_memories_come_from_all_sessions_of_the_user(new_session: Any, new_memory: Any, context: Any):
    mine, also_mine, other = new_session(user_id="u"), new_session(user_id="u"), new_session(user_id="v")
    ids = [new_memory(session)["id"] for session in (mine, also_mine, other)]

    for query in ({}, {"query": "likes tea"}):
        answer = context(mine, **query)

        assert [memory["id"] for memory in answer["memories"]] == [ids[1], ids[0]]


def test_without_a_user_they_come_from_the_session(new_session: Any, new_memory: Any, context: Any):
    """Not from the other sessions that have no user either."""
    first, second = new_session(), new_session()
    memory = new_memory(first)
    new_memory(second)

    for query in ({}, {"query": "likes tea"}):
        answer = context(first, **query)

        assert [memory["id"] for memory in answer["memories"]] == [memory["id"]]


def test_time_taken_is_in_a_header(http: httpx.Client, session_id: str):
    response = http.post(f"/v1/sessions/{session_id}/context", json={})

    assert float(response.headers["X-StateBase-Latency"]) >= 0.0
    assert "X-StateBase-Latency" not in http.get(f"/v1/sessions/{session_id}").headers
