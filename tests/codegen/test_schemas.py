"""However a schema is written, both generators get it in one form."""

from __future__ import annotations

from typing import Any

import pytest

from codegen.document.schemas import Schemas

THING = {"$ref": "#/components/schemas/Thing"}
SIZE = {"$ref": "#/components/schemas/Size"}
COMPONENTS = {
    "Thing": {"type": "object", "properties": {"a": {"type": "string"}}},
    "Size": {"type": "string", "enum": ["s", "l"], "title": "Size", "description": "How big."},
    "Names": {"type": "array", "items": {"type": "string"}},
}
NULL = {"type": "null"}

CASES: dict[str, tuple[Any, Any]] = {
    "anything": (True, {}),
    "nothing said": ({"title": "A"}, {}),
    "format that is a hint": ({"type": "string", "format": "uuid"}, {"type": "string"}),
    "timestamp": ({"type": "string", "format": "date-time"}, {"type": "string", "format": "date-time"}),
    "null beside a scalar": (
        {"anyOf": [{"type": "integer", "minimum": 1}, NULL], "title": "A"},
        {"type": ["integer", "null"], "minimum": 1},
    ),
    "list of types": ({"type": ["integer", "null"], "minimum": 1}, {"type": ["integer", "null"], "minimum": 1}),
    "null beside a timestamp": (
        {"oneOf": [NULL, {"type": "string", "format": "date-time"}], "description": "When."},
        {"anyOf": [{"type": "string", "format": "date-time"}, NULL], "description": "When."},
    ),
    "null beside a reference": ({"anyOf": [THING, NULL]}, {"anyOf": [THING, NULL]}),
    "null beside a map": (
        {"type": ["object", "null"]},
        {"anyOf": [{"type": "object", "additionalProperties": True}, NULL]},
    ),
    "null beside a list": (
        {"anyOf": [{"$ref": "#/components/schemas/Names"}, NULL]},
        {"type": ["array", "null"], "items": {"type": "string"}},
    ),
    "reference to an object": ({**THING, "description": "One."}, {**THING, "description": "One."}),
    "reference to a scalar": (SIZE, {"type": "string", "enum": ["s", "l"], "description": "How big."}),
    "default beside a reference": (
        {**SIZE, "default": "s", "description": "Its."},
        {"type": "string", "enum": ["s", "l"], "description": "Its.", "default": "s"},
    ),
    "allOf of one": ({"allOf": [THING], "description": "One."}, {**THING, "description": "One."}),
    "constant": ({"const": "a"}, {"type": "string", "enum": ["a"]}),
    "null among fixed values": ({"enum": ["a", None]}, {"type": ["string", "null"], "enum": ["a"]}),
    "constant that is a truth value": ({"const": True, "type": "boolean"}, {"type": "boolean"}),
    "choice of two": (
        {"anyOf": [{"type": "integer"}, {"anyOf": [{"type": "string"}, NULL]}]},
        {"anyOf": [{"type": "integer"}, {"type": "string"}, NULL]},
    ),
    "choice of anything": ({"anyOf": [{}, {"type": "string"}], "description": "Any."}, {"description": "Any."}),
    "same thing twice": ({"anyOf": [{"type": "string"}, {"type": "string", "title": "B"}]}, {"type": "string"}),
    "map": ({"type": "object"}, {"type": "object", "additionalProperties": True}),
    "map of objects": (
        {"type": "object", "additionalProperties": THING},
        {"type": "object", "additionalProperties": THING},
    ),
}


@pytest.mark.parametrize(("schema", "expected"), CASES.values(), ids=CASES)
def test_one_form(schema: Any, expected: Any) -> None:
    """A schema is read into its canonical form."""
    assert Schemas(COMPONENTS).read(schema, "#") == expected


def test_an_object_within_an_object_gets_a_name() -> None:
    """An inline object becomes a schema named after the field; other inline schemas do not become models."""
    inner = {"type": "object", "required": ["b"], "properties": {"b": {"type": "string"}}}
    outer = {"type": "object", "properties": {"things": {"type": "array", "items": inner}}}

    schemas = Schemas({"Outer": outer, **COMPONENTS})

    assert list(schemas.models) == ["OuterThings", "Outer", "Thing"]
    assert schemas.models["OuterThings"] == inner
    assert schemas.models["Outer"]["properties"]["things"]["items"] == {"$ref": "#/components/schemas/OuterThings"}
