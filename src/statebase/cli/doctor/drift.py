"""Differences between the API that a server describes and the one that this SDK was generated from.

Checks less than `python -m codegen drift`: only what a call sends and what it reads. Both documents are those of
FastAPI services; what is not understood is ignored.
"""

from __future__ import annotations

import re
from typing import Any, Dict, FrozenSet, Iterator, List, Mapping, NamedTuple, Sequence, Set, Tuple, cast

_METHODS = ("get", "put", "post", "delete", "patch")
_ANYTHING: FrozenSet[str] = frozenset()
_Json = Mapping[str, Any]


class Difference(NamedTuple):
    """One difference, in a sentence."""

    matters: bool
    """Whether a call may fail or have no effect; additions of the server do not matter."""
    text: str


def differences(ours: _Json, theirs: _Json) -> List[Difference]:
    """Compare two OpenAPI documents; differences that matter come first.

    Args:
        ours: The document that the SDK was generated from.
        theirs: The document of the server; any JSON.
    """
    found = list(dict.fromkeys(_Comparison(ours, theirs).run()))
    return sorted(found, key=lambda difference: not difference.matters)


class _Comparison:
    def __init__(self, ours: _Json, theirs: _Json) -> None:
        self._ours = ours
        self._theirs = theirs
        self._met: Set[Tuple[str, str, bool]] = set()

    def run(self) -> Iterator[Difference]:
        ours, theirs = _operations(self._ours), _operations(self._theirs)
        for name, (route, operation) in ours.items():
            if name not in theirs:
                yield Difference(True, f"The server lacks {route}.")
            else:
                yield from self._operation(route, operation, theirs[name][1])
        for name, (route, _) in theirs.items():
            if name not in ours:
                yield Difference(False, f"The server also has {route}.")

    def _operation(self, route: str, ours: _Json, theirs: _Json) -> Iterator[Difference]:
        yield from self._parameters(route, ours, theirs)
        body = (_schema(_mapping(ours.get("requestBody"))), _schema(_mapping(theirs.get("requestBody"))))
        yield from self._schemas(f"{route}, request", *body, sent=True)
        response = (_success(ours), _success(theirs))
        yield from self._schemas(f"{route}, response", *response, sent=False)

    def _parameters(self, route: str, ours: _Json, theirs: _Json) -> Iterator[Difference]:
        our_parameters = self._named_parameters(self._ours, ours)
        their_parameters = self._named_parameters(self._theirs, theirs)
        for name, parameter in our_parameters.items():
            if name not in their_parameters:
                yield Difference(True, f"{route}: the server lacks the parameter {name}.")
            else:
                schemas = (_mapping(parameter.get("schema")), _mapping(their_parameters[name].get("schema")))
                yield from self._schemas(f"{route}, parameter {name}", *schemas, sent=True)
        for name, parameter in their_parameters.items():
            if name not in our_parameters:
                required = parameter.get("required") is True
                word = "requires" if required else "also takes"
                yield Difference(required, f"{route}: the server {word} the parameter {name}.")

    def _schemas(self, where: str, ours: _Json, theirs: _Json, *, sent: bool) -> Iterator[Difference]:
        """Compare two schemas; a pair of referenced schemas is compared once."""
        names = (str(ours.get("$ref")), str(theirs.get("$ref")), sent)
        if "$ref" in ours and "$ref" in theirs:
            if names in self._met:
                return
            self._met.add(names)
            where = _last_part(names[0])
        our_types, their_types = _types(self._ours, ours), _types(self._theirs, theirs)
        if our_types and their_types and not _fits(our_types, their_types, sent):
            said, expected = " or ".join(sorted(their_types)), " or ".join(sorted(our_types))
            yield Difference(True, f"{where}: the server has type {said}, the SDK expects {expected}.")
            return
        ours, theirs = _alternative(self._ours, ours), _alternative(self._theirs, theirs)
        if "properties" in ours and "properties" in theirs:
            yield from self._properties(where, ours, theirs, sent=sent)
        if "items" in ours and "items" in theirs:
            yield from self._schemas(f"{where}[]", _mapping(ours["items"]), _mapping(theirs["items"]), sent=sent)

    def _properties(self, where: str, ours: _Json, theirs: _Json, *, sent: bool) -> Iterator[Difference]:
        our_properties, their_properties = _mapping(ours["properties"]), _mapping(theirs["properties"])
        our_required, their_required = _texts(ours.get("required")), _texts(theirs.get("required"))
        for name, schema in our_properties.items():
            if name not in their_properties:
                yield Difference(sent or name in our_required, f"{where}: the server lacks {name}.")
                continue
            if sent and name in their_required and name not in our_required:
                yield Difference(True, f"{where}: the server requires {name}.")
            if not sent and name in our_required and name not in their_required:
                yield Difference(True, f"{where}: the server may leave out {name}.")
            inner = (_mapping(schema), _mapping(their_properties[name]))
            yield from self._schemas(f"{where}.{name}", *inner, sent=sent)
        for name in their_properties:
            if name not in our_properties:
                required = sent and name in their_required
                yield Difference(required, f"{where}: the server {'requires' if required else 'also has'} {name}.")

    def _named_parameters(self, document: _Json, operation: _Json) -> Dict[str, _Json]:
        """Return the query and header parameters; those in a path may have any name."""
        parameters = [_resolved(document, _mapping(each)) for each in _list(operation.get("parameters"))]
        return {str(each.get("name")): each for each in parameters if each.get("in") in ("query", "header")}


