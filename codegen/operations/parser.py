"""Parse the document with openapi-python-client. Only this module uses the objects of that library.

The library reads parameters, bodies and responses with their types. Limits, defaults and fixed values are read from the
document; they are removed from the copy for the library, since some of them make it drop a value.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterable, Mapping, Optional, Union

from openapi_python_client.config import Config, ConfigFile, MetaType
from openapi_python_client.parser import GeneratorData
from openapi_python_client.parser.errors import GeneratorError, ParseError
from openapi_python_client.parser.openapi import Endpoint
from openapi_python_client.parser.properties.any import AnyProperty
from openapi_python_client.parser.properties.boolean import BooleanProperty
from openapi_python_client.parser.properties.datetime import DateTimeProperty
from openapi_python_client.parser.properties.float import FloatProperty
from openapi_python_client.parser.properties.int import IntProperty
from openapi_python_client.parser.properties.list_property import ListProperty
from openapi_python_client.parser.properties.model_property import ModelProperty
from openapi_python_client.parser.properties.none import NoneProperty
from openapi_python_client.parser.properties.protocol import PropertyProtocol
from openapi_python_client.parser.properties.string import StringProperty
from openapi_python_client.parser.properties.union import UnionProperty
from openapi_python_client.schema.untrusted_string import UntrustedString

from codegen.errors import CodegenError, pointer
from codegen.operations.value_types import Kind, Type

_KINDS: dict[type[object], Kind] = {
    AnyProperty: "any",
    BooleanProperty: "boolean",
    DateTimeProperty: "timestamp",
    FloatProperty: "number",
    IntProperty: "integer",
    NoneProperty: "null",
    StringProperty: "text",
}
_SCHEMAS = "/components/schemas/"


@dataclass(frozen=True)
class Body:
    """The JSON body of a request."""

    type: Type
    fields: Mapping[str, Type]
    """The properties of a model, by name; none for any other body."""


@dataclass(frozen=True)
class Route:
    """One operation as read by the library, with the names in the document."""

    parameters: Mapping[tuple[str, str], Type]
    """The types of the parameters, by location (path, query, header) and name."""
    body: Optional[Body]
    answers: Mapping[int, Type]
    """The types of the successful responses, by status."""


def parse(document: Mapping[str, Any], classes: Mapping[str, str]) -> dict[tuple[str, str], Route]:
    """Parse the operations of a document.

    Args:
        document: The document in canonical form.
        classes: The class of each component, by its name in the document.

    Returns:
        The operations by path and method.

    Raises:
        CodegenError: The library failed, warned, or dropped something.
    """
    keys = [(path, method) for path, item in document["paths"].items() for method in item]
    config = Config.from_sources(
        ConfigFile(post_hooks=[]), MetaType("none"), Path("openapi.json"), "utf-8", False, None
    )
    try:
        data = GeneratorData.from_dict(_shape(document, keys), config=config)
    except Exception as error:
        raise CodegenError("#", f"openapi-python-client failed: {error!r}") from error
    if isinstance(data, GeneratorError):
        raise _failure("#", data)
    for warning in data.errors:
        raise _failure(pointer("components"), warning)
    endpoints: dict[str, Endpoint] = {}
    for collection in data.endpoint_collections_by_tag.values():
        for warning in collection.parse_errors:
            # The library names the operation only in the text of its warning.
            named = [key for key in keys if f"{key[1].upper()} {key[0]} within" in warning.header]
            raise _failure(pointer("paths", *named[0]) if named else pointer("paths"), warning)
        endpoints.update((endpoint.name, endpoint) for endpoint in collection.endpoints)

    routes: dict[tuple[str, str], Route] = {}
    for number, (path, method) in enumerate(keys):
        place = pointer("paths", path, method)
        endpoint = endpoints.get(_label(number))
        if endpoint is None:
            raise CodegenError(place, "openapi-python-client dropped the operation without a warning.")
        routes[path, method] = _route(endpoint, classes, place)
    return routes


def _shape(document: Mapping[str, Any], keys: list[tuple[str, str]]) -> dict[str, Any]:
    """Copy the document without limits, defaults and fixed values, and with labels as operationIds."""
    shape: dict[str, Any] = _without_values(document)
    for number, (path, method) in enumerate(keys):
        shape["paths"][path][method]["operationId"] = _label(number)
    return shape


def _without_values(node: Any, names: bool = False) -> Any:
    """Copy a part of the document; `names`: the keys of this mapping are names, not keywords."""
    if isinstance(node, list):
        return [_without_values(item) for item in node]
    if not isinstance(node, dict):
        return node
    dropped = () if names else ("default", "enum", "x-statebase")
    return {
        key: _without_values(value, key in ("properties", "schemas", "paths", "responses") and not names)
        for key, value in node.items()
        if key not in dropped
    }


def _label(number: int) -> str:
    return f"operation_{number}"


def _route(endpoint: Endpoint, classes: Mapping[str, str], place: str) -> Route:
    parameters: dict[tuple[str, str], Type] = {}
    for location, prop in endpoint.iter_all_parameters():
        parameters[str(location.value), _raw(prop.name)] = _type(prop, classes, place)
    answers: dict[int, Type] = {}
    for response in endpoint.responses.patterns:
        bounds = response.status_code.range
        if bounds is None or not 200 <= bounds[0] < 300:
            continue
        if bounds[0] != bounds[1]:
            raise CodegenError(place, "A range of statuses for success is not supported. Name one status.")
        empty = response.source["return_type"] == "None"
        answers[bounds[0]] = Type("null") if empty else _type(response.prop, classes, place)
    if len(endpoint.bodies) > 1:
        raise CodegenError(place, "Several kinds of request bodies are not supported.")
    body = _body(endpoint.bodies[0].prop, classes, place) if endpoint.bodies else None
    return Route(parameters, body, answers)


def _body(prop: PropertyProtocol, classes: Mapping[str, str], place: str) -> Body:
    type_ = _type(prop, classes, place)
    fields: dict[str, Type] = {}
    if type_.kind == "model" and isinstance(prop, ModelProperty):
        for field in _properties(prop):
            fields[_raw(field.name)] = _type(field, classes, place)
    return Body(type_, fields)


def _properties(prop: ModelProperty) -> Iterable[PropertyProtocol]:
    return [*(prop.required_properties or ()), *(prop.optional_properties or ())]


def _type(prop: PropertyProtocol, classes: Mapping[str, str], place: str) -> Type:
    kind = _KINDS.get(type(prop))
    if kind is not None:
        return Type(kind)
    if isinstance(prop, UnionProperty):
        return Type("union", tuple(_type(item, classes, place) for item in prop.inner_properties))
    if isinstance(prop, ListProperty):
        return Type("list", (_type(prop.inner_property, classes, place),))
    if isinstance(prop, ModelProperty):
        return _object(prop, classes, place)
    raise CodegenError(place, f"The generator does not know the library's {type(prop).__name__}.")


def _object(prop: ModelProperty, classes: Mapping[str, str], place: str) -> Type:
    if not prop.data.properties:
        values = prop.additional_properties
        return Type("map", (Type("any") if values is None else _type(values, classes, place),))
    # The library has its own rules for class names; both generators share the pointer of the component.
    components = [_raw(root).removeprefix(_SCHEMAS) for root in prop.roots if _raw(root).startswith(_SCHEMAS)]
    found = [classes[name] for name in components if name in classes]
    if len(found) != 1:
        raise CodegenError(place, f"The object {_raw(prop.name)!r} cannot be identified. Make it a named schema.")
    return Type("model", name=found[0])


def _raw(text: object) -> str:
    return text.get_untrusted_value() if isinstance(text, UntrustedString) else str(text)


def _failure(place: str, error: Union[GeneratorError, ParseError]) -> CodegenError:
    text = " ".join(f"{error.header} {error.detail or ''}".split())
    return CodegenError(place, f"openapi-python-client: {text}")
