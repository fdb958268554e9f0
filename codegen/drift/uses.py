"""Find the components that a component uses, and so the operations that a change of it reaches."""

from __future__ import annotations

import json
import re
from typing import Any, Iterable, Iterator, Mapping

from codegen.drift.operations import Operation, operations


def uses(document: Mapping[str, Any]) -> dict[str, set[str]]:
    """Return the routes that each component of a document has a part in, 422 answers left out."""
    found: dict[str, set[str]] = {}
    for operation in operations(document):
        for name in reachable(document, _schemas(operation)):
            found.setdefault(name, set()).add(operation.route)
    return found


def reachable(document: Mapping[str, Any], roots: Iterable[Any]) -> set[str]:
    """Return the components that schemas are made of."""
    schemas: Mapping[str, Any] = document.get("components", {}).get("schemas", {})
    waiting, found = [*roots], set[str]()
    while waiting:
        references = re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(waiting.pop(), default=str))
        for name in (set(references) & schemas.keys()) - found:
            found.add(name)
            waiting.append(schemas[name])
    return found


def _schemas(operation: Operation) -> Iterator[Mapping[str, Any]]:
    yield from (parameter.schema for parameter in operation.parameters)
    if operation.body is not None:
        yield from operation.body.contents.values()
    for status, answer in operation.answers.items():
        if status != "422":
            yield from answer.contents.values()
