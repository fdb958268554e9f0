"""An idempotency key makes a request take effect once, and gives its first answer again for a day."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path
from typing import Any, Callable, List

import httpx
import pytest

from statebase._generated.operations import OPERATIONS
from statebase.local import Engine

KEY = {"Idempotency-Key": "key-1"}
KEYED = [
    operation
    for operation in OPERATIONS.values()
    if operation.method in ("POST", "PATCH") and operation.id != "write_batch"
]  # each of its writes has a key
LARGE_STATE = {f"key{number}": "some text " * 20 for number in range(50)}

BODIES: Any = {
    "create_session": {"agent_id": "a", "initial_state": LARGE_STATE},
    "update_session": {"metadata": {"a": 1}},
    "get_context": {"query": "likes tea"},
    "fork_session": {},
    "create_turn": {
        "input": {"type": "text", "content": "hi"},
        "output": {"type": "text", "content": "ho"},
        "state_after": {**LARGE_STATE, "b": 1},
    },
    "update_state": {"state": {"b": 1}},
    "rollback_state": {"version": 0},
    "create_memory": {"content": "likes tea"},
    "create_memories": {"memories": [{"content": "likes tea"}]},
    "create_entity": {"entity_type": "order", "entity_id": "1", "attributes": {}},
    "create_api_key": {"name": "n"},
    "erase_user": {"user_id": "ada"},
}


@pytest.fixture
def large(new_session: Any) -> str:
    return str(new_session(initial_state=LARGE_STATE))


@pytest.mark.parametrize("operation", KEYED, ids=lambda operation: operation.id)
def test_same_request_gets_the_first_answer_again(http: httpx.Client, large: str, operation: Any):
    """Every POST and PATCH: byte for byte, and without a second effect."""
    body = BODIES[operation.id]
    if operation.id in ("create_memory", "create_memories", "create_entity"):
        body = {**body, "session_id": large}
    path = operation.path.format(session_id=large)

    first = http.request(operation.method, path, json=body, headers=KEY)
    traces = http.get("/v1/traces").json()
    second = http.request(operation.method, path, json=body, headers=KEY)

    assert first.status_code == second.status_code == operation.status
    assert first.content == second.content
    assert ("Idempotent-Replayed" in first.headers, second.headers["Idempotent-Replayed"]) == (False, "true")
    assert http.get("/v1/traces").json() == traces


def test_answer_is_the_first_one_also_when_things_have_moved_on(http: httpx.Client, large: str):
    path = f"/v1/sessions/{large}/state"
    first = http.patch(path, json={"state": {"b": 1}}, headers=KEY)
    for number in range(5):
        http.patch(path, json={"state": {"b": 2, f"key{number}": "other"}})

    assert http.patch(path, json={"state": {"b": 1}}, headers=KEY).content == first.content


def test_answer_is_not_given_again_after_the_session_was_deleted(http: httpx.Client, large: str, error_of: Any):
    """Its content is gone with the session; and the write does not happen a second time."""
    path = f"/v1/sessions/{large}/state"
    http.patch(path, json={"state": {"b": 1}}, headers=KEY)
    http.delete(f"/v1/sessions/{large}")

    again = http.patch(path, json={"state": {"b": 1}}, headers=KEY)

    assert error_of(again) == (404, "resource_not_found", "Idempotency-Key")


@pytest.mark.parametrize("other", [b'{"agent_id": "b"}', b'{"agent_id":"a"}', b"", b"{"])
def test_other_body_is_a_conflict(http: httpx.Client, other: bytes, error_of: Any):
    http.post("/v1/sessions", content=b'{"agent_id": "a"}', headers=KEY)

    response = http.post("/v1/sessions", content=other, headers=KEY)

    assert error_of(response) == (409, "conflict", "Idempotency-Key")
    assert len(http.get("/v1/sessions").json()["data"]) == 1


def test_key_belongs_to_a_method_and_a_path(http: httpx.Client, new_session: Any):
    first, second = new_session(), new_session()

    for session in (first, second):
        response = http.patch(f"/v1/sessions/{session}", json={"metadata": {}}, headers=KEY)
        assert "Idempotent-Replayed" not in response.headers
    forked = http.post(f"/v1/sessions/{first}/fork", json={}, headers=KEY)

    assert forked.status_code == 201


def test_key_belongs_to_who_asks(http: httpx.Client):
    """Two agents that number their requests must not get one another's answers."""
    keys = [http.post("/v1/dashboard/keys", json={"name": "n"}).json()["full_key"] for _ in range(2)]

    ids = {
        http.post("/v1/sessions", json={"agent_id": "a"}, headers={**KEY, "X-API-Key": key}).json()["id"]
        for key in keys
    }

    assert len(ids) == 2


def test_answer_is_kept_for_a_day(http: httpx.Client, engine_clock: Any):
    first = http.post("/v1/sessions", json={"agent_id": "a"}, headers=KEY)

    engine_clock.advance(hours=24, microseconds=-1)
    second = http.post("/v1/sessions", json={"agent_id": "a"}, headers=KEY)
    engine_clock.advance(microseconds=1)
    third = http.post("/v1/sessions", json={"agent_id": "a"}, headers=KEY)

    assert first.json()["id"] == second.json()["id"] != third.json()["id"]


