"""Routing: finds the operation of a path."""

from __future__ import annotations

from typing import Any, Dict, Mapping, NamedTuple, Optional
from urllib.parse import unquote_to_bytes

from ..._base.operation import Operation


class Found(NamedTuple):
    """The operations of a path."""

    operations: Mapping[str, Operation[Any]]
    """The operations by HTTP method."""
    parameters: tuple[str, ...]
    """The values of the path parameters, in order."""


class Router:
    """The routes of the operations, as a tree of path segments.

    Args:
        operations: All operations.
    """

    def __init__(self, operations: Mapping[str, Operation[Any]]) -> None:
        self._root = _Node()
        for operation in operations.values():
            node = self._root
            for segment in operation.path[1:].split("/"):
                node = node.grow(segment)
            node.operations[operation.method] = operation

    def find(self, path: str) -> Optional[Found]:
        """Return the operations of a path; None if there are none.

        Args:
            path: The path, percent-encoded as received. It is split first and then each segment is decoded once, so
                that an escaped slash within an id does not separate segments.
        """
        node: Optional[_Node] = self._root
        parameters: list[str] = []
        for encoded in path[1:].split("/"):
            segment = unquote_to_bytes(encoded).decode(errors="replace") if "%" in encoded else encoded
            if node is None:
                return None
            child = node.literals.get(segment)
            if child is None and segment and node.parameter is not None:
                child = node.parameter
                parameters.append(segment)
            node = child
        return Found(node.operations, tuple(parameters)) if node is not None and node.operations else None


class _Node:
    def __init__(self) -> None:
        self.literals: Dict[str, _Node] = {}
        self.parameter: Optional[_Node] = None
        self.operations: Dict[str, Operation[Any]] = {}

    def grow(self, segment: str) -> _Node:
        if segment.startswith("{"):
            if self.parameter is None:
                self.parameter = _Node()
            return self.parameter
        return self.literals.setdefault(segment, _Node())
