"""Sessions: what is created is what is got, listed, changed and deleted."""

from __future__ import annotations

import re
from typing import Any, Callable

import httpx
import pytest


def test_create_starts_with_the_initial_state(http: httpx.Client):
    response = http.post(
        "/v1/sessions",
        json={"agent_id": "a", "user_id": "u", "metadata": {"channel": "web"}, "initial_state": {"step": 1}},
    )

    session = response.json()
    assert response.status_code == 201
    assert re.fullmatch(r"sess_[a-z0-9]{12}", session.pop("id"))
    assert session == {
        "agent_id": "a",
        "user_id": "u",
        "metadata": {"channel": "web"},
        "state": {"step": 1},
        "created_at": "2026-01-02T03:04:05.000000Z",
        "updated_at": "2026-01-02T03:04:05.000000Z",
        "ttl_expires_at": "2026-01-03T03:04:05.000000Z",
        "memory_count": 0,
        "turn_count": 0,
        "object": "session",
    }


@pytest.mark.parametrize("initial_state", [{}, {"initial_state": None}])
def test_state_is_empty_at_version_0_without_an_initial_one(http: httpx.Client, initial_state: Any):
    session = http.post("/v1/sessions", json={"agent_id": "a", **initial_state}).json()

    state = http.get(f"/v1/sessions/{session['id']}/state").json()

    assert session["state"] == state["state"] == {}
    assert state["version"] == 0


def test_get_returns_what_was_created(http: httpx.Client):
    created = http.post("/v1/sessions", json={"agent_id": "a", "initial_state": {"a": [1, None, {"b": 2.5}]}}).json()

    assert http.get(f"/v1/sessions/{created['id']}").json() == created


def test_counts_and_time_of_change_follow_turns_and_memories(
    http: httpx.Client, session_id: str, new_turn: Any, new_memory: Any, engine_clock: Any
):
    engine_clock.advance(seconds=1)
    new_turn(session_id)
    new_turn(session_id)
    memory = new_memory(session_id)
    new_memory(session_id)
    http.delete(f"/v1/memories/{memory['id']}")

    session = http.get(f"/v1/sessions/{session_id}").json()

    assert (session["turn_count"], session["memory_count"]) == (2, 1)
    assert session["updated_at"] == "2026-01-02T03:04:06.000000Z"


def test_unknown_session_is_not_found(http: httpx.Client, error_of: Any):
    response = http.get("/v1/sessions/sess_000000000000")

    assert error_of(response) == (404, "session_not_found", "session_id")
    assert "check the id" in response.json()["error"]["message"]