def test_answer_survives_a_restart(open_engine: Any, make_http: Any, store_path: Path):
    engine = open_engine(store_path)
    first = make_http(engine).post("/v1/sessions", json={"agent_id": "a"}, headers=KEY)
    engine.close()

    second = make_http(open_engine(store_path)).post("/v1/sessions", json={"agent_id": "a"}, headers=KEY)

    assert second.content == first.content


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/v1/sessions/sess_000000000000/fork", {}, 404),
        ("/v1/sessions", {"agent_id": 1}, 422),
        ("/v1/memories", {"session_id": "sess_000000000000", "content": "x" * 10_001}, 413),
    ],
)
def test_answer_that_says_what_is_wrong_is_kept_too(http: httpx.Client, path: str, body: Any, status: int):
    first = http.post(path, json=body, headers=KEY)

    second = http.post(path, json=body, headers=KEY)

    assert first.status_code == second.status_code == status
    assert first.content == second.content
    assert second.headers["Idempotent-Replayed"] == "true"


def test_conflict_of_entities_is_kept_though_the_entity_is_gone(http: httpx.Client, session_id: str):
    body = {"session_id": session_id, "entity_type": "order", "entity_id": "1", "attributes": {}}
    entity = http.post("/v1/entities", json=body).json()
    first = http.post("/v1/entities", json=body, headers=KEY)
    http.delete(f"/v1/entities/{entity['id']}")

    second = http.post("/v1/entities", json=body, headers=KEY)

    assert (first.status_code, second.status_code) == (409, 409)


def test_429_is_not_kept(engine: Engine, make_http: Any, engine_clock: Any):
    http = make_http(engine, rate_limit=1)
    http.get("/v1/sessions")
    assert http.post("/v1/sessions", json={"agent_id": "a"}, headers=KEY).status_code == 429

    engine_clock.advance(minutes=1)

    response = http.post("/v1/sessions", json={"agent_id": "a"}, headers=KEY)
    assert (response.status_code, "Idempotent-Replayed" in response.headers) == (201, False)


def test_500_is_not_kept(open_engine: Any, make_http: Any):
    """An embedder that fails once must not fail the write for a day."""
    pytest.importorskip("numpy")
    failures = [ConnectionError("the model is away")]

    def embed(texts: Any) -> Any:
        if failures:
            raise failures.pop()
        return [[1.0, float(len(text))] for text in texts]

    http = make_http(open_engine(embedder=embed))
    session_id = http.post("/v1/sessions", json={"agent_id": "a"}).json()["id"]
    body = {"session_id": session_id, "content": "likes tea"}

    with pytest.raises(ConnectionError, match="the model is away"):
        http.post("/v1/memories", json=body, headers=KEY)

    assert http.post("/v1/memories", json=body, headers=KEY).status_code == 201


def test_401_is_not_kept(engine: Engine, make_http: Any):
    http = make_http(engine, api_key="sb_secret")
    assert http.post("/v1/sessions", json={"agent_id": "a"}, headers=KEY).status_code == 401

    response = http.post("/v1/sessions", json={"agent_id": "a"}, headers={**KEY, "X-API-Key": "sb_secret"})

    assert response.status_code == 201


@pytest.mark.parametrize(("length", "status"), [(255, 201), (256, 400)])
def test_length_of_the_key_is_limited(http: httpx.Client, length: int, status: int):
    response = http.post("/v1/sessions", json={"agent_id": "a"}, headers={"Idempotency-Key": "k" * length})

    assert response.status_code == status
    if status == 400:
        assert response.json()["error"]["param"] == "Idempotency-Key"


def test_put_makes_one_version_for_a_key(http: httpx.Client, session_id: str):
    """PUT leaves the same content however often it comes, but without a key each time makes a version."""
    memory = http.post("/v1/memories", json={"session_id": session_id, "content": "tea"}).json()
    entity = {"session_id": session_id, "entity_type": "order", "entity_id": "1", "attributes": {}}
    entity = http.post("/v1/entities", json=entity).json()
    puts = [
        (f"/v1/sessions/{session_id}/state", {"state": {"a": 1}}),
        (f"/v1/memories/{memory['id']}", {"content": "coffee"}),
        (f"/v1/entities/{entity['id']}", {"attributes": {"a": 1}}),
    ]

    for path, body in puts:
        first = http.put(path, json=body, headers=KEY)
        again = http.put(path, json=body, headers=KEY)
        without = http.put(path, json=body)

        assert again.content == first.content
        assert again.headers["Idempotent-Replayed"] == "true"
        assert without.json()["version"] == first.json()["version"] + 1


def test_delete_takes_no_key(http: httpx.Client, session_id: str):
    deletions = [http.delete(f"/v1/sessions/{session_id}", headers=KEY).status_code for _ in range(2)]

    assert deletions == [204, 404]


