"""Memories: stored, got, changed, deleted, and found by searches."""

from __future__ import annotations

import re
from typing import Any, Callable

import httpx
import pytest

from statebase.local import Engine


@pytest.fixture
def search(http: httpx.Client) -> Callable[..., Any]:
    """Search, and return the ids of what is found."""

    def send(query: str, **parameters: Any) -> Any:
        response = http.get("/v1/memories", params={"query": query, "threshold": 0, **parameters})
        assert response.status_code == 200
        return [memory["id"] for memory in response.json()["data"]]

    return send


def test_memory_comes_back_as_it_was_stored(http: httpx.Client, session_id: str):
    body = {"content": "Likes tea", "type": "preference", "tags": ["drinks", "é"], "metadata": {"source": [1, None]}}

    created = http.post("/v1/memories", json={"session_id": session_id, **body}).json()

    assert re.fullmatch(r"mem_[a-z0-9]{12}", created["id"])
    assert {**body, "session_id": session_id, "created_at": "2026-01-02T03:04:05.000000Z"}.items() <= created.items()
    assert http.get(f"/v1/memories/{created['id']}").json() == created


def test_defaults(session_id: str, new_memory: Any):
    memory = new_memory(session_id)

    assert (memory["type"], memory["tags"], memory["metadata"]) == ("general", None, None)


@pytest.mark.parametrize(("length", "status"), [(1, 201), (10_000, 201), (10_001, 413)])
def test_length_of_content_is_limited(http: httpx.Client, session_id: str, length: int, status: int, error_of: Any):
    """In characters, not in bytes."""
    response = http.post("/v1/memories", json={"session_id": session_id, "content": "é" * length})

    assert response.status_code == status
    if status == 413:
        assert error_of(response) == (413, "content_too_large", "content")


@pytest.mark.parametrize("content", ["", None, 1])
def test_content_has_to_be_text(http: httpx.Client, session_id: str, content: Any):
    response = http.post("/v1/memories", json={"session_id": session_id, "content": content})

    assert response.status_code == 422
    assert response.json()["detail"][0]["loc"] == ["body", "content"]


@pytest.mark.parametrize(
    ("session", "status"), [("sess_000000000000", 404), (None, 422), (..., 422)], ids=["unknown", "null", "absent"]
)
def test_session_has_to_exist(http: httpx.Client, session: Any, status: int):
    body = {"content": "text"} if session is ... else {"content": "text", "session_id": session}

    response = http.post("/v1/memories", json=body)

    assert response.status_code == status
    assert status != 404 or response.json()["error"]["code"] == "session_not_found"


def test_memory_that_is_not_embedded_is_only_found_by_id(
    http: httpx.Client, session_id: str, new_memory: Any, search: Any
):
    memory = new_memory(session_id, "the launch code is 0000", embed=False)

    context = http.post(f"/v1/sessions/{session_id}/context", json={}).json()

    assert (memory["embedding_id"], memory["vector_available"]) == (None, False)
    assert search("the launch code is 0000") == []
    assert context["memories"] == []
    assert http.get(f"/v1/memories/{memory['id']}").json() == memory
    assert http.get(f"/v1/sessions/{session_id}").json()["memory_count"] == 1


