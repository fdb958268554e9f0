"""Read the operations of a document for comparison: references resolved, defaults written out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Iterator, Mapping, Optional

from codegen.errors import CodegenError
from codegen.names import operation_name

_METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
_STYLES = {"query": "form", "cookie": "form", "path": "simple", "header": "simple"}

Credentials = frozenset[frozenset[str]]
"""The alternative sets of credentials of a request; an empty set if it needs none."""


@dataclass(frozen=True)
class Parameter:
    """A parameter of an operation."""

    location: str
    name: str
    required: bool
    style: str
    """The serialization of a value, such as `form exploded`."""
    schema: Mapping[str, Any]

    @property
    def text(self) -> str:
        """Its name in a report."""
        return f"{self.location} {self.name}"


@dataclass(frozen=True)
class Header:
    """A header of a response."""

    required: bool
    schema: Mapping[str, Any]


@dataclass(frozen=True)
class Answer:
    """The response of an operation."""

    contents: Mapping[str, Mapping[str, Any]]
    """The schema of the body by media type; empty if there is no body."""
    headers: Mapping[str, Header]
    """The headers by name in lower case."""


@dataclass(frozen=True)
class Body:
    """The request body of an operation."""

    required: bool
    contents: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Operation:
    """An operation of a document."""

    route: str
    """Method and path: `GET /v1/sessions/{session_id}`."""
    name: str
    """The operationId without a framework's suffix; empty if there is none."""
    deprecated: bool
    parameters: tuple[Parameter, ...]
    body: Optional[Body]
    answers: Mapping[str, Answer]
    credentials: Credentials

    @property
    def key(self) -> str:
        """The route without the names of its parameters."""
        return re.sub(r"\{[^}]*\}", "{}", self.route)

    @property
    def path_parameters(self) -> list[str]:
        """The names of the path parameters, in order."""
        return re.findall(r"\{([^}]*)\}", self.route)


def operations(document: Mapping[str, Any]) -> list[Operation]:
    """Read all operations of an OpenAPI document."""
    return list(_Reader(document).operations())


class _Reader:
    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document

    def operations(self) -> Iterator[Operation]:
        for path, reference in self._document.get("paths", {}).items():
            item = self._resolved(reference)
            for method in _METHODS:
                if method in item:
                    yield self._operation(path, method, item[method], item.get("parameters", []))

    def _operation(self, path: str, method: str, found: Mapping[str, Any], shared: list[Any]) -> Operation:
        parameters = {
            (parameter.location, parameter.name): parameter
            for parameter in map(self._parameter, [*shared, *found.get("parameters", [])])
        }
        return Operation(
            route=f"{method.upper()} {path}",
            name=operation_name(found.get("operationId", ""), method, path),
            deprecated=bool(found.get("deprecated")),
            parameters=tuple(parameters.values()),
            body=self._body(found["requestBody"]) if "requestBody" in found else None,
            answers={str(status): self._answer(answer) for status, answer in found.get("responses", {}).items()},
            credentials=self._credentials(found.get("security", self._document.get("security", []))),
        )

    def _parameter(self, reference: Mapping[str, Any]) -> Parameter:
        found = self._resolved(reference)
        location: str = found["in"]
        style = found.get("style", _STYLES.get(location, ""))
        exploded = found.get("explode", style == "form")
        return Parameter(
            location=location,
            name=found["name"].lower() if location == "header" else found["name"],
            required=bool(found.get("required")),
            style=f"{style} exploded" if exploded else style,
            schema=self._schema(found),
        )

    def _body(self, reference: Mapping[str, Any]) -> Body:
        found = self._resolved(reference)
        return Body(required=bool(found.get("required")), contents=_contents(found))

    def _answer(self, reference: Mapping[str, Any]) -> Answer:
        found = self._resolved(reference)
        headers: dict[str, Header] = {}
        for name, header_reference in found.get("headers", {}).items():
            header = self._resolved(header_reference)
            headers[name.lower()] = Header(bool(header.get("required")), self._schema(header))
        return Answer(_contents(found), headers)

    def _schema(self, found: Mapping[str, Any]) -> Mapping[str, Any]:
        anything: Mapping[str, Any] = {}
        schema: Mapping[str, Any] = found.get("schema", next(iter(_contents(found).values()), anything))
        return schema

    def _credentials(self, requirements: list[Mapping[str, list[str]]]) -> Credentials:
        schemes: Mapping[str, Any] = self._document.get("components", {}).get("securitySchemes", {})
        return frozenset(
            frozenset(self._credential(schemes.get(name, {}), scopes) for name, scopes in requirement.items())
            for requirement in requirements or [{}]
        )

    def _credential(self, scheme_reference: Mapping[str, Any], scopes: list[str]) -> str:
        # Only the values matter, not their names in the document.
        scheme = self._resolved(scheme_reference)
        facts = [str(scheme[key]).lower() for key in ("type", "scheme", "in", "name") if key in scheme]
        return " ".join([*facts, *sorted(scopes)])

    def _resolved(self, node: Mapping[str, Any]) -> Mapping[str, Any]:
        while "$ref" in node:
            target: Any = self._document
            try:
                for step in node["$ref"].removeprefix("#/").split("/"):
                    target = target[step.replace("~1", "/").replace("~0", "~")]
            except (KeyError, TypeError) as error:
                raise CodegenError(node["$ref"], "The document has no target for this reference.") from error
            node = target
        return node


def _contents(found: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    return {media_type: content.get("schema", {}) for media_type, content in found.get("content", {}).items()}
