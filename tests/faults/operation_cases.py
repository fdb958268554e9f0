"""A call of each operation of the API: its preparation, its arguments, its effect."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Tuple

from statebase.local import Engine
from statebase.models import (
    APIKeyCreateRequest,
    EntityCreateRequest,
    MemoryCreateRequest,
    SessionCreateRequest,
    StatePartialUpdateRequest,
    TurnCreateRequest,
    TurnInput,
    TurnOutput,
)

Arguments = Tuple[Any, ...]
Ledger = Dict[str, int]

_COUNTS = {
    "sessions": "SELECT count(*) FROM sessions",
    "state_versions": "SELECT count(*) FROM state_versions",
    "turns": "SELECT count(*) FROM turns",
    "memories": "SELECT count(*) FROM memories",
    "memory_versions": "SELECT coalesce(sum(version), 0) FROM memories",
    "entities": "SELECT count(*) FROM entities",
    "entity_versions": "SELECT coalesce(sum(version), 0) FROM entities",
    "traces": "SELECT count(*) FROM traces",
    "keys": "SELECT count(*) FROM api_keys",
    "active_keys": "SELECT coalesce(sum(is_active), 0) FROM api_keys",
}
_COUNT_ALL = f"SELECT {', '.join(f'({query})' for query in _COUNTS.values())}"


def take_stock(engine: Engine) -> Ledger:
    """Count everything in the store that an operation can change."""
    database = engine._core.store.database
    with database.read():
        return dict(zip(_COUNTS, database.execute(_COUNT_ALL).fetchone()))


def difference(before: Ledger, after: Ledger) -> Ledger:
    """Return what changed."""
    return {name: after[name] - before[name] for name in before if after[name] != before[name]}


def new_session(engine: Engine) -> str:
    """Create a session whose state has the versions 0 and 1."""
    session = engine.create_session(SessionCreateRequest(agent_id="agent", initial_state={"a": 1}))
    engine.update_state(session.id, StatePartialUpdateRequest(state={"b": 2}))
    return session.id


def new_turn(engine: Engine) -> Tuple[str, str]:
    """Create a turn in its own session."""
    session_id = new_session(engine)
    said = TurnInput(type="text", content="hi"), TurnOutput(type="text", content="hello")
    return session_id, engine.create_turn(session_id, TurnCreateRequest(input=said[0], output=said[1])).id


def new_memory(engine: Engine) -> str:
    """Create a memory in its own session."""
    body = MemoryCreateRequest(session_id=new_session(engine), content="likes tea", type="fact")
    return engine.create_memory(body).id


def new_entity(engine: Engine) -> str:
    """Create an entity in its own session."""
    body = EntityCreateRequest(
        session_id=new_session(engine), entity_type="order", entity_id="1", attributes={"price": 1}
    )
    return engine.create_entity(body).id


def new_key(engine: Engine) -> str:
    """Create an API key."""
    return engine.create_api_key(APIKeyCreateRequest(name="key")).id


class OperationCase(NamedTuple):
    """How to call an operation."""

    arguments: Callable[[Engine], Arguments]
    """Puts into the store what the call needs, and returns its positional arguments."""
    options: Mapping[str, Any] = MappingProxyType({})
    """Its other arguments."""
    effect: Mapping[str, int] = MappingProxyType({})
    """By how much it changes what is in the store; nothing for an operation that reads."""
    takes_key: bool = True
    """Whether its method takes an idempotency key; of several requests it does not, and is called again without one."""


def _nothing(engine: Engine) -> Arguments:
    return ()


def _in_session(*more: Any) -> Callable[[Engine], Arguments]:
    return lambda engine: (new_session(engine), *more)


def _of(make: Callable[[Engine], str], *more: Any) -> Callable[[Engine], Arguments]:
    return lambda engine: (make(engine), *more)


def _of_user(engine: Engine) -> Arguments:
    engine.create_session(SessionCreateRequest(agent_id="agent", user_id="ada"))
    return ("ada",)


_STATE: Dict[str, Any] = {"a": 2, "list": [1, 2, 3]}
_WRITE: Dict[str, Any] = {
    "operation": "create_turn",
    "idempotency_key": "write",
    "body": {"input": {"type": "text", "content": "hi"}, "output": {"type": "text", "content": "hello"}},
}

CASES: Dict[str, OperationCase] = {
    "root": OperationCase(_nothing),
    "health_check": OperationCase(_nothing),
    "readiness_probe": OperationCase(_nothing),
    "liveness_probe": OperationCase(_nothing),
    "list_sessions": OperationCase(_nothing, {"limit": 2}),
    "create_session": OperationCase(
        lambda engine: ("agent",),
        {"initial_state": _STATE},
        {"sessions": 1, "state_versions": 1, "traces": 1},
    ),
    "get_session": OperationCase(_in_session()),
    "update_session": OperationCase(_in_session(), {"metadata": {"k": "v"}}, {"traces": 1}),
    "delete_session": OperationCase(_in_session(), effect={"sessions": -1, "state_versions": -2, "traces": 1}),
    "get_context": OperationCase(_in_session("tea")),
    "fork_session": OperationCase(_in_session(0), effect={"sessions": 1, "state_versions": 1, "traces": 1}),
    "get_session_history": OperationCase(_in_session()),
    "list_turns": OperationCase(_in_session()),
    "create_turn": OperationCase(
        _in_session("hi", "hello"), {"state_after": _STATE}, {"turns": 1, "state_versions": 1, "traces": 1}
    ),
    "write_batch": OperationCase(_in_session([_WRITE]), effect={"turns": 1, "traces": 1}),
    "get_turn": OperationCase(new_turn),
    "get_state": OperationCase(_in_session()),
    "replace_state": OperationCase(_in_session(_STATE), effect={"state_versions": 1, "traces": 1}),
    "update_state": OperationCase(_in_session(_STATE), effect={"state_versions": 1, "traces": 1}),
    "get_state_history": OperationCase(_in_session()),
    "rollback_state": OperationCase(_in_session(-1), effect={"state_versions": 1, "traces": 1}),
    "search_memories": OperationCase(lambda engine: ("tea",), {"top_k": 1}),
    "create_memory": OperationCase(
        lambda engine: ("likes tea",),
        {"session_id": new_session},
        {"memories": 1, "memory_versions": 1, "traces": 1},
    ),
    "create_memories": OperationCase(
        lambda engine: ([{"content": "likes tea"}], new_session(engine)),
        effect={"memories": 1, "memory_versions": 1, "traces": 1},
    ),
    "search_own_memories": OperationCase(lambda engine: ("tea",), {"user_id": "ada"}),
    "list_memories": OperationCase(_nothing, {"user_id": "ada"}),
    "get_memory": OperationCase(_of(new_memory)),
    "update_memory": OperationCase(_of(new_memory), {"content": "likes coffee"}, {"memory_versions": 1, "traces": 1}),
    "delete_memory": OperationCase(_of(new_memory), effect={"memories": -1, "memory_versions": -1, "traces": 1}),
    "list_traces": OperationCase(_nothing, {"limit": 2}),
    "get_trace": OperationCase(lambda engine: (_newest_trace(engine),)),
    "list_session_traces": OperationCase(_in_session()),
    "list_entities": OperationCase(_nothing, {"limit": 2}),
    "create_entity": OperationCase(
        _in_session("order", "1", {"price": 1}), effect={"entities": 1, "entity_versions": 1, "traces": 1}
    ),
    "get_entity": OperationCase(_of(new_entity)),
    "update_entity": OperationCase(_of(new_entity, {"price": 2}), effect={"entity_versions": 1, "traces": 1}),
    "delete_entity": OperationCase(_of(new_entity), effect={"entities": -1, "entity_versions": -1, "traces": 1}),
    "erase_user": OperationCase(_of_user, effect={"sessions": -1, "state_versions": -1, "traces": 1}, takes_key=False),
    "get_dashboard_stats": OperationCase(_nothing),
    "list_api_keys": OperationCase(_nothing),
    "create_api_key": OperationCase(lambda engine: ("key",), effect={"keys": 1, "active_keys": 1}),
    "revoke_api_key": OperationCase(_of(new_key), effect={"active_keys": -1}),
}


def _newest_trace(engine: Engine) -> str:
    from statebase._generated.queries import ListTracesQuery

    new_session(engine)
    return engine.list_traces(ListTracesQuery(limit=1)).data[0].id


def prepare(operation_id: str, engine: Engine) -> Tuple[Arguments, Dict[str, Any]]:
    """Put into the store what a call of an operation needs, and return its arguments."""
    case = CASES[operation_id]
    options = {name: value(engine) if callable(value) else value for name, value in case.options.items()}
    return case.arguments(engine), options


def group_of(operation: Any) -> str:
    """Return the operations that this one behaves like."""
    return "Reads" if operation.retry == "safe" else str(operation.method)


GROUPS: List[str] = ["Reads", "POST", "PATCH", "PUT", "DELETE"]
"""Operations that read (one of them is a POST), and those that write, by their method."""