class TestUpdate:
    def test_only_what_is_given_changes(self, http: httpx.Client, session_id: str, new_memory: Any, engine_clock: Any):
        memory = new_memory(session_id, "likes tea", type="fact", tags=["a"], metadata={"x": 1})
        engine_clock.advance(seconds=1)

        updated = http.put(f"/v1/memories/{memory['id']}", json={"type": "preference"}).json()

        assert updated == {
            "id": memory["id"],
            "updated_at": "2026-01-02T03:04:06.000000Z",
            "content": "likes tea",
            "type": "preference",
            "tags": ["a"],
            "version": 2,
            "object": "memory",
        }
        assert http.get(f"/v1/memories/{memory['id']}").json() == {**memory, "type": "preference"}

    def test_tags_replace_and_metadata_merges(self, http: httpx.Client, session_id: str, new_memory: Any):
        memory = new_memory(session_id, tags=["a", "b"], metadata={"x": {"y": 1}, "z": 1})

        http.put(f"/v1/memories/{memory['id']}", json={"tags": ["c"], "metadata": {"x": {"w": 2}, "n": None}})

        stored = http.get(f"/v1/memories/{memory['id']}").json()
        assert stored["tags"] == ["c"]
        assert stored["metadata"] == {"x": {"w": 2}, "z": 1, "n": None}

    def test_null_clears_tags_and_metadata_only(self, http: httpx.Client, session_id: str, new_memory: Any):
        memory = new_memory(session_id, tags=["a"], metadata={"x": 1}, type="fact")

        http.put(f"/v1/memories/{memory['id']}", json={"tags": None, "metadata": None, "content": None, "type": None})

        stored = http.get(f"/v1/memories/{memory['id']}").json()
        assert (stored["tags"], stored["metadata"]) == (None, None)
        assert (stored["content"], stored["type"]) == (memory["content"], "fact")

    def test_new_content_is_what_searches_find(self, http: httpx.Client, session_id: str, new_memory: Any, search: Any):
        memory = new_memory(session_id, "travels by bicycle")

        http.put(f"/v1/memories/{memory['id']}", json={"content": "collects stamps"})

        results = http.get("/v1/memories", params={"query": "collects stamps"}).json()["data"]
        assert [(result["id"], result["content"]) for result in results] == [(memory["id"], "collects stamps")]
        assert http.get("/v1/memories", params={"query": "travels by bicycle"}).json()["data"] == []

    def test_each_update_is_a_version(self, http: httpx.Client, session_id: str, new_memory: Any):
        memory = new_memory(session_id)

        versions = [http.put(f"/v1/memories/{memory['id']}", json={}).json()["version"] for _ in range(3)]

        assert versions == [2, 3, 4]

    @pytest.mark.parametrize(("content", "status"), [("", 422), ("x" * 10_001, 413)])
    def test_length_of_content_is_limited(
        self, http: httpx.Client, session_id: str, new_memory: Any, content: str, status: int
    ):
        memory = new_memory(session_id)

        response = http.put(f"/v1/memories/{memory['id']}", json={"content": content})

        assert response.status_code == status
        assert http.get(f"/v1/memories/{memory['id']}").json() == memory


def test_deleted_memory_is_gone(http: httpx.Client, session_id: str, new_memory: Any, search: Any, error_of: Any):
    memory, other = new_memory(session_id, "likes tea"), new_memory(session_id, "likes tea a lot")

    response = http.delete(f"/v1/memories/{memory['id']}")

    assert response.status_code == 204
    assert error_of(http.get(f"/v1/memories/{memory['id']}")) == (404, "memory_not_found", "memory_id")
    assert error_of(http.delete(f"/v1/memories/{memory['id']}"))[:2] == (404, "memory_not_found")
    assert search("likes tea") == [other["id"]]


def test_traces_hold_a_preview_never_the_text(http: httpx.Client, session_id: str, new_memory: Any):
    """Whether the text is long or short: the trace outlives the memory."""
    for content in ("x", "0000", "secret " * 100):
        memory = new_memory(session_id, content)
        http.put(f"/v1/memories/{memory['id']}", json={"content": content + "!", "metadata": {}})
        http.delete(f"/v1/memories/{memory['id']}")
        traces = http.get("/v1/traces", params={"resource_id": memory["id"]}).json()["data"]
        details = [http.get(f"/v1/traces/{trace['id']}").json()["details"] for trace in traces]

        assert [trace["action"] for trace in traces] == ["memory.deleted", "memory.updated", "memory.created"]
        assert (details[1]["version"], details[1]["fields"]) == (2, ["content", "metadata"])
        assert [content in details[2]["preview"], *(f"{content}!" in detail["preview"] for detail in details)] == [
            False
        ] * 4
        for detail in details:
            assert len(detail["preview"]) <= 101
            assert content.startswith(detail["preview"][:-1])


