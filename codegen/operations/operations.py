"""The operations of the API as frozen values for the templates, with all texts and names checked."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal, Mapping, Optional

from codegen.document.choices import NAMESPACES, Check, Fallback, Namespace, Page, Typed, namespaces, operation_choices
from codegen.document.schemas import referred
from codegen.errors import CodegenError, below, pointer
from codegen.names import camel_case, is_name, operation_name, snake_case
from codegen.operations.parameters import Location, Parameter, adapted, not_sent, read_parameters, signature
from codegen.operations.parser import Route, parse
from codegen.operations.value_types import Type

Retry = Literal["safe", "keyed", "idempotent"]

_RETRY: dict[str, Retry] = {"post": "keyed", "patch": "keyed", "put": "idempotent", "delete": "idempotent"}
# As names of methods they would hide the types in annotations of the class.
_RESERVED_METHODS = {"str", "int", "float", "bool", "datetime", "models", "results"}
_RESERVED_IDS = {"operations"}
_EVERY_OPERATION_RAISES = {401, 429}


@dataclass(frozen=True)
class Operation:
    """One operation, with the methods that call it."""

    id: str
    method: str
    """The HTTP method, in upper case."""
    path: str
    status: int
    retry: Retry
    is_open: bool
    """Whether the document declares that it needs no credentials. Default: it needs them."""
    methods: tuple[str, ...]
    """The name in the clients: `sessions.add_turn`."""
    calls: Mapping[str, str]
    """The expression of each call: `client.sessions.add_turn`."""
    parameters: tuple[Parameter, ...]
    """The parameters in the order of the signature: positional ones, then the others."""
    positional: int
    """The number of positional parameters."""
    body: Optional[Type]
    result: Type
    result_class: Optional[str]
    """The path of the class that a response is parsed as instead of its model."""
    check: Optional[Check]
    """A check of a successful response besides its schema."""
    typed: Optional[Typed]
    """A conversion of the result to a type of the caller."""
    fallback: Optional[Fallback]
    """The result if the service is unavailable."""
    page: Optional[Page]
    item: Optional[Type]
    """The type of the items of a page."""
    summary: str
    description: str
    returns: str
    refuses: Optional[str]
    """A description of the arguments that raise an error before anything is sent."""
    errors: tuple[tuple[int, str], ...]
    """The documented error responses, except those of all operations: status and description."""
    example: Optional[str]
    deprecated: bool

    @property
    def carries_key(self) -> bool:
        """Whether requests carry an idempotency key."""
        return self.retry != "safe" and self.method != "DELETE"

    def at(self, location: Location) -> tuple[Parameter, ...]:
        """Return the parameters of one location, without second names, in the order of the signature."""
        return tuple(p for p in self.parameters if p.location == location and p.other_name_of is None)


@dataclass(frozen=True)
class Api:
    """All operations and namespaces, from which everything except the models is generated."""

    operations: tuple[Operation, ...]
    namespaces: Mapping[str, Namespace]
    """The namespaces that have methods."""

    def methods(self, namespace: str) -> tuple[tuple[str, Operation], ...]:
        """Return the methods of a namespace that are generated, by name, in the order of the document."""
        by_steps = self.namespaces[namespace].step_names
        offered = ((method.split("."), operation) for operation in self.operations for method in operation.methods)
        return tuple(
            (name, operation) for (owner, name), operation in offered if owner == namespace and name not in by_steps
        )


def read_api(document: Mapping[str, Any], classes: Mapping[str, str]) -> Api:
    """Read the operations of a document.

    Args:
        document: The document in canonical form.
        classes: The class of each component, by its name in the document.

    Raises:
        CodegenError: A part of the document or of `x-statebase` cannot be turned into code.
    """
    routes = parse(document, classes)
    operations = tuple(
        _Reader(document, classes, path, method, route).operation() for (path, method), route in routes.items()
    )
    known = namespaces(document)
    _refuse_clashes(
        operations, {f"{name}.{each}" for name, namespace in known.items() for each in namespace.step_names}
    )
    used = {method.split(".")[0]: "" for operation in operations for method in operation.methods}
    for name in known:
        if name not in used:
            raise CodegenError(pointer(NAMESPACES, name), "The namespace has no methods.")
    descriptions = {tag["name"]: tag.get("description", "") for tag in document.get("tags", [])}
    return Api(
        operations,
        {
            name: known.get(name, Namespace(descriptions.get(name, "")))
            for name in [*known, *sorted(used.keys() - known.keys())]
        },
    )


def _refuse_clashes(operations: tuple[Operation, ...], by_steps: set[str]) -> None:
    taken: dict[tuple[str, str], Operation] = {}
    for operation in operations:
        place = pointer("paths", operation.path, operation.method.lower())
        # The models of query strings are named after the operations.
        methods = [method for method in operation.methods if method not in by_steps]  # one may call several operations
        names_of = {"operation": [operation.id], "class name": [camel_case(operation.id)], "method": methods}
        for kind, names in names_of.items():
            for name in names:
                other = taken.setdefault((kind, name), operation)
                if other is not operation:
                    raise CodegenError(
                        place, f"{other.method} {other.path} already has the {kind} {name}. Rename one in x-statebase."
                    )


class _Reader:
    """Reads one operation."""

    def __init__(
        self, document: Mapping[str, Any], classes: Mapping[str, str], path: str, method: str, route: Route
    ) -> None:
        self._namespaces = namespaces(document)
        self._schemas: Mapping[str, Any] = document["components"]["schemas"]
        self._classes = classes
        self._path = path
        self._method = method
        self._route = route
        self._source: Mapping[str, Any] = document["paths"][path][method]
        self._document_security: Any = document.get("security")
        self._place = pointer("paths", path, method)
        self._choices = operation_choices(self._source, self._place)

    def operation(self) -> Operation:
        identity = self._identity()
        status, result = self._result()
        parameters = read_parameters(self._source, self._route, self._path, self._schemas, self._place)
        parameters = adapted(parameters, self._choices.arguments, self._place)
        fallback = self._choices.fallback
        if fallback is not None:
            parameters = (*parameters, not_sent(fallback))
        parameters, positional = signature(parameters, self._choices.positional, self._place)
        methods = self._methods(identity)
        return Operation(
            id=identity,
            method=self._method.upper(),
            path=self._path,
            status=status,
            retry="safe" if self._choices.read else _RETRY.get(self._method, "safe"),
            is_open=self._source.get("security", self._document_security) == [],
            methods=methods,
            calls={m: self._namespaces.get(m.split(".")[0], Namespace()).call(m) for m in methods},
            parameters=parameters,
            positional=positional,
            body=self._route.body.type if self._route.body else None,
            result=result,
            result_class=self._choices.result,
            check=self._check(parameters),
            typed=self._typed(),
            fallback=fallback,
            page=self._choices.page,
            item=self._item(status, parameters),
            summary=self._source.get("summary", ""),
            description=self._source.get("description", ""),
            returns=self._source["responses"][str(status)]["description"],
            refuses=self._choices.refuses,
            errors=self._errors(),
            example=self._choices.example,
            deprecated=self._source.get("deprecated", False),
        )

    def _identity(self) -> str:
        identity = self._choices.id
        if identity is None:
            if "operationId" not in self._source:
                raise CodegenError(
                    self._place, "The operation has no operationId. Give it x-statebase.id in the overlay."
                )
            identity = operation_name(self._source["operationId"], self._method, self._path)
        if not is_name(identity) or identity in _RESERVED_IDS:
            raise CodegenError(self._place, f"{identity!r} cannot be the id of an operation. Give it x-statebase.id.")
        return identity

    def _methods(self, identity: str) -> tuple[str, ...]:
        methods = self._choices.methods
        place = below(self._place, "x-statebase", "methods")
        known = self._namespaces
        if methods is None:
            place = self._place
            tags = self._source.get("tags", [])
            if not tags:
                raise CodegenError(place, "The operation has no tag. Give it x-statebase.methods in the overlay.")
            methods = (f"{snake_case(tags[0])}.{identity}",)
        elif known:
            for method in methods:
                if method.split(".")[0] not in known:
                    raise CodegenError(place, f"There is no namespace for {method}: use {', '.join(known)}.")
        if not methods:
            raise CodegenError(place, "Name at least one method.")
        for method in methods:
            parts = method.split(".")
            if len(parts) != 2 or not all(is_name(part) for part in parts) or parts[1] in _RESERVED_METHODS:
                raise CodegenError(place, f"{method!r} cannot be a method: use <namespace>.<name>, in lower case.")
        return methods

    def _result(self) -> tuple[int, Type]:
        place = below(self._place, "responses")
        if len(self._route.answers) != 1:
            raise CodegenError(place, f"There must be one successful response, not {len(self._route.answers)}.")
        ((status, result),) = self._route.answers.items()
        if result.kind == "union":
            raise CodegenError(below(place, status), "A response with several types is not supported.")
        return status, result

    def _check(self, parameters: tuple[Parameter, ...]) -> Optional[Check]:
        check = self._choices.check
        if check is not None:
            place = below(self._place, "x-statebase", "check")
            names = [parameter.argument for parameter in parameters]
            if check.argument not in names:
                raise CodegenError(place, f"There is no parameter {check.argument}: use {', '.join(names) or 'none'}.")
            if self._choices.page is not None:
                raise CodegenError(place, "A page cannot be checked.")
        return check

    def _typed(self) -> Optional[Typed]:
        if self._choices.typed is not None and self._choices.page is not None:
            raise CodegenError(below(self._place, "x-statebase", "typed"), "A page cannot be typed.")
        return self._choices.typed

    def _item(self, status: int, parameters: tuple[Parameter, ...]) -> Optional[Type]:
        page = self._choices.page
        if page is None:
            return None
        place = below(self._place, "x-statebase", "page")
        if self._choices.result:
            raise CodegenError(place, "The response cannot be both a page and the class in result.")
        if any(parameter.location in ("header", "body") for parameter in parameters):
            raise CodegenError(place, "A page has parameters in its path and query only.")
        if not any(p.location == "query" and p.name == page.parameter for p in parameters):
            raise CodegenError(place, f"There is no query parameter {page.parameter}.")
        content = self._source["responses"][str(status)].get("content", {})
        fields = self._component(content.get("application/json", {}).get("schema", {})).get("properties", {})
        component = self._component(fields.get("data", {}).get("items", {}))
        if not component or fields.get("has_more", {}).get("type") != "boolean":
            raise CodegenError(place, "The response is not a page: it needs data, an array of objects, and has_more.")
        field = page.field or "id"
        if field not in component["properties"]:
            raise CodegenError(place, f"The items of the page have no {field}.")
        return Type("model", name=self._classes[referred(fields["data"]["items"])])

    def _component(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        return self._schemas[referred(schema)] if "$ref" in schema else {}

    def _errors(self) -> tuple[tuple[int, str], ...]:
        errors: list[tuple[int, str]] = []
        for status, answer in self._source["responses"].items():
            if re.fullmatch(r"4\d\d", status) and int(status) not in _EVERY_OPERATION_RAISES:
                errors.append((int(status), answer["description"]))
        return tuple(sorted(errors))
