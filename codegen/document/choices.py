"""Read `x-statebase`: the choices that the SDK makes where the document leaves them open."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Mapping, Optional

from codegen.errors import CodegenError, below, pointer
from codegen.names import is_name

NAMESPACES = "x-statebase-namespaces"
_OPERATION_KEYS = {"id", "methods", "positional", "page", "read", "result", "example"}
_NAMESPACE_KEYS = {"description", "class", "client", "methods"}
_PAGE_KEYS = ({"cursor"}, {"before", "field"})


@dataclass(frozen=True)
class Page:
    """The way from one page of a list to the next."""

    parameter: str
    """The query parameter that says where the next page begins."""
    field: Optional[str]
    """The field of the last item that goes into it; None for the item's id."""


@dataclass(frozen=True)
class Namespace:
    """A group of methods of the clients."""

    description: str = ""
    """The description; empty if there is none."""
    class_path: Optional[str] = None
    """The hand-written class that takes the place of the generated one; its async twin is called Async..."""
    client_path: Optional[str] = None
    """The client, where it offers the methods itself (`client.health`) and has no attribute for the namespace."""
    methods: tuple[str, ...] = ()
    """The members of the class besides the operations."""

    def call(self, method: str) -> str:
        """Write how a method of this namespace is called: `client.sessions.get` for `sessions.get`."""
        return f"client.{method.rpartition('.')[2] if self.client_path else method}"


@dataclass(frozen=True)
class Choices:
    """The `x-statebase` of an operation; None for what it does not contain."""

    id: Optional[str] = None
    methods: Optional[tuple[str, ...]] = None
    positional: Optional[tuple[str, ...]] = None
    page: Optional[Page] = None
    read: bool = False
    result: Optional[str] = None
    example: Optional[str] = None


@dataclass(frozen=True)
class TextChoices:
    """The `x-statebase` of a string."""

    values: tuple[str, ...] = ()
    """The known values of an open set; none if it is not one."""
    mapping: bool = False
    """Whether the text holds a JSON object, so that a mapping can be given as well."""
    secret: bool = False
    """Whether what prints the object must not show the text."""


def operation_choices(operation: Mapping[str, Any], place: str) -> Choices:
    """Read and check the `x-statebase` of an operation."""
    if "x-statebase" not in operation:
        return Choices()
    place = below(place, "x-statebase")
    given = _mapping(operation["x-statebase"], place, _OPERATION_KEYS)
    return Choices(
        id=_text(given, "id", place),
        methods=_texts(given, "methods", place),
        positional=_texts(given, "positional", place),
        page=_page(given["page"], below(place, "page")) if "page" in given else None,
        read=_flag(given, "read", place),
        result=_class_path(given, "result", place),
        example=_text(given, "example", place),
    )


def namespaces(document: Mapping[str, Any]) -> Mapping[str, Namespace]:
    """Read the namespaces of the clients from the `x-statebase-namespaces` of the document."""
    place = pointer(NAMESPACES)
    result: dict[str, Namespace] = {}
    for name, given in _mapping(document.get(NAMESPACES, {}), place).items():
        if not is_name(name):
            raise CodegenError(place, f"{name!r} cannot be the name of a namespace.")
        here = below(place, name)
        namespace = _mapping(given, here, _NAMESPACE_KEYS)
        methods = _texts(namespace, "methods", here) or ()
        for method in methods:
            if not is_name(method):
                raise CodegenError(below(here, "methods"), f"{method!r} cannot be a method.")
        result[name] = Namespace(
            description=_text(namespace, "description", here) or "",
            class_path=_class_path(namespace, "class", here),
            client_path=_class_path(namespace, "client", here),
            methods=methods,
        )
    return result


def text_choices(schema: Mapping[str, Any], place: str) -> TextChoices:
    """Read and check the `x-statebase` of a schema, which must be a string schema."""
    if "x-statebase" not in schema:
        return TextChoices()
    place = below(place, "x-statebase")
    given = _mapping(schema["x-statebase"], place, {"values", "mapping", "secret"})
    choices = TextChoices(
        _texts(given, "values", place) or (), _flag(given, "mapping", place), _flag(given, "secret", place)
    )
    if [bool(choices.values), choices.mapping, choices.secret].count(True) != 1:
        raise CodegenError(place, "Say one of values: [...], mapping: true and secret: true.")
    return choices


def _page(given: Any, place: str) -> Page:
    page = _mapping(given, place, set().union(*_PAGE_KEYS))
    if set(page) not in _PAGE_KEYS:
        raise CodegenError(place, "Give either cursor, or before and field.")
    parameter = _text(page, "cursor" if "cursor" in page else "before", place)
    if parameter is None:
        raise CodegenError(place, "The parameter is missing.")
    return Page(parameter, _text(page, "field", place))


def _class_path(given: Mapping[str, Any], key: str, place: str) -> Optional[str]:
    path = _text(given, key, place)
    if path is not None and not re.fullmatch(r"(statebase)(\.[a-z_][a-z0-9_]*)+\.[A-Z][A-Za-z0-9]*", path):
        raise CodegenError(below(place, key), f"{path!r} is not the path of a class of statebase.")
    return path


def _mapping(given: Any, place: str, known: Optional[set[str]] = None) -> Mapping[str, Any]:
    if not isinstance(given, dict):
        raise CodegenError(place, "This must be a mapping.")
    for key in given:
        if known is not None and key not in known:
            raise CodegenError(below(place, key), f"There is no such key: use {', '.join(sorted(known))}.")
    return given


def _text(given: Mapping[str, Any], key: str, place: str) -> Optional[str]:
    value = given.get(key)
    if key in given and (not isinstance(value, str) or not value.strip()):
        raise CodegenError(below(place, key), "This must be a string.")
    return value


def _texts(given: Mapping[str, Any], key: str, place: str) -> Optional[tuple[str, ...]]:
    if key not in given:
        return None
    values = given[key]
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise CodegenError(below(place, key), "This must be a list of strings.")
    if len(set(values)) != len(values):
        raise CodegenError(below(place, key), "There is a value twice.")
    return tuple(values)


def _flag(given: Mapping[str, Any], key: str, place: str) -> bool:
    value = given.get(key, False)
    if not isinstance(value, bool):
        raise CodegenError(below(place, key), "This must be true or false.")
    return value
