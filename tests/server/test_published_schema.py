"""Every answer keeps the document as the service publishes it, and as the server serves it.

The SDK's own models are more lenient than what the service publishes; clients that others generate from it are not.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict, Iterator

import httpx
import jsonschema
import pytest

from statebase._generated.operations import OPERATIONS
from statebase.local import Engine
from statebase.server import RunningServer, serve_in_thread

PUBLISHED = json.loads((Path(__file__).parents[2] / "openapi" / "statebase-v1.json").read_text("utf-8"))
BODIES: Dict[str, Dict[str, Any]] = {
    "create_session": {"agent_id": "bot", "user_id": "u", "initial_state": {"a": 1}, "metadata": {"b": "c"}},
    "update_session": {"metadata": {"b": "d"}},
    "fork_session": {},
    "write_batch": {
        "writes": [
            {
                "operation": "create_turn",
                "idempotency_key": "write",
                "body": {"input": {"type": "text", "content": "a"}, "output": {"type": "text", "content": "b"}},
            }
        ]
    },
    "create_memories": {"memories": [{"content": "likes tea"}], "user_id": "u"},
    "get_context": {"query": "tea"},
    "create_turn": {"input": {"type": "text", "content": "in"}, "output": {"type": "text", "content": "out"}},
    "replace_state": {"state": {"a": 2}, "reasoning": "r"},
    "update_state": {"state": {"b": None}, "reasoning": "r"},
    "rollback_state": {"version": 0},
    "create_memory": {"content": "Likes tea", "type": "fact", "tags": ["drinks"]},
    "update_memory": {"content": "Likes green tea"},
    "create_entity": {"entity_type": "order", "entity_id": "A-2", "attributes": {"x": 1}},
    "update_entity": {"attributes": {"x": 2}},
    "create_api_key": {"name": "key"},
    "erase_user": {"user_id": "other"},
}
"""The body of a request that is answered well, by operation; the session is added where one is asked for."""
QUERIES = {
    "search_memories": {"query": "tea", "threshold": "0"},
    "search_own_memories": {"query": "tea", "user_id": "u"},
    "list_memories": {"user_id": "u"},
    "list_entities": {},
}


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    """A server with a key."""
    engine = Engine.open()
    with serve_in_thread(engine, api_key="sb_schema") as running:
        yield running
    engine.close()


@pytest.fixture(scope="module")
def http(server: RunningServer) -> Iterator[httpx.Client]:
    """A client that shows the key."""
    with httpx.Client(base_url=server.url, headers={"X-API-Key": "sb_schema"}, trust_env=False) as client:
        yield client


@pytest.fixture
def ids(http: httpx.Client) -> Dict[str, str]:
    """The ids of a session that has something of each kind, by the names of the parameters that take them."""

    def made(path: str, operation: str, **more: str) -> Any:
        answer = http.post(path, json={**BODIES[operation], **more})
        assert answer.is_success, answer.text
        return answer.json()["id"]

    session = made("/v1/sessions", "create_session")
    http.put(f"/v1/sessions/{session}/state", json=BODIES["replace_state"])
    return {
        "session_id": session,
        "turn_id": made(f"/v1/sessions/{session}/turns", "create_turn"),
        "memory_id": made("/v1/memories", "create_memory", session_id=session),
        "entity_id": made("/v1/entities", "create_entity", session_id=session, entity_id="A-1"),
        "trace_id": http.get("/v1/traces", params={"session_id": session}).json()["data"][0]["id"],
        "key_id": made("/v1/dashboard/keys", "create_api_key"),
    }


def schema(document: Any, path: str, method: str, status: int) -> Any:
    """Return the schema of an answer, with all that it refers to; None if the document has none."""
    answers = document["paths"].get(path, {}).get(method.lower(), {}).get("responses", {})
    if not answers:
        return None
    content = answers[str(status)].get("content")
    return None if content is None else {**content["application/json"]["schema"], "components": document["components"]}


@pytest.mark.parametrize("name", OPERATIONS)
def test_answer_keeps_both_documents(http: httpx.Client, ids: Dict[str, str], name: str) -> None:
    """Each operation of the table is carried out once, and nothing that is required is missing in its answer."""
    operation = OPERATIONS[name]
    body = BODIES.get(operation.id) if operation.body is not None else None
    if body is not None and operation.id in ("create_memory", "create_entity"):
        body = {**body, "session_id": ids["session_id"]}

    answer = http.request(operation.method, operation.path.format(**ids), json=body, params=QUERIES.get(operation.id))

    assert answer.status_code == operation.status, answer.text
    served = http.get("/openapi.json").json()
    assert operation.path in served["paths"]
    for document in (PUBLISHED, served):
        expected = schema(document, operation.path, operation.method, answer.status_code)
        if expected is None:
            continue
        validator = jsonschema.Draft202012Validator(expected)
        assert [error.message for error in validator.iter_errors(answer.json())] == []
