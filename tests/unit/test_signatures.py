"""Frameworks that make tools of methods can read the types of their arguments."""

from __future__ import annotations

import inspect
import typing
from typing import Any, List

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
