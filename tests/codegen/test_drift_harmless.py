"""Two documents that say the same thing differ in nothing, however they are written."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any, cast

import pytest

from codegen.document import overlay
from codegen.drift.compare import compare

ROOT = Path(__file__).resolve().parents[2]


def document(schema: object, **components: object) -> dict[str, Any]:
    """Return a document that has the schema in a request, a response and a parameter."""
    content = {"application/json": {"schema": schema}}
    operation = {
        "operationId": "change",
        "parameters": [{"name": "q", "in": "query", "schema": schema}],
        "requestBody": {"content": content},
        "responses": {"200": {"description": "", "content": content}},
    }
    return {"openapi": "3.1.0", "paths": {"/": {"post": operation}}, "components": {"schemas": components}}


@pytest.fixture(scope="module")
def published() -> dict[str, Any]:
    """The document of the service."""
    found: dict[str, Any] = json.loads((ROOT / "openapi" / "statebase-v1.json").read_text(encoding="utf-8"))
    return found


A_THING = {"type": "object", "properties": {"a": {"type": "string"}}}
THING = {"$ref": "#/components/schemas/Thing"}

SAME: dict[str, tuple[object, object]] = {
    "type list and anyOf": ({"type": ["string", "null"]}, {"anyOf": [{"type": "string"}, {"type": "null"}]}),
    "nullable of 3.0": ({"type": "string", "nullable": True}, {"type": ["null", "string"]}),
    "oneOf and nullable": ({"oneOf": [{"type": "string"}, {"type": "null"}]}, {"type": "string", "nullable": True}),
    "nullable reference of 3.0": ({"anyOf": [THING, {"type": "null"}]}, {"allOf": [THING], "nullable": True}),
    "order of anyOf": ({"anyOf": [THING, {"type": "null"}]}, {"anyOf": [{"type": "null"}, THING]}),
    "allOf of one": ({"allOf": [THING]}, THING),
    "reference with text": (
        {"$ref": "#/components/schemas/Thing", "description": "A thing."},
        {"allOf": [THING], "title": "T"},
    ),
    "order of enum": ({"enum": ["a", "b"], "type": "string"}, {"type": "string", "enum": ["b", "a"]}),
    "const and enum": ({"const": "a"}, {"enum": ["a"]}),
    "consts and enum": ({"anyOf": [{"const": "a"}, {"const": "b"}]}, {"enum": ["a", "b"]}),
    "null in enum": ({"type": ["string", "null"], "enum": ["a", None]}, {"anyOf": [{"const": "a"}, {"type": "null"}]}),
    "default null": ({"type": "string", "default": None}, {"type": "string"}),
    "documentation": ({"type": "string", "title": "A", "description": "B", "example": "c"}, {"type": "string"}),
    "extension": ({"type": "string", "x-note": 1}, {"type": "string"}),
    "other keys": ({"type": "object", "additionalProperties": True}, {"type": "object"}),
    "any other keys": ({"type": "object", "additionalProperties": {}}, {"type": "object"}),
    "implied type": ({**A_THING, "required": ["a"]}, {"required": ["a"], "properties": A_THING["properties"]}),
    "allOf of parts": ({"allOf": [A_THING, {"required": ["a"]}]}, {**A_THING, "required": ["a"]}),
    "limit beside anyOf": (
        {"anyOf": [{"type": "integer"}, {"type": "null"}], "minimum": 1},
        {"anyOf": [{"type": "integer", "minimum": 1}, {"type": "null"}]},
    ),
    "stricter limit of allOf": (
        {"allOf": [{"type": "integer", "minimum": 1}, {"minimum": 3}]},
        {"type": "integer", "minimum": 3},
    ),
    "lower upper limit of allOf": (
        {"allOf": [{"type": "integer", "maximum": 9}, {"maximum": 5}]},
        {"type": "integer", "maximum": 5},
    ),
    "allOf with anything": ({"allOf": [{}, A_THING]}, A_THING),
    "anything of allOf": ({"allOf": [A_THING, {}]}, A_THING),
    "integer of number in allOf": ({"allOf": [{"type": "integer"}, {"type": "number"}]}, {"type": "integer"}),
    "required twice": (
        {"allOf": [{**A_THING, "required": ["a"]}, {"required": ["b", "a"]}]},
        {**A_THING, "required": ["a", "b"]},
    ),
    "same property twice": (
        {"allOf": [A_THING, {"properties": {"a": {"minLength": 2}}}]},
        {"type": "object", "properties": {"a": {"type": "string", "minLength": 2}}},
    ),
    "values of both enums": ({"allOf": [{"enum": ["a", "b"]}, {"enum": ["b", "c"]}]}, {"enum": ["b"]}),
    "items of both arrays": (
        {"allOf": [{"type": "array", "items": {"type": "string"}}, {"items": {"maxLength": 3}}]},
        {"type": "array", "items": {"type": "string", "maxLength": 3}},
    ),
    "choices that fit": ({"allOf": [{"type": ["string", "integer"]}, {"type": "string"}]}, {"type": "string"}),
    "limit that is not exclusive in 3.0": (
        {"type": "integer", "minimum": 1, "exclusiveMinimum": False},
        {"type": "integer", "minimum": 1},
    ),
    "exclusive limit of 3.0": (
        {"type": "integer", "minimum": 1, "exclusiveMinimum": True},
        {"type": "integer", "exclusiveMinimum": 1},
    ),
    "limits that limit nothing": ({"type": "array", "uniqueItems": False, "minItems": 0}, {"type": "array"}),
    "any items": ({"type": "array", "items": {}}, {"type": "array"}),
    "anything": ({}, True),
}


@pytest.mark.parametrize(("one", "other"), SAME.values(), ids=SAME.keys())
def test_two_ways_to_say_one_thing_are_the_same(one: object, other: object) -> None:
    """The way in which a schema is written does not matter, in requests and responses."""
    first, second = document(one, Thing=A_THING), document(other, Thing=A_THING)

    assert compare(first, second) == []
    assert compare(second, first) == []


def without_texts(node: object) -> Any:
    """Return a document without what is only for people, and with every object the other way round."""
    if isinstance(node, dict):
        items = reversed(cast("dict[str, object]", node).items())
        texts = {"summary", "title", "description"}
        return {key: without_texts(value) for key, value in items if key not in texts or not isinstance(value, str)}
    return [without_texts(value) for value in cast("list[object]", node)] if isinstance(node, list) else node


def test_texts_and_order_make_no_difference(published: dict[str, Any]) -> None:
    """Documentation, titles and the order of keys are for people."""
    stripped = without_texts(published)
    for item in stripped["paths"].values():
        for operation in item.values():
            operation.get("parameters", []).reverse()
            operation["tags"] = ["other"]

    assert stripped != published
    assert compare(published, stripped) == []


def test_bodies_of_422_make_no_difference(published: dict[str, Any]) -> None:
    """The framework changes them from version to version."""
    newer = copy.deepcopy(published)
    newer["components"]["schemas"]["ValidationError"]["properties"] = {"input": {}, "ctx": {"type": "object"}}
    newer["components"]["schemas"]["ErrorContext"] = {"type": "object"}
    del newer["components"]["schemas"]["HTTPValidationError"]
    for item in newer["paths"].values():
        for operation in item.values():
            if "422" in operation["responses"]:
                operation["responses"]["422"]["content"] = {"text/plain": {"schema": {"type": "string"}}}

    assert compare(published, newer) == []


def test_sharing_parts_makes_no_difference() -> None:
    """Parameters, bodies, answers, headers and path items may be written in place or referred to."""
    header = {"schema": {"type": "string"}}
    parameter = {"name": "q", "in": "query", "schema": {"type": "string"}}
    body = {"content": {"application/json": {"schema": A_THING}}}
    answer = {"description": "", "headers": {"X-Id": header}, "content": {"application/json": {"schema": A_THING}}}
    in_place = {"/": {"post": {"parameters": [parameter], "requestBody": body, "responses": {"200": answer}}}}
    shared = {
        "parameters": {"Q": parameter},
        "requestBodies": {"B": body},
        "headers": {"H": header},
        "responses": {"A": {**answer, "headers": {"x-id": {"$ref": "#/components/headers/H"}}}},
        "pathItems": {
            "I": {
                "parameters": [{"$ref": "#/components/parameters/Q"}],
                "post": {
                    "requestBody": {"$ref": "#/components/requestBodies/B"},
                    "responses": {"200": {"$ref": "#/components/responses/A"}},
                },
            }
        },
    }
    referring = {"/": {"$ref": "#/components/pathItems/I"}}

    assert compare({"paths": in_place}, {"paths": referring, "components": shared}) == []


def test_sdk_choices_make_no_difference(published: dict[str, Any]) -> None:
    """Extensions of the overlay are not the service's business."""
    overlaid = overlay.apply(published, overlay.load(ROOT / "openapi" / "overlay.yaml"))
    plain = copy.deepcopy(overlaid)
    for item in plain["paths"].values():
        for operation in item.values():
            del operation["x-statebase"]

    assert compare(overlaid, plain) == []
