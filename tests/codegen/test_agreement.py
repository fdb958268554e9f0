"""The generated package agrees with the document, which is read here without the generator's reading of it."""

from __future__ import annotations

import importlib
import inspect
import json
import re
import typing
from pathlib import Path
from typing import Any, Dict, Iterator, List

import pytest

from codegen.document import overlay
from codegen.names import argument_name
from statebase._base.operation import Cursor, Operation
from statebase._generated import models, operations, queries
from statebase._generated.transport import dashboard, entities, memory, sessions, state, system, traces

ROOT = Path(__file__).parents[2]
OPENAPI = ROOT / "openapi"
DOCUMENT: dict[str, Any] = overlay.apply(
    json.loads((OPENAPI / "statebase-v1.json").read_text(encoding="utf-8")), overlay.load(OPENAPI / "overlay.yaml")
)
MODULES = {
    module.__name__.rsplit(".", 1)[-1]: module
    for module in (dashboard, entities, memory, sessions, state, system, traces)
}
STEPS = {
    f"{namespace}.{function.rpartition('.')[2]}"
    for namespace, choices in DOCUMENT["x-statebase-namespaces"].items()
    for function in (*choices.get("steps", []), *choices.get("names", []))
}
"""The methods that are written by hand."""


def document_operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in DOCUMENT["paths"].items():
        for method, operation in item.items():
            yield method.upper(), path, operation


