"""The engine reads every field that the document has of a query or a body: none is taken and then ignored."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any, Dict, List, Set, Tuple, Type

import pytest
from pydantic import BaseModel

from statebase._generated.operations import OPERATIONS
from statebase._generated.queries import QUERIES
from statebase.local import Engine
from tests.faults.operation_cases import new_entity, new_memory, new_turn

WITH_FIELDS = {
    operation.id: operation.body or QUERIES[operation.id]
    for operation in OPERATIONS.values()
    if operation.body is not None or operation.id in QUERIES
}
OF_USERS = ("create_memories", "search_own_memories", "list_memories")
"""They take a session or a user."""
TIME = datetime(2020, 1, 1, tzinfo=timezone.utc)
LATER = datetime(2100, 1, 1, tzinfo=timezone.utc)


def recording(model: Type[BaseModel], read: Set[str]) -> Type[BaseModel]:
    """Return a model that notes which of its fields are read."""

    class Recording(model):  # type: ignore[misc, valid-type]
        def __getattribute__(self, name: str) -> Any:
            if name in model.model_fields:
                read.add(name)
            return super().__getattribute__(name)

        def __getitem__(self, name: str) -> Any:
            return getattr(self, name)

    return Recording


def case(operation_id: str, engine: Engine) -> Tuple[List[str], Dict[str, Any]]:
    """Return the parts of the path of an operation, and a value for each field of its query or body."""
    session_id, turn_id = new_turn(engine)
    memory_id, entity_id = new_memory(engine), new_entity(engine)
    of_session = engine.get_memory(memory_id).session_id
    trace_id = engine.list_session_traces(session_id, QUERIES["list_session_traces"]()).data[0].id  # type: ignore[arg-type]
    told = {"reasoning": "why", "metadata": {"a": 1}, "limit": 5, "tags": ["t"], "type": "fact"}
    of_memories = {
        "session_id": of_session,
        "user_id": "ada",
        "types": "fact",
        "tags": "t",
        "created_after": TIME,
        "created_before": LATER,
        "metadata": '{"a": 1}',
    }
    cases: Dict[str, Tuple[List[str], Dict[str, Any]]] = {
        "list_sessions": (
            [],
            {
                "agent_id": "agent",
                "starting_after": session_id,
                "created_after": TIME,
                "created_before": LATER,
                "metadata": '{"a": 1}',
                "user_id": "ada",
            },
        ),
        "create_session": ([], {"agent_id": "a", "user_id": "ada", "initial_state": {"a": 1}, "ttl_seconds": 60}),
        "update_session": ([session_id], {"ttl_seconds": 60}),
        "get_context": ([of_session], {"query": "tea", "memory_limit": 2, "turn_limit": 2}),
        "get_session_history": ([session_id], {"include_state": True, "include_traces": True}),
        "list_turns": ([session_id], {"starting_after": turn_id, "order": "asc"}),
        "create_turn": (
            [session_id],
            {
                "input": {"type": "text", "content": "a"},
                "output": {"type": "text", "content": "b"},
                "state_before": {"a": 1},
                "state_after": {"a": 2},
            },
        ),
        "replace_state": ([session_id], {"state": {"a": 2}}),
        "update_state": ([session_id], {"state": {"a": 2}}),
        "get_state_history": ([session_id], {"since_version": 1}),
        "rollback_state": ([session_id], {"version": 0, "reason": "why"}),
        "search_memories": (
            [],
            {"query": "tea", "session_id": of_session, "types": "fact", "tags": "t", "top_k": 3, "threshold": 0.1},
        ),
        "create_memory": ([], {"session_id": session_id, "content": "likes tea", "embed": True}),
        "create_memories": (
            [],
            {
                "memories": [{"content": "likes tea"}],
                "session_id": session_id,
                "user_id": "ada",
                "unless_similar": 0.9,
            },
        ),
        "search_own_memories": ([], {**of_memories, "query": "tea", "top_k": 3, "threshold": 0.1}),
        "list_memories": ([], {**of_memories, "starting_after": memory_id, "page": None}),
        "erase_user": ([], {"user_id": "ada", "dry_run": True, "cursor": "sessions:0"}),
        "update_memory": ([memory_id], {"content": "likes coffee"}),
        "list_traces": (
            [],
            {
                "session_id": session_id,
                "action": "turn.added",
                "resource_type": "turn",
                "resource_id": turn_id,
                "start_time": TIME,
                "end_time": LATER,
            },
        ),
        "list_session_traces": ([session_id], {"starting_after": trace_id, "action": "turn.added"}),
        "list_entities": ([], {"session_id": session_id, "entity_type": "order", "starting_after": entity_id}),
        "create_entity": ([], {"session_id": session_id, "entity_type": "t", "entity_id": "2", "attributes": {}}),
        "update_entity": ([entity_id], {"attributes": {"a": 1}}),
        "create_api_key": ([], {"name": "n", "rate_limit": 5, "expires_days": 3, "owner_id": "ada"}),
        "fork_session": ([session_id], {"version": 0}),
        "write_batch": (
            [session_id],
            {
                "writes": [{"operation": "replace_state", "idempotency_key": "a", "body": {"state": {}}}],
                "include_results": False,
            },
        ),
    }
    path, values = cases[operation_id]
    return path, {**{name: told[name] for name in WITH_FIELDS[operation_id].model_fields if name in told}, **values}


@pytest.mark.parametrize("operation_id", WITH_FIELDS)
def test_every_field_is_read(operation_id: str):
    """Of each operation, if each field is given."""
    engine = Engine.open()
    read: Set[str] = set()
    path, values = case(operation_id, engine)
    model = recording(WITH_FIELDS[operation_id], read)
    assert set(values) == set(model.model_fields), "the case gives every field"
    read_in_all: Set[str] = set()
    for other in ("session_id", "user_id") if operation_id in OF_USERS else (None,):
        request = model.model_validate({name: value for name, value in values.items() if name != other})
        read.clear()

        getattr(engine, operation_id)(*path, request)
        read_in_all |= read

    assert read_in_all == set(model.model_fields)
    engine.close()
