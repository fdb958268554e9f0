"""Memories of users in the engine, on both databases: batches, homes, filters, expiry, similar memories."""

from __future__ import annotations

import threading
from typing import Any, Dict, List

import httpx
import pytest

from statebase.local import Engine, LocalTransport
from statebase.testing import FrozenClock

BASE_URL = "http://engine"


def add(http: httpx.Client, *contents: str, **body: Any) -> List[Dict[str, Any]]:
    memories = [{"content": content} for content in contents]
    response = http.post("/v1/memories/batch", json={"memories": memories, **({"user_id": "ada"} | body)})
    assert response.status_code == 201, response.text
    data: List[Dict[str, Any]] = response.json()["data"]
    return data


def listed(http: httpx.Client, **query: Any) -> List[str]:
    response = http.get("/v1/memories/list", params={"user_id": "ada", **query})
    assert response.status_code == 200, response.text
    return [memory["content"] for memory in response.json()["data"]]


def test_batch_is_stored_as_a_whole(http: httpx.Client) -> None:
    """One item that is not valid, and nothing is stored; the error names it."""
    memories = [{"content": "One"}, {"content": "x" * 10_001}]

    response = http.post("/v1/memories/batch", json={"user_id": "ada", "memories": memories})

    assert (response.status_code, response.json()["error"]["param"]) == (413, "memories[1].content")
    assert listed(http) == []
    assert http.get("/v1/sessions").json()["data"] == []


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({"memories": [{"content": "a"}]}, ["body", "session_id"]),
        ({"memories": [{"content": "a"}], "user_id": "ada", "session_id": "sess_1"}, ["body", "session_id"]),
        ({"memories": [{"content": "a"}], "user_id": ""}, ["body", "user_id"]),
        ({"memories": [], "user_id": "ada"}, ["body", "memories"]),
        ({"memories": [{"content": "a"}] * 101, "user_id": "ada"}, ["body", "memories"]),
        ({"memories": [{"content": "a"}] * 2, "user_id": "ada", "unless_similar": 0.9}, ["body", "unless_similar"]),
        ({"memories": [{"content": "a"}], "user_id": "ada", "unless_similar": 0}, ["body", "unless_similar"]),
        ({"memories": [{"content": "a", "expires_in": 0}], "user_id": "ada"}, ["body", "memories", 0, "expires_in"]),
        ({"memories": [{"content": "a", "expires_in": True}], "user_id": "ada"}, ["body", "memories", 0, "expires_in"]),
        ({"memories": [{"content": "a\0"}], "user_id": "ada"}, ["body", "memories", 0, "content"]),
        ({"memories": [{"content": "a"}], "user_id": "a\0"}, ["body", "user_id"]),
    ],
)
def test_invalid_batches(http: httpx.Client, body: Any, place: Any) -> None:
    response = http.post("/v1/memories/batch", json=body)

    assert response.status_code == 422
    assert response.json()["detail"][0]["loc"] == place


def test_session_of_a_batch_must_exist(http: httpx.Client) -> None:
    body = {"memories": [{"content": "a"}], "session_id": "sess_000000000000"}

    response = http.post("/v1/memories/batch", json=body)

    assert (response.status_code, response.json()["error"]["code"]) == (404, "session_not_found")


def test_repeated_batch_is_stored_once(http: httpx.Client) -> None:
    """Also after one of its memories was deleted; the stored response has no content. Not if the session is deleted."""
    body = {"user_id": "ada", "memories": [{"content": "One"}, {"content": "Two"}]}
    first = http.post("/v1/memories/batch", json=body, headers={"Idempotency-Key": "key"})
    http.delete(f"/v1/memories/{first.json()['data'][1]['id']}")

    second = http.post("/v1/memories/batch", json=body, headers={"Idempotency-Key": "key"})

    assert second.headers["idempotent-replayed"] == "true"
    assert second.json() == first.json()
    assert "One" not in first.text
    assert listed(http) == ["One"]
    http.delete(f"/v1/sessions/{first.json()['data'][0]['session_id']}")
    assert http.post("/v1/memories/batch", json=body, headers={"Idempotency-Key": "key"}).status_code == 404


def test_racing_writers_share_one_session(engine: Engine) -> None:
    """The first one makes the session of the user."""
    barrier = threading.Barrier(4)
    found: List[str] = []

    def write() -> None:
        client = httpx.Client(transport=LocalTransport(engine), base_url=BASE_URL)
        barrier.wait()
        found.append(add(client, "text")[0]["session_id"])

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(found) == 4
    assert len(set(found)) == 1