def test_same_request_at_the_same_time_takes_effect_once(http: httpx.Client, session_id: str):
    answers = []

    def send() -> None:
        body = {"input": {"type": "text", "content": "a"}, "output": {"type": "text", "content": "b"}}
        answers.append(http.post(f"/v1/sessions/{session_id}/turns", json=body, headers=KEY))

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len({answer.content for answer in answers}) == 1
    assert sum("Idempotent-Replayed" not in answer.headers for answer in answers) == 1
    assert http.get(f"/v1/sessions/{session_id}").json()["turn_count"] == 1


class TestWithEmbedder:
    """The embedder is called before the transaction, so that a repetition may come while it works."""

    @pytest.fixture
    def texts(self) -> List[str]:
        """The texts that the embedder was called with."""
        return []

    @pytest.fixture
    def meeting(self) -> threading.Barrier:
        """The barrier at which requests that store the memory wait for one another."""
        return threading.Barrier(1)

    @pytest.fixture
    def memories(self, open_engine: Any, make_http: Any, texts: List[str], meeting: threading.Barrier) -> httpx.Client:
        pytest.importorskip("numpy")

        def embed(batch: Any) -> Any:
            texts.extend(batch)
            if "likes tea" in batch:
                meeting.wait(timeout=30)
            return [[1.0, float(len(text))] for text in batch]

        client: httpx.Client = make_http(open_engine(embedder=embed))
        return client

    def test_repetition_is_not_embedded_again(self, memories: httpx.Client, texts: List[str]):
        session_id = memories.post("/v1/sessions", json={"agent_id": "a"}).json()["id"]

        for _ in range(2):
            memories.post("/v1/memories", json={"content": "likes tea", "session_id": session_id}, headers=KEY)

        assert texts.count("likes tea") == 1

    @pytest.mark.parametrize("meeting", [threading.Barrier(2)])
    @pytest.mark.parametrize("same_body", [True, False])
    def test_one_that_comes_meanwhile_has_no_effect(
        self, memories: httpx.Client, meeting: threading.Barrier, same_body: bool
    ):
        session_id = memories.post("/v1/sessions", json={"agent_id": "a"}).json()["id"]
        answers = []

        def send(kind: str) -> None:
            body = {"content": "likes tea", "session_id": session_id, "type": kind}
            answers.append(memories.post("/v1/memories", json=body, headers=KEY))

        threads = [threading.Thread(target=send, args=("fact" if same_body else kind,)) for kind in ("fact", "event")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        statuses = sorted(answer.status_code for answer in answers)
        assert statuses == ([201, 201] if same_body else [201, 409])
        assert len({answer.content for answer in answers}) == (1 if same_body else 2)
        assert memories.get(f"/v1/sessions/{session_id}").json()["memory_count"] == 1


class TestRoom:
    """Answers that repeat a state do not store it again."""

    @pytest.fixture
    def size(self, open_engine: Any, make_http: Any, store_path: Path) -> Callable[[Callable[[Any, str], None]], int]:
        """Return by how many bytes a file grows when something is done in a session with a large state."""

        def measure(action: Callable[[Any, str], None]) -> int:
            engine = open_engine(store_path, durability="normal")
            http = make_http(engine)
            session_id = http.post("/v1/sessions", json={"agent_id": "a", "initial_state": LARGE_STATE}).json()["id"]
            before = http.get("/v1/dashboard/stats").json()["stats"]["storage_usage_bytes"]
            action(http, session_id)
            return int(http.get("/v1/dashboard/stats").json()["stats"]["storage_usage_bytes"]) - before

        return measure

    def test_of_patches_and_turns(self, size: Any):
        def write(http: httpx.Client, session_id: str) -> None:
            turn = {"input": {"type": "text", "content": "a"}, "output": {"type": "text", "content": "b"}}
            for number in range(100):
                key = {"Idempotency-Key": str(number)}
                http.patch(f"/v1/sessions/{session_id}/state", json={"state": {"n": number}}, headers=key)
                http.post(f"/v1/sessions/{session_id}/turns", json=turn, headers=key)

        # 200 answers with a state of 10 KB each, which is 2 MB.
        assert size(write) < 250_000

    def test_old_answers_are_removed(self, open_engine: Any, make_http: Any, engine_clock: Any, store_path: Path):
        """With the state versions of a deleted session that were kept for them."""
        engine = open_engine(store_path)
        http = make_http(engine)
        session_id = http.post(
            "/v1/sessions", json={"agent_id": "a", "initial_state": LARGE_STATE}, headers=KEY
        ).json()["id"]
        http.delete(f"/v1/sessions/{session_id}")
        engine_clock.advance(hours=25)
        http.post("/v1/sessions", json={"agent_id": "b"}, headers={"Idempotency-Key": "other"})
        engine.backup(store_path.with_suffix(".copy"))

        copy = sqlite3.connect(store_path.with_suffix(".copy"))
        counts = [
            copy.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in ("answers", "state_versions")
        ]
        copy.close()
        assert counts == [1, 1]
