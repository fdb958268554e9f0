"""Which module each model goes into, so that a client builds the models that it needs, and no others."""

from __future__ import annotations

from typing import Any, Iterable, Iterator, Mapping

from codegen.document.schemas import referred
from codegen.names import is_name, snake_case

SHARED = "shared"
"""The models that operations of several tags use, or operations whose tag cannot be the name of a module."""
REQUESTS = "requests"
"""The models that are part of request bodies only: a client sends mappings and does not need them."""
OTHER = "other"
"""The models that no operation uses in a successful call: errors, events."""


def model_modules(document: Mapping[str, Any]) -> dict[str, str]:
    """Return the module of each component: that of the tag whose operations answer with it, or one of the three above.

    No two modules need each other: what a model of one tag refers to belongs to the same tag, or to several.

    Args:
        document: The document in canonical form.
    """
    schemas: Mapping[str, Any] = document["components"]["schemas"]
    tags: dict[str, set[str]] = {name: set() for name in schemas}
    answered: set[str] = set()
    for item in document["paths"].values():
        for operation in item.values():
            answers = {*reachable(schemas, _successful(operation))}
            answered |= answers
            for name in answers | {*reachable(schemas, operation.get("requestBody", {}))}:
                tags[name].add(_tag(operation))
    return {name: _home(tags[name], name in answered) for name in schemas}


def _home(tags: set[str], is_answer: bool) -> str:
    if not tags:
        return OTHER
    if not is_answer:
        return REQUESTS
    return next(iter(tags)) if len(tags) == 1 else SHARED


def _tag(operation: Mapping[str, Any]) -> str:
    tags = operation.get("tags", [])
    name = snake_case(tags[0]) if tags else ""
    return name if is_name(name) else SHARED


def _successful(operation: Mapping[str, Any]) -> list[Any]:
    return [answer for status, answer in operation["responses"].items() if status.startswith("2")]


def sent(document: Mapping[str, Any]) -> set[str]:
    """Return the names of the components that are part of requests."""
    bodies = [operation.get("requestBody", {}) for item in document["paths"].values() for operation in item.values()]
    return {*reachable(document["components"]["schemas"], bodies)}


def reachable(schemas: Mapping[str, Any], node: Any) -> Iterator[str]:
    """Return the names of the components that a part of the document uses, also by way of others."""
    seen: set[str] = set()
    waiting: list[str] = [*_references(node)]
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            yield name
            waiting += _references(schemas[name])


def _references(node: Any) -> Iterable[str]:
    if isinstance(node, list):
        for item in node:
            yield from _references(item)
    elif isinstance(node, dict):
        if "$ref" in node:
            yield referred(node)
        for key, value in node.items():
            if key != "default":
                yield from _references(value)