class TestSearch:
    def test_result_shows_the_memory_and_its_score(self, http: httpx.Client, session_id: str, new_memory: Any):
        memory = new_memory(session_id, "likes tea", type="fact", tags=["a"])

        answer = http.get("/v1/memories", params={"query": "likes tea"}).json()

        (result,) = answer["data"]
        assert answer["query"] == "likes tea"
        assert 0.7 <= result.pop("score") <= 1.0
        assert result == {
            "id": memory["id"],
            "session_id": session_id,
            "content": "likes tea",
            "type": "fact",
            "tags": ["a"],
            "created_at": memory["created_at"],
        }

    def test_best_first(self, http: httpx.Client, session_id: str, new_memory: Any):
        new_memory(session_id, "the weather in Oslo is cold")
        best = new_memory(session_id, "prefers window seats on trains")
        new_memory(session_id, "prefers trains")

        results = http.get("/v1/memories", params={"query": "prefers window seats on trains", "threshold": 0}).json()

        scores = [result["score"] for result in results["data"]]
        assert results["data"][0]["id"] == best["id"]
        assert scores == sorted(scores, reverse=True)

    def test_of_equal_score_the_newest_first(self, session_id: str, new_memory: Any, search: Any):
        ids = [new_memory(session_id, "likes tea")["id"] for _ in range(3)]

        assert search("likes tea") == ids[::-1]

    def test_session_narrows_to_itself(self, new_session: Any, new_memory: Any, search: Any):
        first, second = new_session(), new_session()
        new_memory(first)
        memory = new_memory(second)

        assert search("likes tea", session_id=second) == [memory["id"]]
        assert search("likes tea", session_id="sess_000000000000") == []

    @pytest.mark.parametrize(
        ("parameters", "found"),
        [
            ({"types": "fact"}, [0]),
            ({"types": "fact,policy"}, [1, 0]),
            ({"types": " fact , nothing "}, [0]),
            ({"types": "nothing"}, []),
            ({"types": ""}, [2, 1, 0]),
            ({"tags": "a"}, [1, 0]),
            ({"tags": "b,c"}, [2, 1]),
            ({"tags": "a", "types": "policy"}, [1]),
            ({"tags": "c", "types": "fact"}, []),
        ],
    )
    def test_any_of_the_types_and_any_of_the_tags(
        self, session_id: str, new_memory: Any, search: Any, parameters: Any, found: Any
    ):
        ids = [
            new_memory(session_id, type="fact", tags=["a", "a"])["id"],
            new_memory(session_id, type="policy", tags=["a", "b"])["id"],
            new_memory(session_id, type="event", tags=["c"])["id"],
        ]

        assert search("likes tea", **parameters) == [ids[number] for number in found]

    def test_changed_labels_count(self, http: httpx.Client, session_id: str, new_memory: Any, search: Any):
        memory = new_memory(session_id, type="fact", tags=["a"])
        assert search("likes tea", tags="a", types="fact") == [memory["id"]]

        http.put(f"/v1/memories/{memory['id']}", json={"type": "event", "tags": ["b"]})

        assert search("likes tea", tags="a") == search("likes tea", types="fact") == []
        assert search("likes tea", tags="b", types="event") == [memory["id"]]

    def test_top_k_limits(self, session_id: str, new_memory: Any, search: Any):
        for _ in range(12):
            new_memory(session_id)

        assert (len(search("likes tea")), len(search("likes tea", top_k=3))) == (10, 3)

    @pytest.mark.parametrize(
        "parameters",
        [{"top_k": 0}, {"top_k": 51}, {"threshold": -0.1}, {"threshold": 1.1}, {"threshold": "nan"}, {"query": None}],
    )
    def test_parameters_are_checked(self, http: httpx.Client, parameters: Any):
        given = {key: value for key, value in {"query": "tea", **parameters}.items() if value is not None}

        assert http.get("/v1/memories", params=given).status_code == 422

    def test_too_many_labels_are_400(self, http: httpx.Client, error_of: Any):
        labels = ",".join(map(str, range(501)))

        assert error_of(http.get("/v1/memories", params={"query": "tea", "tags": labels}))[2] == "tags"

    @pytest.mark.parametrize("query", ["", "  ", "\x00", "?!", '"', "NEAR(", "a OR b*", "column:tea", "é" * 5000])
    def test_any_text_is_a_query(self, http: httpx.Client, session_id: str, new_memory: Any, query: str):
        new_memory(session_id)

        response = http.get("/v1/memories", params={"query": query})

        assert response.status_code == 200
        assert response.json()["query"] == query


class TestWithEmbedder:
    """The effects of a custom embedder."""

    @pytest.fixture
    def http(self, open_engine: Callable[..., Engine], make_http: Any) -> httpx.Client:
        pytest.importorskip("numpy")

        def letters(texts: Any) -> Any:
            return [[text.count(letter) + 0.01 for letter in "abcdefghijklmnopqrstuvwxyz"] for text in texts]

        client: httpx.Client = make_http(open_engine(embedder=letters))
        return client

    def test_embedded_memory_has_a_vector(self, session_id: str, new_memory: Any):
        memory = new_memory(session_id)

        assert re.fullmatch(r"vec_[a-z0-9]{12}", memory["embedding_id"])
        assert memory["vector_available"] is True

    def test_new_content_has_a_new_vector(self, http: httpx.Client, session_id: str, new_memory: Any):
        memory = new_memory(session_id)

        http.put(f"/v1/memories/{memory['id']}", json={"type": "fact"})
        same = http.get(f"/v1/memories/{memory['id']}").json()["embedding_id"]
        http.put(f"/v1/memories/{memory['id']}", json={"content": "collects stamps"})
        other = http.get(f"/v1/memories/{memory['id']}").json()["embedding_id"]

        assert same == memory["embedding_id"]
        assert other not in (same, None)

    def test_health_names_the_embedder(self, http: httpx.Client):
        assert http.get("/health").json()["services"]["vectors"]["embedder"].endswith("letters")
