"""Every operation of the contract is there: as a method of the engine, and at its route."""

from __future__ import annotations

import inspect
from typing import Any

import httpx
import pytest

from statebase._base.operation import Operation
from statebase._generated import models
from statebase._generated.operations import OPERATIONS
from statebase._generated.queries import QUERIES
from statebase.local import Context, Engine
from statebase.local.http.route import Router
from statebase.local.operations.api import Operations

EVERY = pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)


def test_there_are_42_operations():
    """Those of the document, and four of the SDK."""
    assert len(OPERATIONS) == 42


@EVERY
def test_engine_has_the_operation(operation: Operation[Any]):
    """The method takes the parameters of the path, then the body or the query, then the context."""
    path = [segment[1:-1] for segment in operation.path.split("/") if segment.startswith("{")]
    rest = ["body"] if operation.body is not None else ["query"] if operation.id in QUERIES else []

    parameters = list(inspect.signature(getattr(Engine, operation.id)).parameters)

    assert parameters == ["self", *path, *rest, "context"]


def test_groups_of_operations_do_not_overlap():
    """The engine inherits from all of them: a name that two of them had would hide one of the two."""
    groups = Operations.__bases__
    names = [name for group in groups for name in vars(group) if not name.startswith("__")]

    assert len(groups) == 12
    assert [name for name in names if names.count(name) > 1] == []


def test_caller_has_its_former_name_too():
    """Code for 1.0.0rc1 passes a `Context`."""
    engine = Engine.open()
    session = engine.create_session(models.SessionCreateRequest(agent_id="a"), context=Context(request_id="mine"))

    trace = engine.list_session_traces(session.id, QUERIES["list_session_traces"]()).data[0]  # type: ignore[arg-type]

    assert engine.get_trace(trace.id).context.request_id == "mine"
    engine.close()


@EVERY
def test_route_leads_to_the_operation(operation: Operation[Any]):
    found = Router(OPERATIONS).find(operation.path.replace("{", "%7B").replace("}", "%7D"))

    assert found is not None
    assert found.operations[operation.method] is operation
    assert list(found.parameters) == [segment for segment in operation.path.split("/") if segment.startswith("{")]


@EVERY
def test_unknown_thing_is_not_found(http: httpx.Client, operation: Operation[Any]):
    """An operation on something that is not there answers with the error of its kind, never with 500."""
    body = {
        "agent_id": "agent",
        "session_id": "sess_unknown00000",
        "content": "text",
        "memories": [{"content": "text"}],
        "entity_type": "order",
        "entity_id": "1",
        "attributes": {},
        "state": {},
        "version": 0,
        "name": "key",
        "input": {"type": "text", "content": "hi"},
        "output": {"type": "text", "content": "ho"},
        "writes": [{"operation": "replace_state", "idempotency_key": "a", "body": {"state": {}}}],
    }
    if operation.id == "erase_user":
        body = {"user_id": "unknown"}
    path = operation.path.replace("{", "unknown_").replace("}", "")

    response = http.request(
        operation.method,
        path,
        json=body if operation.body is not None else None,
        params={"query": "anything"} if "search" in operation.id else None,
    )

    if "{" in operation.path or operation.id in ("create_memory", "create_memories", "create_entity"):
        assert response.status_code == 404
        assert response.json()["error"]["code"].endswith("_not_found")
    else:
        assert response.status_code == operation.status
