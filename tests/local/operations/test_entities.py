"""Entities: one for each type and id in a session, merged by updates."""

from __future__ import annotations

from typing import Any, Callable

import httpx
import pytest


@pytest.fixture
def create(http: httpx.Client) -> Callable[..., httpx.Response]:
    def send(session_id: str, entity_id: str = "1", entity_type: str = "order", **attributes: Any) -> httpx.Response:
        body = {
            "session_id": session_id,
            "entity_type": entity_type,
            "entity_id": entity_id,
            "attributes": attributes,
        }
        return http.post("/v1/entities", json=body)

    return send


def test_entity_comes_back_as_it_was_stored(http: httpx.Client, session_id: str, create: Any):
    created = create(session_id, total=9.5, items=[{"sku": "a"}]).json()

    assert created.pop("id").startswith("ent_")
    assert created == {
        "session_id": session_id,
        "entity_type": "order",
        "entity_id": "1",
        "attributes": {"total": 9.5, "items": [{"sku": "a"}]},
        "created_at": "2026-01-02T03:04:05.000000Z",
        "updated_at": "2026-01-02T03:04:05.000000Z",
        "version": 1,
        "object": "entity",
    }


def test_get_returns_what_was_created(http: httpx.Client, session_id: str, create: Any):
    created = create(session_id, a=1).json()

    assert http.get(f"/v1/entities/{created['id']}").json() == created


def test_second_of_the_same_is_a_conflict(http: httpx.Client, new_session: Any, create: Any, error_of: Any):
    session_id = new_session()
    create(session_id, a=1)

    response = create(session_id, a=2)

    assert error_of(response) == (409, "conflict", "entity_id")
    for other in (create(session_id, "2"), create(session_id, entity_type="user"), create(new_session())):
        assert other.status_code == 201


def test_deleted_one_makes_room(http: httpx.Client, session_id: str, create: Any, error_of: Any):
    entity = create(session_id).json()

    response = http.delete(f"/v1/entities/{entity['id']}")

    assert response.status_code == 204
    assert error_of(http.get(f"/v1/entities/{entity['id']}")) == (404, "entity_not_found", "entity_id")
    assert create(session_id).status_code == 201


def test_update_merges_at_the_top_level(http: httpx.Client, session_id: str, create: Any, engine_clock: Any):
    entity = create(session_id, a={"x": 1}, b=1, c=2).json()
    engine_clock.advance(seconds=1)

    updated = http.put(f"/v1/entities/{entity['id']}", json={"attributes": {"a": {"y": 2}, "b": None}}).json()

    assert updated == {
        "id": entity["id"],
        "updated_at": "2026-01-02T03:04:06.000000Z",
        "attributes": {"a": {"y": 2}, "b": None, "c": 2},
        "version": 2,
        "object": "entity",
    }
    stored = http.get(f"/v1/entities/{entity['id']}").json()
    assert {**entity, **updated} == stored


@pytest.mark.parametrize("attributes", [None, [], "text"])
def test_attributes_have_to_be_an_object(http: httpx.Client, session_id: str, create: Any, attributes: Any):
    entity = create(session_id).json()

    assert http.put(f"/v1/entities/{entity['id']}", json={"attributes": attributes}).status_code == 422


class TestList:
    def test_newest_first_in_pages(self, http: httpx.Client, session_id: str, create: Any):
        ids = [create(session_id, str(number)).json()["id"] for number in range(4)]

        first = http.get("/v1/entities", params={"limit": 2}).json()
        second = http.get("/v1/entities", params={"limit": 2, "starting_after": ids[2]}).json()

        assert [item["id"] for item in first["data"] + second["data"]] == ids[::-1]
        assert (first["has_more"], second["has_more"]) == (True, False)
        assert first["data"][0].keys() == {"id", "entity_type", "entity_id", "created_at", "object"}

    def test_filters_combine(self, http: httpx.Client, new_session: Any, create: Any):
        first, second = new_session(), new_session()
        wanted = create(first, entity_type="user").json()["id"]
        create(first)
        create(second, entity_type="user")

        both = http.get("/v1/entities", params={"session_id": first, "entity_type": "user"}).json()["data"]
        by_type = http.get("/v1/entities", params={"entity_type": "user"}).json()["data"]
        unknown = http.get("/v1/entities", params={"session_id": "sess_000000000000"}).json()["data"]

        assert [item["id"] for item in both] == [wanted]
        assert (len(by_type), unknown) == (2, [])

    def test_unknown_cursor_is_400(self, http: httpx.Client, error_of: Any):
        response = http.get("/v1/entities", params={"starting_after": "ent_000000000000"})

        assert error_of(response) == (400, "invalid_request", "starting_after")

    @pytest.mark.parametrize("limit", [0, 101])
    def test_limit_out_of_range_is_422(self, http: httpx.Client, limit: int):
        assert http.get("/v1/entities", params={"limit": limit}).status_code == 422