class TestList:
    def test_newest_first_with_first_and_last_id(self, http: httpx.Client, new_session: Callable[..., str]):
        ids = [new_session() for _ in range(3)]

        page = http.get("/v1/sessions").json()

        assert [session["id"] for session in page["data"]] == ids[::-1]
        assert (page["has_more"], page["first_id"], page["last_id"]) == (False, ids[2], ids[0])

    def test_empty_page_has_no_first_and_last_id(self, http: httpx.Client):
        page = http.get("/v1/sessions").json()

        assert page == {"data": [], "has_more": False, "first_id": None, "last_id": None}

    def test_pages_follow_one_another(self, http: httpx.Client, new_session: Callable[..., str]):
        """`has_more` is exact also where the last page is full."""
        ids = [new_session() for _ in range(4)]

        first = http.get("/v1/sessions", params={"limit": 2}).json()
        second = http.get("/v1/sessions", params={"limit": 2, "starting_after": first["last_id"]}).json()

        assert [session["id"] for session in first["data"] + second["data"]] == ids[::-1]
        assert (first["has_more"], second["has_more"]) == (True, False)

    def test_default_limit_is_20(self, http: httpx.Client, new_session: Callable[..., str]):
        for _ in range(21):
            new_session()

        page = http.get("/v1/sessions").json()

        assert (len(page["data"]), page["has_more"]) == (20, True)

    @pytest.mark.parametrize("limit", ["0", "101", "-1", "x", "1.5", "9" * 30])
    def test_limit_out_of_range_is_422(self, http: httpx.Client, limit: str):
        response = http.get("/v1/sessions", params={"limit": limit})

        assert response.status_code == 422
        assert response.json()["detail"][0]["loc"] == ["query", "limit"]

    @pytest.mark.parametrize("cursor", ["sess_000000000000", "", "turn_x"])
    def test_unknown_cursor_is_400(self, http: httpx.Client, cursor: str, error_of: Any):
        response = http.get("/v1/sessions", params={"starting_after": cursor})

        assert error_of(response) == (400, "invalid_request", "starting_after")

    def test_filters_by_agent_and_user(self, http: httpx.Client, new_session: Callable[..., str]):
        new_session(agent_id="a", user_id="u")
        wanted = new_session(agent_id="b", user_id="u")
        new_session(agent_id="b", user_id="v")

        by_both = http.get("/v1/sessions", params={"agent_id": "b", "user_id": "u"}).json()
        by_agent = http.get("/v1/sessions", params={"agent_id": "b"}).json()
        by_user = http.get("/v1/sessions", params={"user_id": "u"}).json()

        assert [session["id"] for session in by_both["data"]] == [wanted]
        assert [len(page["data"]) for page in (by_agent, by_user)] == [2, 2]

    def test_times_are_exclusive(self, http: httpx.Client, new_session: Callable[..., str], engine_clock: Any):
        ids = []
        for _ in range(3):
            ids.append(new_session())
            engine_clock.advance(seconds=1)

        after = http.get("/v1/sessions", params={"created_after": "2026-01-02T03:04:05Z"}).json()
        before = http.get("/v1/sessions", params={"created_before": "2026-01-02T05:04:07+02:00"}).json()
        naive = http.get("/v1/sessions", params={"created_after": "2026-01-02T03:04:06"}).json()

        assert [session["id"] for session in after["data"]] == [ids[2], ids[1]]
        assert [session["id"] for session in before["data"]] == [ids[1], ids[0]]
        assert [session["id"] for session in naive["data"]] == [ids[2]]

    @pytest.mark.parametrize("time", ["yesterday", "0001-01-01T00:00:00+23:00", "9999-12-31T23:59:59-23:00"])
    def test_time_that_is_none_is_422(self, http: httpx.Client, time: str):
        assert http.get("/v1/sessions", params={"created_after": time}).status_code == 422

    @pytest.mark.parametrize(
        ("wanted", "found"),
        [
            ('{"tier": 1}', True),
            ('{"tier": 1.0}', True),
            ('{"tier": 1, "tags": {"y": [null], "x": true}}', True),
            ("{}", True),
            ('{"tier": true}', False),
            ('{"tier": "1"}', False),
            ('{"tier": 1, "other": null}', False),
            ('{"tags": {"x": true}}', False),
        ],
    )
    def test_metadata_has_to_equal_in_every_key(
        self, http: httpx.Client, new_session: Callable[..., str], wanted: str, found: bool
    ):
        new_session(metadata={"tier": 1, "tags": {"x": True, "y": [None]}})

        page = http.get("/v1/sessions", params={"metadata": wanted}).json()

        assert len(page["data"]) == int(found)

    def test_metadata_filter_counts_for_has_more(self, http: httpx.Client, new_session: Callable[..., str]):
        for number in range(6):
            new_session(metadata={"even": number % 2 == 0})

        page = http.get("/v1/sessions", params={"metadata": '{"even": true}', "limit": 2}).json()
        rest = http.get(
            "/v1/sessions", params={"metadata": '{"even": true}', "limit": 2, "starting_after": page["last_id"]}
        ).json()

        assert (len(page["data"]), page["has_more"], len(rest["data"]), rest["has_more"]) == (2, True, 1, False)

    @pytest.mark.parametrize("metadata", ["[]", "1", "null", "{", "", '"\\ud800"', "NaN"])
    def test_metadata_that_is_no_object_is_400(self, http: httpx.Client, metadata: str, error_of: Any):
        response = http.get("/v1/sessions", params={"metadata": metadata})

        assert error_of(response) == (400, "invalid_request", "metadata")


