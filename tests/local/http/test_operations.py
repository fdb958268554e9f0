"""Every operation of the contract is there: as a method of the engine, and at its route."""

from __future__ import annotations

import inspect
from typing import Any

import httpx
import pytest

from statebase._base.operation import Operation
from statebase._generated.operations import OPERATIONS
from statebase._generated.queries import QUERIES
from statebase.local import Engine
from statebase.local.http.route import Router

EVERY = pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)


def test_there_are_37_operations():
    assert len(OPERATIONS) == 37


@EVERY
def test_engine_has_the_operation(operation: Operation[Any]):
    """The method takes the parameters of the path, then the body or the query, then the context."""
    path = [segment[1:-1] for segment in operation.path.split("/") if segment.startswith("{")]
    rest = ["body"] if operation.body is not None else ["query"] if operation.id in QUERIES else []

    parameters = list(inspect.signature(getattr(Engine, operation.id)).parameters)

    assert parameters == ["self", *path, *rest, "context"]


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
        "entity_type": "order",
        "entity_id": "1",
        "attributes": {},
        "state": {},
        "version": 0,
        "name": "key",
        "input": {"type": "text", "content": "hi"},
        "output": {"type": "text", "content": "ho"},
    }
    path = operation.path.replace("{", "unknown_").replace("}", "")

    response = http.request(
        operation.method,
        path,
        json=body if operation.body is not None else None,
        params={"query": "anything"} if operation.id == "search_memories" else None,
    )

    if "{" in operation.path or operation.id in ("create_memory", "create_entity"):
        assert response.status_code == 404
        assert response.json()["error"]["code"].endswith("_not_found")
    else:
        assert response.status_code == operation.status