def resolved(node: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in node:
        target: Any = DOCUMENT
        for step in node["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        node = target
    return node


def parameters(operation: dict[str, Any], location: str) -> dict[str, dict[str, Any]]:
    found = [resolved(parameter) for parameter in operation.get("parameters", [])]
    return {parameter["name"]: parameter for parameter in found if parameter["in"] == location}


def success(operation: dict[str, Any]) -> tuple[int, Any]:
    ((status, answer),) = [(s, resolved(a)) for s, a in operation["responses"].items() if s.startswith("2")]
    return int(status), answer.get("content", {}).get("application/json", {}).get("schema")


def _fallback(operation: dict[str, Any]) -> list[str]:
    fallback = operation["x-statebase"].get("fallback")
    return [] if fallback is None else [fallback["argument"]]


def expected_result(schema: Any) -> Any:
    if schema is None:
        return type(None)
    if "$ref" in schema:
        return getattr(models, schema["$ref"].rsplit("/", 1)[-1])
    if schema["type"] == "array":
        return List[expected_result(schema["items"])]  # type: ignore[misc]
    return Dict[str, Any]


def table() -> dict[tuple[str, str], Operation[Any]]:
    return {(operation.method, operation.path): operation for operation in operations.OPERATIONS.values()}


CASES = [pytest.param(*case, id=f"{case[0]} {case[1]}") for case in document_operations()]


def test_no_operation_is_missing_or_made_up() -> None:
    """Each route of the document is in the table once, and nothing else is."""
    assert sorted(table()) == sorted((method, path) for method, path, _ in document_operations())
    assert len(operations.OPERATIONS) == len(table())


@pytest.mark.parametrize(("method", "path", "source"), CASES)
def test_an_operation_says_what_the_document_says(method: str, path: str, source: dict[str, Any]) -> None:
    """Status, result, body, and why it may be repeated."""
    choices = source.get("x-statebase", {})
    status, schema = success(source)
    operation = table()[method, path]

    assert operations.OPERATIONS[operation.id] is operation is getattr(operations, operation.id.upper())
    assert operation.status == status
    if "result" in choices:
        module, _, name = choices["result"].rpartition(".")
        assert operation.result is getattr(importlib.import_module(module), name)
    else:
        assert operation.result == expected_result(schema)
    body = source.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    assert operation.body == (None if body is None else expected_result(body))
    keyed = method in ("POST", "PATCH") and not choices.get("read")
    assert operation.retry == ("keyed" if keyed else "idempotent" if method in ("PUT", "DELETE") else "safe")


@pytest.mark.parametrize(("method", "path", "source"), CASES)
def test_its_name_and_its_page_are_those_of_the_overlay(method: str, path: str, source: dict[str, Any]) -> None:
    """The id without the framework's suffix unless the overlay names another; the methods; where a list goes on."""
    choices = source["x-statebase"]
    page = choices.get("page", {})
    suffix = re.sub(r"\W", "_", path) + "_" + method.lower()
    operation = table()[method, path]

    assert operation.id == choices.get("id", source["operationId"].removesuffix(suffix))
    assert list(operation.methods) == choices["methods"]
    if not page:
        assert operation.page is None
    elif "cursor" in page:
        assert operation.page == Cursor(page["cursor"])
    else:
        assert operation.page == Cursor(page["before"], page["field"])


@pytest.mark.parametrize(("method", "path", "source"), CASES)
def test_its_query_model_has_its_parameters(method: str, path: str, source: dict[str, Any]) -> None:
    """The model of the query string has a field for each parameter, required and with the default of the document."""
    expected = parameters(source, "query")
    model = queries.QUERIES.get(table()[method, path].id)

    assert (model is not None) == bool(expected)
    if model is not None:
        fields = model.model_fields
        assert sorted(fields) == sorted(expected)
        for name, parameter in expected.items():
            assert fields[name].is_required() == parameter["required"]
            assert fields[name].get_default() == parameter["schema"].get("default", fields[name].get_default())


@pytest.mark.parametrize(("method", "path", "source"), CASES)
def test_its_methods_take_what_the_document_takes(method: str, path: str, source: dict[str, Any]) -> None:
    """Both flavours have every parameter of path, query, headers and body, required ones without a default, and agree."""
    body = source.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    model = resolved(body)
    fields = {**parameters(source, "path"), **parameters(source, "query"), **model.get("properties", {})}
    required = {*parameters(source, "path"), *model.get("required", [])}
    required |= {name for name, parameter in parameters(source, "query").items() if parameter["required"]}
    positional = source["x-statebase"].get("positional")
    differs = source["x-statebase"].get("arguments", {})
    other_names = [argument["also"] for argument in differs.values() if "also" in argument]
    added = [*(["as_"] if "typed" in source["x-statebase"] else []), *_fallback(source)]
    required -= {name for name, argument in differs.items() if argument.get("optional")}
    headers = [argument_name(header) for header in parameters(source, "header")]
    names = [differs.get(name, {}).get("name", name) for name in (*fields, *headers)]

    for name in source["x-statebase"]["methods"]:
        namespace, attribute = name.split(".")
        classes = [getattr(MODULES[namespace], f"{p}{namespace.capitalize()}") for p in ("", "Async")]
        sync, twin = (inspect.signature(getattr(class_, attribute)) for class_ in classes)
        arguments = [p for p in list(sync.parameters.values())[1:] if p.kind is not p.VAR_KEYWORD]

        assert list(sync.parameters.values()) == list(twin.parameters.values())
        # The first page of a list may be awaited, or iterated.
        is_page = "page" in source["x-statebase"]
        assert inspect.iscoroutinefunction(getattr(classes[1], attribute)) is not is_page
        if name in STEPS:  # written by hand, over several operations
            continue
        assert sorted(p.name for p in arguments) == sorted([*names, *other_names, *added])
        assert {p.name for p in arguments if p.default is p.empty} == required
        by_position = [p.name for p in arguments if p.kind is p.POSITIONAL_OR_KEYWORD]
        assert by_position == positional if positional is not None else set(by_position) == required


@pytest.mark.parametrize("name", sorted(DOCUMENT["components"]["schemas"]))
def test_a_model_has_the_fields_of_its_schema(name: str) -> None:
    """Each schema is a model with its properties; only what must come, and cannot be null, is required of an answer."""
    schema = DOCUMENT["components"]["schemas"][name]
    fields = getattr(models, name).model_fields
    nullable = {key for key, value in schema["properties"].items() if {"type": "null"} in value.get("anyOf", [])}
    required = {key for key, field in fields.items() if field.is_required()}
    timestamps = {key for key, value in schema["properties"].items() if '"date-time"' in json.dumps(value)}
    hints = typing.get_type_hints(getattr(models, name))

    assert sorted(fields) == sorted(schema["properties"])
    assert set(schema.get("required", [])) - nullable <= required <= set(schema.get("required", []))
    assert {key for key in fields if "datetime.datetime" in str(hints[key])} == timestamps


def test_a_method_is_short() -> None:
    """With its docstring a method is something to read, not to scroll through; those of many arguments have more."""
    long = {
        f"{class_.__name__}.{name}": len(inspect.getsource(method).splitlines())
        for module in MODULES.values()
        for class_ in vars(module).values()
        if inspect.isclass(class_) and class_.__module__ == module.__name__
        for name, method in vars(class_).items()
        if inspect.isfunction(method)
        and len(inspect.getsource(method).splitlines())
        > (85 if f"{module.__name__.rsplit('.', 1)[-1]}.{name}" in STEPS else 60)
    }

    assert long == {}