def _operations(document: _Json) -> Dict[str, Tuple[str, _Json]]:
    """Return operations by method and route; the names of path parameters do not matter."""
    found: Dict[str, Tuple[str, _Json]] = {}
    for path, item in _mapping(document.get("paths")).items():
        for method, operation in _mapping(item).items():
            if method in _METHODS:
                name = f"{method} {re.sub(r'{[^}]*}', '{}', path)}"
                found[name] = (f"{method.upper()} {path}", _mapping(operation))
    return found


def _success(operation: _Json) -> _Json:
    """Return the schema of a successful response."""
    for status, response in sorted(_mapping(operation.get("responses")).items()):
        if str(status).startswith("2"):
            return _schema(_mapping(response))
    return {}


def _schema(holder: _Json) -> _Json:
    return _mapping(_mapping(_mapping(holder.get("content")).get("application/json")).get("schema"))


def _resolved(document: _Json, schema: _Json) -> _Json:
    """Return what a reference within the document points to; empty if it does not exist."""
    for _ in range(5):
        reference = schema.get("$ref")
        if not isinstance(reference, str):
            return schema
        schema = document
        for part in reference.split("/")[1:]:
            schema = _mapping(schema.get(part))
    return {}


def _alternatives(document: _Json, schema: _Json, depth: int = 0) -> List[_Json]:
    schema = _resolved(document, schema)
    choices = _list(schema.get("anyOf")) or _list(schema.get("oneOf"))
    if not choices or depth > 3:
        return [schema]
    return [each for choice in choices for each in _alternatives(document, _mapping(choice), depth + 1)]


def _alternative(document: _Json, schema: _Json) -> _Json:
    """Return the schema of values that are not null; empty if there are several."""
    choices = [each for each in _alternatives(document, schema) if each.get("type") != "null"]
    return choices[0] if len(choices) == 1 else {}


def _types(document: _Json, schema: _Json) -> FrozenSet[str]:
    """Return the JSON types that a value may have; empty for any type."""
    found: Set[str] = set()
    for each in _alternatives(document, schema):
        kind = each.get("type")
        kinds = [kind] if isinstance(kind, str) else _texts(kind)
        if not kinds:
            return _ANYTHING
        found.update(kinds)
    return frozenset(found)


def _fits(ours: FrozenSet[str], theirs: FrozenSet[str], sent: bool) -> bool:
    """Return whether the server accepts what is sent, or the SDK can read what is received."""
    given, taken = (ours, theirs) if sent else (theirs, ours)
    return all(kind in taken or (kind == "integer" and "number" in taken) for kind in given)


def _last_part(reference: str) -> str:
    return reference.rpartition("/")[2]


def _mapping(value: Any) -> Dict[str, Any]:
    return cast("Dict[str, Any]", value) if isinstance(value, dict) else {}


def _list(value: Any) -> Sequence[Any]:
    return cast("Sequence[Any]", value) if isinstance(value, list) else ()


def _texts(value: Any) -> List[str]:
    return [each for each in _list(value) if isinstance(each, str)]