class TestUpdate:
    def test_metadata_replaces_the_whole(self, http: httpx.Client, new_session: Callable[..., str]):
        session_id = new_session(metadata={"a": 1, "b": 2})

        updated = http.patch(f"/v1/sessions/{session_id}", json={"metadata": {"c": 3}}).json()

        assert updated["metadata"] == http.get(f"/v1/sessions/{session_id}").json()["metadata"] == {"c": 3}

    def test_null_clears_metadata_and_absence_keeps_it(self, http: httpx.Client, new_session: Callable[..., str]):
        cleared, kept = new_session(metadata={"a": 1}), new_session(metadata={"a": 1})

        http.patch(f"/v1/sessions/{cleared}", json={"metadata": None})
        http.patch(f"/v1/sessions/{kept}", json={"ttl_seconds": 60})

        assert http.get(f"/v1/sessions/{cleared}").json()["metadata"] is None
        assert http.get(f"/v1/sessions/{kept}").json()["metadata"] == {"a": 1}

    def test_time_of_change_moves(self, http: httpx.Client, session_id: str, engine_clock: Any):
        engine_clock.advance(minutes=1)

        updated = http.patch(f"/v1/sessions/{session_id}", json={}).json()

        assert updated["updated_at"] == "2026-01-02T03:05:05.000000Z"
        assert http.get(f"/v1/sessions/{session_id}").json()["updated_at"] == updated["updated_at"]


class TestDelete:
    def test_everything_but_the_traces_goes(
        self, http: httpx.Client, session_id: str, new_turn: Any, new_memory: Any, error_of: Any
    ):
        turn = new_turn(session_id)
        memory = new_memory(session_id, "the launch code is 0000")
        entity = http.post(
            "/v1/entities",
            json={"session_id": session_id, "entity_type": "order", "entity_id": "1", "attributes": {}},
        ).json()

        response = http.delete(f"/v1/sessions/{session_id}")

        assert response.status_code == 204
        for path in ("", "/state", "/state/history", "/turns", f"/turns/{turn['id']}", "/history"):
            assert error_of(http.get(f"/v1/sessions/{session_id}{path}"))[:2] == (404, "session_not_found")
        assert error_of(http.get(f"/v1/memories/{memory['id']}"))[:2] == (404, "memory_not_found")
        assert error_of(http.get(f"/v1/entities/{entity['id']}"))[:2] == (404, "entity_not_found")
        assert http.get("/v1/memories", params={"query": "launch code", "threshold": 0}).json()["data"] == []
        assert http.get("/v1/sessions").json()["data"] == []
        assert len(http.get("/v1/traces", params={"session_id": session_id}).json()["data"]) == 5
        assert http.get(f"/v1/traces/sessions/{session_id}/traces").json()["data"][0]["action"] == "session.deleted"

    def test_second_time_is_not_found(self, http: httpx.Client, session_id: str, error_of: Any):
        http.delete(f"/v1/sessions/{session_id}")

        assert error_of(http.delete(f"/v1/sessions/{session_id}"))[:2] == (404, "session_not_found")

    def test_other_sessions_stay(
        self, http: httpx.Client, new_session: Callable[..., str], new_turn: Any, new_memory: Any
    ):
        deleted, kept = new_session(), new_session()
        for session in (deleted, kept):
            new_turn(session)
            new_memory(session)

        http.delete(f"/v1/sessions/{deleted}")

        session = http.get(f"/v1/sessions/{kept}").json()
        assert (session["turn_count"], session["memory_count"]) == (1, 1)
        assert len(http.get(f"/v1/sessions/{kept}/turns").json()["data"]) == 1
        assert len(http.get("/v1/memories", params={"query": "likes tea", "threshold": 0}).json()["data"]) == 1