def test_racing_writers_store_one_of_the_same(engine: Engine) -> None:
    """Comparing and storing are one transaction."""
    barrier = threading.Barrier(4)
    found: List[bool] = []

    def write() -> None:
        client = httpx.Client(transport=LocalTransport(engine), base_url=BASE_URL)
        barrier.wait()
        found.append(add(client, "Prefers tea over coffee", unless_similar=0.9)[0]["is_new"])

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(found) == [False, False, False, True]


@pytest.mark.parametrize("embedder", ["default", None])
def test_similarity(open_engine: Any, make_http: Any, embedder: Any) -> None:
    """The same text is, a text about something else is not, whatever is searched by; nor is a text without meaning."""
    http = make_http(open_engine(**({} if embedder == "default" else {"embedder": None})))
    add(http, "Likes tea", "Works at the harbour")

    def is_new(text: str, least: float, **body: Any) -> bool:
        return bool(add(http, text, unless_similar=least, **body)[0]["is_new"])

    assert not is_new("Likes tea", 1.0)
    assert is_new("Likes milk", 0.9)
    assert not is_new("Likes milk", 1.0)
    assert is_new("🍵", 0.9)
    assert is_new("Likes tea", 0.9, user_id="bob")


def test_response_that_names_a_similar_memory_goes_with_it(http: httpx.Client) -> None:
    """A repetition under the key is a 404 after the memory was deleted, and stores nothing."""
    (first,) = add(http, "Likes tea")
    body = {"user_id": "ada", "memories": [{"content": "Likes tea"}], "unless_similar": 0.9}
    same = http.post("/v1/memories/batch", json=body, headers={"Idempotency-Key": "key"}).json()["data"][0]
    http.delete(f"/v1/memories/{first['id']}")

    again = http.post("/v1/memories/batch", json=body, headers={"Idempotency-Key": "key"})

    assert (same["id"], same["is_new"]) == (first["id"], False)
    assert again.status_code == 404
    assert listed(http) == []


def test_expired_memories_are_removed_by_writes(http: httpx.Client, engine: Engine, engine_clock: FrozenClock) -> None:
    """With words, vectors and labels; the counter of the session follows."""
    (memory,) = add(http, "Likes tea", memories=[{"content": "Likes tea", "tags": ["a"], "expires_in": 60}])
    engine_clock.advance(seconds=60)

    assert http.get(f"/v1/memories/{memory['id']}").status_code == 404
    assert listed(http) == []
    engine._core.chores.do(engine._core.now_us())
    with engine._core.store.database.read():
        tables = ("memories", "memory_tags", "memory_terms", "memory_vectors")
        left = [engine._core.store.database.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables]
    assert left == [0, 0, 0, 0]
    assert http.get(f"/v1/sessions/{memory['session_id']}").json()["memory_count"] == 0


def test_metadata_filter(http: httpx.Client) -> None:
    """Equal as JSON on both databases: 1 is 1.0 and not true; nested values as a whole; hostile names."""
    metadata: List[Any] = [
        {"n": 1},
        {"n": True},
        {"n": "1"},
        {"n": None},
        {"x": {"a": [1, {"b": None}]}},
        {"'\"\\%_": "é\u2028"},
        {"n": 10**30},
        None,
    ]
    for number, each in enumerate(metadata):
        add(http, memories=[{"content": str(number), "metadata": each}])

    def found(text: str) -> List[str]:
        return listed(http, metadata=text)

    assert found('{"n": 1.0}') == ["0"]
    assert found('{"n": true}') == ["1"]
    assert found('{"n": "1"}') == ["2"]
    assert found('{"n": null}') == ["3"]
    assert found('{"x": {"a": [1.0, {"b": null}]}}') == ["4"]
    assert found('{"x": {"a": [1]}}') == []
    assert found('{"\'\\"\\\\%_": "é\\u2028"}') == ["5"]
    assert found(f'{{"n": {10**30}}}') == ["6"]
    assert len(found("{}")) == 8


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ({"metadata": "[]"}, "metadata"),
        ({"metadata": "{"}, "metadata"),
        ({"page": "x"}, "page"),
        ({"page": "-1"}, "page"),
        ({"starting_after": "mem_000000000000"}, "starting_after"),
    ],
)
def test_invalid_lists(http: httpx.Client, query: Any, param: str) -> None:
    response = http.get("/v1/memories/list", params={"user_id": "ada", **query})

    assert (response.status_code, response.json()["error"]["param"]) == (400, param)


@pytest.mark.parametrize("path", ["search", "list"])
@pytest.mark.parametrize("name", ["metadata", "created_after", "created_before"])
def test_filter_that_would_compare_all_memories(http: httpx.Client, path: str, name: str) -> None:
    value = "{}" if name == "metadata" else "2026-01-01T00:00:00Z"

    response = http.get(f"/v1/memories/{path}", params={"query": "tea", name: value})

    assert (response.status_code, response.json()["error"]["param"]) == (400, name)
