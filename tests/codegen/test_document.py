"""The checked-in document is valid, says what everything means, and fits its overlay."""

from __future__ import annotations

import collections
import json
from pathlib import Path
from typing import Any, Iterator

import pytest
from openapi_spec_validator import validate

from codegen.document import overlay
from codegen.names import operation_name

OPENAPI = Path(__file__).resolve().parents[2] / "openapi"
TEXT = (OPENAPI / "statebase-v1.json").read_text(encoding="utf-8")
PUBLISHED: dict[str, Any] = json.loads(TEXT)
OVERLAY = overlay.load(OPENAPI / "overlay.yaml")
OVERLAID = overlay.apply(PUBLISHED, OVERLAY)
SCHEMAS: dict[str, Any] = OVERLAID["components"]["schemas"]


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield path, method and operation of the overlaid document."""
    for path, item in OVERLAID["paths"].items():
        for method, operation in item.items():
            yield path, method, operation


OPERATIONS = [pytest.param(*found, id=f"{found[1].upper()} {found[0]}") for found in operations()]


@pytest.mark.parametrize("document", [PUBLISHED, OVERLAID], ids=["published", "overlaid"])
def test_document_is_valid(document: dict[str, Any]) -> None:
    """It is OpenAPI 3.1, before and after the overlay."""
    validate(document)


def test_document_is_written_in_one_way() -> None:
    """The same content has the same bytes: replacing the document shows what changed and nothing else."""
    assert json.dumps(PUBLISHED, indent=2, ensure_ascii=False) + "\n" == TEXT


@pytest.mark.parametrize(("path", "method", "operation"), OPERATIONS)
def test_operation_is_described(path: str, method: str, operation: dict[str, Any]) -> None:
    """It has a sentence for a title, says more than that, and so do its parameters and answers."""
    assert operation["summary"].endswith(".")
    assert operation["description"] not in ("", operation["summary"])
    for parameter in operation.get("parameters", []):
        assert parameter["description"].endswith("."), parameter["name"]
    for status, answer in operation["responses"].items():
        if "$ref" in answer:
            answer = OVERLAID["components"]["responses"][answer["$ref"].rsplit("/", 1)[-1]]
        assert answer["description"], status


@pytest.mark.parametrize("name", SCHEMAS)
def test_schema_is_described(name: str) -> None:
    """It says what it is, and what each of its fields means."""
    assert SCHEMAS[name]["description"].endswith(".")
    for field, schema in SCHEMAS[name]["properties"].items():
        assert schema["description"].endswith("."), field


@pytest.mark.parametrize("action", OVERLAY["actions"], ids=lambda action: action["target"])
def test_action_has_a_reason_and_a_source(action: dict[str, Any]) -> None:
    """Every addition to the document of the service has its reason and source."""
    reason, _, source = action["description"].partition(" Source: ")

    assert reason.endswith(".")
    assert source.endswith(".")


def test_every_operation_has_a_place_in_the_sdk() -> None:
    """It says under which names the client offers it; no two have the same, unless a method calls several."""
    names = collections.Counter(name for *_, operation in operations() for name in operation["x-statebase"]["methods"])

    assert all(operation["x-statebase"]["methods"] for *_, operation in operations())
    assert sorted(name for name, uses in names.items() if uses > 1) == ["memory.add", "memory.search"]


def test_every_operation_has_a_name_of_its_own() -> None:
    """It is that of the SDK's choice, or else what the service calls it."""
    names = [
        operation["x-statebase"].get("id") or operation_name(operation["operationId"], method, path)
        for path, method, operation in operations()
    ]

    assert len(set(names)) == len(names)


def test_every_namespace_is_described() -> None:
    """The namespaces that the methods are in are those that the overlay describes."""
    used = {name.split(".")[0] for *_, operation in operations() for name in operation["x-statebase"]["methods"]}

    assert OVERLAID["x-statebase-namespaces"].keys() == used


@pytest.mark.parametrize(("path", "method", "operation"), OPERATIONS)
def test_positional_arguments_exist(path: str, method: str, operation: dict[str, Any]) -> None:
    """Positional arguments are parameters or fields of the request, those of the path first."""
    in_path = [parameter["name"] for parameter in operation.get("parameters", []) if parameter["in"] == "path"]
    in_query = [parameter["name"] for parameter in operation.get("parameters", []) if parameter["in"] == "query"]
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {"schema": {}})
    body = SCHEMAS.get(content["schema"].get("$ref", "").rsplit("/", 1)[-1], {"properties": {}})
    positional = operation["x-statebase"].get("positional", in_path)
    other_names = {argument.get("also") for argument in operation["x-statebase"].get("arguments", {}).values()}

    assert positional[: len(in_path)] == in_path
    assert set(positional) <= {*in_path, *in_query, *body["properties"], *other_names}


@pytest.mark.parametrize(("path", "method", "operation"), OPERATIONS)
def test_page_can_be_followed(path: str, method: str, operation: dict[str, Any]) -> None:
    """A list that may have more to come says how to get it, by a parameter that it has."""
    success = next(answer for status, answer in operation["responses"].items() if status.startswith("2"))
    schema = success.get("content", {}).get("application/json", {}).get("schema", {})
    fields = SCHEMAS.get(schema.get("$ref", "").rsplit("/", 1)[-1], {"properties": {}})["properties"]
    page = operation["x-statebase"].get("page", {})
    parameters = {parameter["name"] for parameter in operation.get("parameters", [])}

    assert bool(page) == ("has_more" in fields)
    assert {page[key] for key in ("cursor", "before") if key in page} <= parameters


@pytest.mark.parametrize(("path", "method", "operation"), OPERATIONS)
def test_error_answers_are_complete(path: str, method: str, operation: dict[str, Any]) -> None:
    """Operations that name something can miss it, writes with a key can conflict, and bodies can be too large."""
    answers = operation["responses"].keys()

    assert {"500", "503"} <= answers
    assert {"401", "403", "429"} <= answers or path == "/" or path.startswith("/health")
    assert "404" in answers or "{" not in path
    assert ("409" in answers) == (method in ("post", "patch"))
    assert ("413" in answers) == ("requestBody" in operation)
