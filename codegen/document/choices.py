"""Read `x-statebase` in the overlay: choices of the SDK that the document leaves open."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Mapping, Optional

from codegen.errors import CodegenError, below, pointer
from codegen.names import is_name

NAMESPACES = "x-statebase-namespaces"
_OPERATION_KEYS = {
    *("id", "methods", "positional", "arguments", "refuses", "page", "read", "result", "check", "typed", "fallback"),
    "example",
}
_ARGUMENT_KEYS = {"name", "type", "convert", "also", "default", "optional", "description"}
_NAMESPACE_KEYS = {"description", "client", "steps", "names", "raw", "also"}
_PAGE_KEYS = ({"cursor"}, {"before", "field"})


@dataclass(frozen=True)
class Page:
    """The way from one page of a list to the next."""

    parameter: str
    """The query parameter for the start of the next page."""
    field: Optional[str]
    """The field of the last item whose value is sent; None: its id."""


@dataclass(frozen=True)
class Namespace:
    """A group of methods of the clients."""

    description: str = ""
    """The description; empty if there is none."""
    client_path: Optional[str] = None
    """`client`, if the client itself has the methods (`client.health`) instead of an attribute for the namespace."""
    steps: tuple[str, ...] = ()
    """The paths of hand-written generators of steps, which become methods, also in place of generated ones."""
    names: Mapping[str, str] = field(default_factory=dict[str, str])
    """Other names of methods that steps carry out, with the names of their functions: `{create: add}`."""
    raw: tuple[str, ...] = ()
    """The names of those that `with_raw_response` has too, since they return the response of one call."""
    also: Optional[str] = None
    """Another name of the attribute."""

    @property
    def step_names(self) -> set[str]:
        """The names of the methods that steps carry out."""
        return {*(path.rpartition(".")[2] for path in self.steps), *self.names}

    def call(self, method: str) -> str:
        """Return the expression that calls a method of this namespace: `client.sessions.get` for `sessions.get`."""
        return f"client.{method.rpartition('.')[2] if self.client_path else method}"


@dataclass(frozen=True)
class Argument:
    """The differences between an argument of a method and its parameter in the document."""

    name: Optional[str] = None
    """Its name in Python, where that is not made of the name on the wire."""
    type_path: Optional[str] = None
    """The path of its type: `statebase._namespaces.turns.TurnInputLike`."""
    convert: Optional[str] = None
    """The path of the function that converts the argument; it takes the name and the value."""
    also: Optional[str] = None
    """Another name of the argument."""
    default: Optional[str] = None
    """The text to send if the argument is left out."""
    optional: bool = False
    """Whether it is optional in the signature although the document requires it; `convert` raises the error."""
    description: Optional[str] = None


@dataclass(frozen=True)
class Check:
    """A check of a response against an argument."""

    function: str
    """The path of a function that takes the argument and returns what checks the response, or None."""
    argument: str


@dataclass(frozen=True)
class Typed:
    """A result that a caller may get as a type of their own, the argument `as_`."""

    function: str
    """The path of a function that takes the type, and returns what converts the result, or None."""
    result: str
    """The path of the generic class of converted results."""


@dataclass(frozen=True)
class Fallback:
    """The result of a method if the service is unavailable, chosen by an argument that is not sent."""

    function: str
    """The path of a function that takes the argument and returns a `Fallback`, or None."""
    argument: str
    type_path: str
    """The path of the type of the argument."""
    default: str
    description: str


@dataclass(frozen=True)
class Choices:
    """The `x-statebase` of an operation; None for keys that it does not have."""

    id: Optional[str] = None
    methods: Optional[tuple[str, ...]] = None
    positional: Optional[tuple[str, ...]] = None
    arguments: Mapping[str, Argument] = field(default_factory=dict)
    refuses: Optional[str] = None
    """A description of the arguments that raise an error before anything is sent."""
    page: Optional[Page] = None
    read: bool = False
    result: Optional[str] = None
    check: Optional[Check] = None
    typed: Optional[Typed] = None
    fallback: Optional[Fallback] = None
    example: Optional[str] = None


@dataclass(frozen=True)
class TextChoices:
    """The `x-statebase` of a string."""

    values: tuple[str, ...] = ()
    """The known values of an open set; empty if it is not an open set."""
    mapping: bool = False
    """Whether the string contains a JSON object, so that a mapping can be passed too."""
    secret: bool = False
    """Whether the repr of the object must not show the string."""


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
        arguments=_arguments(given, below(place, "arguments")),
        refuses=_text(given, "refuses", place),
        page=_page(given["page"], below(place, "page")) if "page" in given else None,
        read=_flag(given, "read", place),
        result=_class_path(given, "result", place),
        check=_check(given["check"], below(place, "check")) if "check" in given else None,
        typed=_typed(given["typed"], below(place, "typed")) if "typed" in given else None,
        fallback=_fallback(given["fallback"], below(place, "fallback")) if "fallback" in given else None,
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
        steps = _texts(namespace, "steps", here) or ()
        names = _mapping(namespace.get("names", {}), below(here, "names"))
        raw = _texts(namespace, "raw", here) or ()
        for path in steps:
            _check_path(path, below(here, "steps"))
        for other, method in names.items():
            if not is_name(other) or method not in Namespace(steps=steps).step_names:
                raise CodegenError(below(here, "names", other), "This must be a name in Python, for one of the steps.")
        for method in raw:
            if method not in Namespace(steps=steps, names=names).step_names:
                raise CodegenError(below(here, "raw"), f"{method!r} is not the name of one of the steps.")
        result[name] = Namespace(
            description=_text(namespace, "description", here) or "",
            client_path=_class_path(namespace, "client", here),
            steps=steps,
            names=names,
            raw=raw,
            also=_name(namespace, "also", here),
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
        raise CodegenError(place, "Use one of values: [...], mapping: true and secret: true.")
    return choices


def _arguments(given: Mapping[str, Any], place: str) -> Mapping[str, Argument]:
    arguments: dict[str, Argument] = {}
    for name, source in _mapping(given.get("arguments", {}), place).items():
        here = below(place, name)
        argument = _mapping(source, here, _ARGUMENT_KEYS)
        for key in ("type", "convert"):
            if key in argument:
                _check_path(argument[key], below(here, key))
        if argument.get("optional") and "convert" not in argument:
            raise CodegenError(here, "optional: true also needs convert, a function that refuses a missing argument.")
        arguments[name] = Argument(
            name=_name(argument, "name", here),
            type_path=argument.get("type"),
            convert=argument.get("convert"),
            also=_name(argument, "also", here),
            default=_text(argument, "default", here),
            optional=_flag(argument, "optional", here),
            description=_text(argument, "description", here),
        )
    return arguments


def _check(given: Any, place: str) -> Check:
    check = _mapping(given, place, {"function", "argument"})
    function, argument = _text(check, "function", place), _text(check, "argument", place)
    if function is None or argument is None:
        raise CodegenError(place, "Give function and argument.")
    _check_path(function, below(place, "function"))
    return Check(function, argument)


def _typed(given: Any, place: str) -> Typed:
    typed = _mapping(given, place, {"function", "result"})
    function, result = _text(typed, "function", place), _class_path(typed, "result", place)
    if function is None or result is None:
        raise CodegenError(place, "Give function and result.")
    _check_path(function, below(place, "function"))
    return Typed(function, result)


def _fallback(given: Any, place: str) -> Fallback:
    keys = ("function", "argument", "type", "default", "description")
    source = _mapping(given, place, set(keys))
    values = [_text(source, key, place) or "" for key in keys]
    if not all(values):
        raise CodegenError(place, f"Give {', '.join(keys)}.")
    for key in ("function", "type"):
        _check_path(source[key], below(place, key))
    return Fallback(*values)


def _page(given: Any, place: str) -> Page:
    page = _mapping(given, place, set().union(*_PAGE_KEYS))
    if set(page) not in _PAGE_KEYS:
        raise CodegenError(place, "Use either cursor, or before and field.")
    parameter = _text(page, "cursor" if "cursor" in page else "before", place)
    if parameter is None:
        raise CodegenError(place, "The parameter is missing.")
    return Page(parameter, _text(page, "field", place))


def _class_path(given: Mapping[str, Any], key: str, place: str) -> Optional[str]:
    path = _text(given, key, place)
    if path is not None and not re.fullmatch(r"(statebase)(\.[a-z_][a-z0-9_]*)+\.[A-Z][A-Za-z0-9]*", path):
        raise CodegenError(below(place, key), f"{path!r} is not the path of a class of statebase.")
    return path


def _check_path(path: object, place: str) -> None:
    if not isinstance(path, str) or not re.fullmatch(r"statebase(\.[a-z_][a-z0-9_]*)+\.[A-Za-z][A-Za-z0-9_]*", path):
        raise CodegenError(place, f"{path!r} is not the path of a name of statebase.")


def _name(given: Mapping[str, Any], key: str, place: str) -> Optional[str]:
    name = _text(given, key, place)
    if name is not None and not is_name(name):
        raise CodegenError(below(place, key), f"{name!r} cannot be a name.")
    return name


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
        raise CodegenError(below(place, key), "A value is repeated.")
    return tuple(values)


def _flag(given: Mapping[str, Any], key: str, place: str) -> bool:
    value = given.get(key, False)
    if not isinstance(value, bool):
        raise CodegenError(below(place, key), "This must be true or false.")
    return value
