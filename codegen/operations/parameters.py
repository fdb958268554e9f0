"""The parameters of a method: from the path, the query, the headers and the body of an operation."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any, Iterator, Literal, Mapping, Optional

from codegen.document.choices import Argument, text_choices
from codegen.document.schemas import referred
from codegen.errors import CodegenError, below
from codegen.names import argument_name, is_name
from codegen.operations.parser import Route
from codegen.operations.value_types import Type
from codegen.prose import described, sentence

Location = Literal["path", "query", "header", "body"]

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
    """Its name on the wire."""
    location: Location
    type: Type
    required: bool
    description: str
    default: Optional[str] = None
    """The text that is sent where it is left out; None where nothing is sent."""
    convert: Optional[str] = None
    """The path of the function that makes what is sent."""
    also: Optional[str] = None
    """Another name of the argument, which is a parameter of the signature, too."""
    other_name_of: Optional[str] = None
    """The parameter that this is another name of."""


def read_parameters(
    operation: Mapping[str, Any], route: Route, path: str, schemas: Mapping[str, Any], place: str
) -> tuple[Parameter, ...]:
    """Read the parameters of an operation: those of the path, in its order, then query and headers, then the body.

    Args:
        operation: The operation in canonical form.
        route: The operation as the parser read it.
        path: Its path.
        schemas: The components of the document.
        place: Where the operation is.

    Raises:
        CodegenError: A parameter cannot be one of a method.
    """
    declared = list(_declared(operation, route, place))
    in_path = {parameter.name: parameter for parameter in declared if parameter.location == "path"}
    names = re.findall(r"\{([^{}]*)\}", path)
    if sorted(names) != sorted(in_path):
        raise CodegenError(place, f"The path has the parameters {names}, the operation declares {list(in_path)}.")
    others = [parameter for parameter in declared if parameter.location != "path"]
    return (*(in_path[name] for name in names), *others, *_of_body(operation, route, schemas, place))


def adapted(parameters: tuple[Parameter, ...], arguments: Mapping[str, Argument], place: str) -> tuple[Parameter, ...]:
    """Return parameters as the SDK takes them, those that are other names of some at the end.

    Args:
        parameters: The parameters as the document has them.
        arguments: What differs, by argument.
        place: Where the operation is.

    Raises:
        CodegenError: A name is none of a parameter, or a default stands for what is required.
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
            raise CodegenError(here, "The document requires this parameter: it has no default.")
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


def _adapted_type(type_: Type, path: Optional[str]) -> Type:
    if path is None:
        return type_
    nullable = [item for item in type_.items if item.kind == "null"]
    named = Type("named", name=path)
    return Type("union", (named, *nullable)) if nullable else named


def signature(
    parameters: tuple[Parameter, ...], positional: Optional[tuple[str, ...]], place: str
) -> tuple[tuple[Parameter, ...], int]:
    """Put parameters in the order of a signature.

    Args:
        parameters: The parameters of an operation.
        positional: The names of those that may be given by position; None for all that are required and no headers.
        place: Where the operation is.

    Returns:
        The parameters, those that may be given by position first, and how many these are.

    Raises:
        CodegenError: Two parameters clash, or `positional` does not fit them.
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
            raise CodegenError(inner, "openapi-python-client dropped the parameter without a word.")
        item = type_.items[0] if location == "query" and type_.kind == "list" else type_
        if not item.scalar or (location == "path" and type_.kind not in ("text", "integer")):
            raise CodegenError(inner, f"A value of this type cannot stand in the {location}.")
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
                raise CodegenError(below(place, name), "openapi-python-client dropped the property without a word.")
            yield _parameter(name, "body", type_, name in component["required"], field, below(place, name))
    else:
        raise CodegenError(place, "The body of a request must be an object.")


def _parameter(
    name: str, location: Location, type_: Type, required: bool, schema: Mapping[str, Any], place: str
) -> Parameter:
    narrowed, description = _narrowed(type_, schema, place), described(schema)
    if Type("object_text") in (narrowed, *narrowed.items):
        # The client writes a mapping as text in a query only; in a body it stays an object.
        if location != "query":
            raise CodegenError(below(place, "x-statebase"), f"A mapping cannot stand for a text in the {location}.")
        description = f"{description} A mapping is written as one.".lstrip()
    return Parameter(argument_name(name), name, location, narrowed, required, description)


def _narrowed(type_: Type, schema: Mapping[str, Any], place: str) -> Type:
    """Put the fixed or the known values of a schema into its type."""
    if type_.kind == "union":
        return replace(type_, items=tuple(_narrowed(item, schema, place) for item in type_.items))
    if type_.kind == "list":
        return replace(type_, items=(_narrowed(type_.items[0], schema.get("items", {}), place),))
    if type_.kind in ("text", "integer") and "enum" in schema:
        return Type("closed", values=tuple(schema["enum"]))
    choices = text_choices(schema, place)
    if type_.kind == "text" and choices.mapping:
        return Type("object_text")
    return Type("open", values=choices.values) if type_.kind == "text" and choices.values else type_
