"""U+0000, which PostgreSQL stores in no text, is refused on every database, with its place in the request."""

from __future__ import annotations

from typing import Any, Iterator, List, Tuple

import httpx
import pytest

from statebase._generated.operations import OPERATIONS

TEXT = "secret\0text"
PART = {"type": "text", "content": "hi"}
BODIES = {
    "create_session": {"agent_id": "a", "user_id": "u", "initial_state": {"k": ["v"]}, "metadata": {"k": "v"}},
    "update_session": {"metadata": {"k": "v"}},
    "update_state": {"state": {"k": {"n": ["v"]}}, "reasoning": "r"},
    "replace_state": {"state": {"k": {"n": ["v"]}}, "reasoning": "r"},
    "rollback_state": {"version": 0, "reason": "r"},
    "create_turn": {
        "input": PART,
        "output": PART,
        "metadata": {"k": "v"},
        "reasoning": "r",
        "state_before": {"k": "v"},
        "state_after": {"k": "v"},
    },
    "create_memory": {"session_id": "s", "content": "c", "type": "t", "tags": ["x"], "metadata": {"k": "v"}},
    "create_memories": {
        "memories": [{"content": "c", "type": "t", "tags": ["x"], "metadata": {"k": "v"}}],
        "session_id": "s",
    },
    "update_memory": {"content": "c", "type": "t", "tags": ["x"], "metadata": {"k": "v"}},
    "get_context": {"query": "q"},
    "create_entity": {"session_id": "s", "entity_type": "t", "entity_id": "i", "attributes": {"k": "v"}},
    "update_entity": {"attributes": {"k": "v"}},
    "create_api_key": {"name": "n", "owner_id": "o"},
    "erase_user": {"user_id": "u", "cursor": "c"},
    "write_batch": {
        "writes": [
            {"operation": "create_turn", "idempotency_key": "a", "body": {"input": PART, "output": PART}},
            {"operation": "replace_state", "idempotency_key": "b", "body": {"state": {"k": "v"}, "reasoning": "r"}},
        ]
    },
}


def places(value: Any, path: Tuple[Any, ...] = ()) -> Iterator[Tuple[Any, Tuple[Any, ...]]]:
    """Yield a body with the character in each of its texts and of its inner keys, and the place that the error names."""
    if isinstance(value, str):
        yield TEXT, path
    elif isinstance(value, list):
        for number, item in enumerate(value):
            for changed, place in places(item, (*path, number)):
                yield [*value[:number], changed, *value[number + 1 :]], place
    elif isinstance(value, dict):
        for key, member in value.items():
            if path:
                yield {**value, TEXT: 1}, path
            for changed, place in places(member, (*path, key)):
                yield {**value, key: changed}, place


CASES: List[Any] = [
    pytest.param(operation, body, place, id=f"{operation}-{'.'.join(map(str, place))}-{number}")
    for operation, whole in BODIES.items()
    for number, (body, place) in enumerate(places(whole))
    if place[-1] != "operation"  # one of two words
]


def test_every_operation_with_texts_is_here():
    with_texts = {operation.id for operation in OPERATIONS.values() if operation.body is not None}

    assert with_texts - set(BODIES) <= {"fork_session"}  # whose only field is a number


@pytest.mark.parametrize(("operation_id", "body", "place"), CASES)
def test_text_in_a_body_is_422_with_its_place(http: httpx.Client, operation_id: str, body: Any, place: Any):
    operation = OPERATIONS[operation_id]
    path = operation.path.format(session_id="s", memory_id="m", entity_id="e")

    response = http.request(operation.method, path, json=body)

    assert response.status_code == 422
    problem = response.json()["detail"][0]
    assert problem["loc"] == ["body", *place]
    assert "U+0000" in problem["msg"]
    assert "secret" not in response.text


@pytest.mark.parametrize("parameter", ["agent_id", "user_id"])
def test_filter_is_422_with_its_name(http: httpx.Client, parameter: str):
    response = http.get("/v1/sessions", params={parameter: TEXT})

    assert response.status_code == 422
    assert response.json()["detail"][0]["loc"] == ["query", parameter]


def test_backslash_before_u0000_is_text_like_other(http: httpx.Client):
    """In JSON it is an escaped backslash and six characters."""
    response = http.post("/v1/sessions", content=b'{"agent_id": "a", "initial_state": {"k": "a\\\\u0000b"}}')

    assert response.status_code == 201
    assert response.json()["state"] == {"k": "a\\u0000b"}
