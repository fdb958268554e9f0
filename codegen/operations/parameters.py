"""The parameters of a method: from the path, the query, the headers and the body of an operation."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any, Iterator, Literal, Mapping, Optional

from codegen.document.choices import Argument, Fallback
from codegen.document.schemas import referred
from codegen.errors import CodegenError, below
from codegen.names import argument_name, is_name
from codegen.operations.enums import with_known_values
from codegen.operations.parser import Route
from codegen.operations.value_types import Type
from codegen.prose import described, sentence

Location = Literal["path", "query", "header", "body", "client"]
"""The part of the request; `client`: the parameter is not sent."""

_SENT_BY_THE_SDK = {"accept", "authorization", "content-type", "idempotency-key", "user-agent", "x-api-key"}
_RESERVED = {
    *("self", "options", "operations", "either"),
    *("timeout", "extra_headers", "extra_query", "extra_body", "max_retries", "deadline", "idempotency_key"),
}


@dataclass(frozen=True)
class Parameter:
    """One parameter of a method."""

    argument: str
    """Its name in Python."""
    name: str
    """Its name in the request."""
    location: Location
    type: Type
    required: bool
    description: str
    default: Optional[str] = None
    """The text to send if it is left out; None: nothing is sent."""
    convert: Optional[str] = None
    """The path of the function that converts the argument."""
    also: Optional[str] = None
    """A second name of the argument, which is also in the signature."""
    other_name_of: Optional[str] = None
    """The parameter whose second name this is."""


def read_parameters(
    operation: Mapping[str, Any], route: Route, path: str, schemas: Mapping[str, Any], place: str
) -> tuple[Parameter, ...]:
    """Read the parameters of an operation: path parameters in order, then query and headers, then the body.

    Args:
        operation: The operation in canonical form.
        route: The operation as read by the parser.
        path: Its path.
        schemas: The components of the document.
        place: The location of the operation.

    Raises:
        CodegenError: A parameter cannot be a parameter of a method.
    """
    declared = list(_declared(operation, route, place))
    in_path = {parameter.name: parameter for parameter in declared if parameter.location == "path"}
    names = re.findall(r"\{([^{}]*)\}", path)
    if sorted(names) != sorted(in_path):
        raise CodegenError(place, f"The path has the parameters {names}, the operation declares {list(in_path)}.")
    others = [parameter for parameter in declared if parameter.location != "path"]
    return (*(in_path[name] for name in names), *others, *_of_body(operation, route, schemas, place))


def adapted(parameters: tuple[Parameter, ...], arguments: Mapping[str, Argument], place: str) -> tuple[Parameter, ...]:
    """Apply the differences in `x-statebase.arguments` to parameters; second names come at the end.

    Args:
        parameters: The parameters in the document.
        arguments: The differences, by argument.
        place: The location of the operation.

    Raises:
        CodegenError: There is no such parameter, or a required one has a default.
    """
    names = [parameter.argument for parameter in parameters]
    for name in arguments.keys() - names:
        here = below(place, "x-statebase", "arguments")
        raise CodegenError(here, f"There is no parameter {name}: use {', '.join(names) or 'none'}.")
    result: list[Parameter] = []
    others: list[Parameter] = []
    for parameter in parameters:
        name = parameter.argument
        argument = arguments.get(name, Argument())
        if argument.default is not None and parameter.required:
            here = below(place, "x-statebase", "arguments", name)
            raise CodegenError(here, "The document requires this parameter, so it cannot have a default.")
        parameter = replace(
            parameter,
            argument=argument.name or name,
            type=_adapted_type(parameter.type, argument.type_path),
            required=parameter.required and not argument.optional,
            description=sentence(argument.description) if argument.description else parameter.description,
            default=argument.default,
            convert=argument.convert,
            also=argument.also,
        )
        result.append(parameter)
        if argument.also is not None:
            others.append(
                replace(
                    parameter,
                    argument=argument.also,
                    required=False,
                    description=f"Another name for `{parameter.argument}`.",
                    default=None,
                    also=None,
                    other_name_of=parameter.argument,
                )
            )
    return (*result, *others)


def not_sent(fallback: Fallback) -> Parameter:
    """Return the parameter that chooses the result if the service is unavailable."""
    type_ = Type("named", name=fallback.type_path)
    text = sentence(fallback.description)
    return Parameter(fallback.argument, fallback.argument, "client", type_, False, text, fallback.default)


def _adapted_type(type_: Type, path: Optional[str]) -> Type:
    if path is None:
        return type_
    nullable = [item for item in type_.items if item.kind == "null"]
    named = Type("named", name=path)
    return Type("union", (named, *nullable)) if nullable else named


def signature(
    parameters: tuple[Parameter, ...], positional: Optional[tuple[str, ...]], place: str
) -> tuple[tuple[Parameter, ...], int]:
    """Sort parameters in the order of a signature.

    Args:
        parameters: The parameters of an operation.
        positional: The names of the positional parameters; None: all that are required, except headers.
        place: The location of the operation.

    Returns:
        The parameters, positional ones first, and the number of positional ones.

    Raises:
        CodegenError: Two parameters have the same name, or `positional` does not match them.
    """
    by_argument: dict[str, Parameter] = {}
    for parameter in parameters:
        argument = parameter.argument
        if not is_name(argument):
            raise CodegenError(place, f"The parameter {parameter.name!r} has no name in Python.")
        if argument in _RESERVED:
            raise CodegenError(place, f"The parameter {parameter.name!r} clashes with an option of every method.")
        other = by_argument.setdefault(argument, parameter)
        if other is not parameter:
            kinds = (
                f"{other.location} parameter {other.name!r} and the {parameter.location} parameter {parameter.name!r}"
            )
            raise CodegenError(place, f"The {kinds} are both called {argument}.")
    for parameter in parameters:
        function = (parameter.convert or "").rpartition(".")[2]
        if function in by_argument:
            raise CodegenError(place, f"The function {parameter.convert} has the name of a parameter: rename it.")
    if positional is None:
        positional = tuple(p.argument for p in parameters if p.required and p.location != "header")
    place = below(place, "x-statebase", "positional")
    optional = ""
    for name in positional:
        if name not in by_argument:
            raise CodegenError(place, f"There is no parameter {name}: use {', '.join(by_argument) or 'none'}.")
        if by_argument[name].required and optional:
            raise CodegenError(place, f"{name} is required and cannot come after {optional}, which is not.")
        optional = optional if by_argument[name].required else name
    first = tuple(by_argument.pop(name) for name in positional)
    return (*first, *by_argument.values()), len(first)


def _declared(operation: Mapping[str, Any], route: Route, place: str) -> Iterator[Parameter]:
    for source in operation["parameters"]:
        location, name = source["in"], source["name"]
        if location == "header" and name.lower() in _SENT_BY_THE_SDK:
            continue
        inner = below(place, "parameters", name)
        type_ = route.parameters.get((location, name))
        if type_ is None:
            raise CodegenError(inner, "openapi-python-client dropped the parameter without a warning.")
        item = type_.items[0] if location == "query" and type_.kind == "list" else type_
        if not item.scalar or (location == "path" and type_.kind not in ("text", "integer")):
            raise CodegenError(inner, f"A value of this type is not supported in the {location}.")
        yield _parameter(name, location, type_, source["required"], source["schema"], inner)


def _of_body(operation: Mapping[str, Any], route: Route, schemas: Mapping[str, Any], place: str) -> Iterator[Parameter]:
    if route.body is None:
        return
    body = operation["requestBody"]
    schema = body["content"]["application/json"]["schema"]
    place = below(place, "requestBody", "content", "application/json", "schema")
    if route.body.type.kind == "map":
        yield _parameter("body", "body", route.body.type, True, {"description": body.get("description", "")}, place)
    elif route.body.type.kind == "model":
        component = schemas[referred(schema)]
        for name, field in component["properties"].items():
            type_ = route.body.fields.get(name)
            if type_ is None:
                raise CodegenError(below(place, name), "openapi-python-client dropped the property without a warning.")
            yield _parameter(name, "body", type_, name in component["required"], field, below(place, name))
    else:
        raise CodegenError(place, "The body of a request must be an object.")


def _parameter(
    name: str, location: Location, type_: Type, required: bool, schema: Mapping[str, Any], place: str
) -> Parameter:
    narrowed, description = with_known_values(type_, schema, place), described(schema)
    if Type("object_text") in (narrowed, *narrowed.items):
        # The client converts a mapping to text only in a query; in a body it stays an object.
        if location != "query":
            raise CodegenError(below(place, "x-statebase"), f"A mapping cannot be a string in the {location}.")
        description = f"{description} A mapping is written as JSON.".lstrip()
    return Parameter(argument_name(name), name, location, narrowed, required, description)
