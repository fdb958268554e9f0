"""Frameworks that make tools of methods can read the types of their arguments."""

from __future__ import annotations

import inspect
import typing
from typing import Any, List
from unittest.mock import create_autospec

import pytest

from statebase import AsyncStateBase, StateBase


def methods() -> List[Any]:
    found: List[Any] = []
    for kind in (StateBase, AsyncStateBase):
        client: Any = kind("sb_test")
        for namespace in ("sessions", "memory", "state", "traces", "entities", "dashboard"):
            group = getattr(client, namespace)
            for name in dir(type(group)):
                method = getattr(group, name)
                if not name.startswith("_") and inspect.isroutine(method):
                    found.append(pytest.param(method, id=f"{kind.__name__}.{namespace}.{name}"))
    return found


@pytest.mark.parametrize("method", methods())
def test_types_of_every_method_can_be_read(method: Any):
    """By name, also where the method is written by hand."""
    hints = typing.get_type_hints(method)

    assert "return" in hints
    assert set(inspect.signature(method).parameters) <= set(hints)


@pytest.mark.parametrize("kind", [StateBase, AsyncStateBase])
def test_autospec_knows_the_methods_of_each_namespace(kind: Any):
    """A mock of a client takes the calls that the client takes, and no others."""
    mock: Any = create_autospec(kind, instance=True)
    mock.sessions.get.return_value = "session"

    with pytest.raises(AttributeError):
        _ = mock.sessions.gett
    with pytest.raises(TypeError):
        mock.sessions.get()
