"""A changed schema breaks clients or not, depending on whether they send the value or get it."""

from __future__ import annotations

from typing import Any

import pytest

from codegen.drift.compare import Change, compare

STRING: dict[str, Any] = {"type": "string"}
INTEGER: dict[str, Any] = {"type": "integer"}
NULL: dict[str, Any] = {"type": "null"}
COLOURS = ["blue", "green", "red"]


def in_request(schema: object, **components: object) -> dict[str, Any]:
    """Return a document with one operation that takes the schema as its body."""
    operation = {
        "requestBody": {"required": True, "content": {"application/json": {"schema": schema}}},
        "responses": {"204": {"description": ""}},
    }
    return {"openapi": "3.1.0", "paths": {"/things": {"post": operation}}, "components": {"schemas": components}}


def in_response(schema: object, **components: object) -> dict[str, Any]:
    """Return a document with one operation that answers with the schema."""
    operation = {"responses": {"200": {"description": "", "content": {"application/json": {"schema": schema}}}}}
    return {"openapi": "3.1.0", "paths": {"/things": {"get": operation}}, "components": {"schemas": components}}


def thing(**properties: object) -> dict[str, Any]:
    """Return the schema of an object with optional properties."""
    return {"type": "object", "properties": properties}


def reference(name: str) -> dict[str, Any]:
    """Return a reference to a component."""
    return {"$ref": f"#/components/schemas/{name}"}


# Old schema, new schema, what is said of the change. Each fits fewer values than before.
NARROWED: dict[str, tuple[object, object, tuple[str, str]]] = {
    "required": (thing(a=STRING), {**thing(a=STRING), "required": ["a"]}, ("a", "is required")),
    "not null": ({"anyOf": [STRING, NULL]}, STRING, ("", "may no longer be null")),
    "not null in a type list": ({"type": ["string", "null"]}, STRING, ("", "may no longer be null")),
    "not null as in 3.0": ({**STRING, "nullable": True}, STRING, ("", "may no longer be null")),
    "one type of all": ({}, STRING, ("", "is string, was any")),
    "integer of number": ({"type": "number"}, INTEGER, ("", "is integer, was number")),
    "one type of two": ({"anyOf": [STRING, INTEGER]}, STRING, ("", "is string, was integer or string")),
    "fewer values": ({"enum": COLOURS}, {"enum": ["red"]}, ("", "may no longer be 'blue', 'green'")),
    "certain values": (STRING, {"enum": ["red"]}, ("", "is limited to 'red'")),
    "one value": ({"enum": ["red", "blue"]}, {"const": "red"}, ("", "may no longer be 'blue'")),
    "format": (STRING, {**STRING, "format": "date-time"}, ("", "now has format date-time")),
    "pattern": (STRING, {**STRING, "pattern": "^a"}, ("", "now has pattern ^a")),
    "lower limit": (STRING, {**STRING, "minLength": 1}, ("", "now has minLength 1")),
    "raised limit": ({**INTEGER, "minimum": 0}, {**INTEGER, "minimum": 1}, ("", "has minimum 1, was 0")),
    "lowered limit": ({**INTEGER, "maximum": 100}, {**INTEGER, "maximum": 50}, ("", "has maximum 50, was 100")),
    "limit of items": (
        {"type": "array", "items": STRING},
        {"type": "array", "items": {**STRING, "maxLength": 9}},
        ("[]", "now has maxLength 9"),
    ),
    "unique items": ({"type": "array"}, {"type": "array", "uniqueItems": True}, ("", "now has uniqueItems True")),
    "no other keys": (
        thing(),
        {**thing(), "additionalProperties": False},
        ("", "no longer takes keys that it does not name"),
    ),
    "type of other keys": (
        {"type": "object", "additionalProperties": {}},
        {"type": "object", "additionalProperties": STRING},
        ("{}", "is string, was any"),
    ),
    "deep": (thing(a=thing(b={"anyOf": [STRING, NULL]})), thing(a=thing(b=STRING)), ("a.b", "may no longer be null")),
    "oneOf": (
        {"oneOf": [STRING, INTEGER, NULL]},
        {"oneOf": [INTEGER, NULL]},
        ("", "is integer, was integer or string"),
    ),
    "part of allOf": (
        {"allOf": [thing(a=STRING), thing(b=STRING)]},
        {"allOf": [thing(a=STRING), {**thing(b=STRING), "required": ["b"]}]},
        ("b", "is required"),
    ),
}

# Old schema, new schema, what is said of the change. Each breaks whoever sends or gets the value.
DIFFERENT: dict[str, tuple[object, object, tuple[str, str]]] = {
    "field gone": (thing(a=STRING), thing(), ("a", "is gone")),
    "another type": (STRING, INTEGER, ("", "is integer, was string")),
    "another format": (
        {**STRING, "format": "date"},
        {**STRING, "format": "date-time"},
        ("", "has format date-time, was date"),
    ),
    "another default": (
        thing(a={**INTEGER, "default": 1}),
        thing(a={**INTEGER, "default": 2}),
        ("a", "has the default 2, was 1"),
    ),
    "no default": (thing(a={**INTEGER, "default": 1}), thing(a=INTEGER), ("a", "has the default None, was 1")),
    "default of another type": (
        thing(a={"default": True}),
        thing(a={"default": 1}),
        ("a", "has the default 1, was True"),
    ),
    "items of another type": (
        {"type": "array", "items": STRING},
        {"type": "array", "items": INTEGER},
        ("[]", "is integer, was string"),
    ),
    "another step": ({**INTEGER, "multipleOf": 2}, {**INTEGER, "multipleOf": 3}, ("", "has multipleOf 3, was 2")),
}

# Old schema, new schema, what is said of the change. None breaks anybody.
ADDED: dict[str, tuple[object, object, tuple[str, str]]] = {
    "field": (thing(), thing(a=STRING), ("a", "is new")),
    "deprecation": (thing(a=STRING), thing(a={**STRING, "deprecated": True}), ("a", "is deprecated")),
    "default": (thing(a=INTEGER), thing(a={**INTEGER, "default": 1}), ("a", "now has the default 1")),
}


def request_change(kind: Any, where: tuple[str, str]) -> Change:
    """Return the change that is expected of the body of the operation."""
    steps, message = where
    separator = " " if steps[:1] not in ("", "[", "{") else ""
    return Change(kind, f"POST /things request{separator}{steps}", message)


def response_change(kind: Any, where: tuple[str, str]) -> Change:
    """Return the change that is expected of the answer of the operation."""
    steps, message = where
    separator = " " if steps[:1] not in ("", "[", "{") else ""
    return Change(kind, f"GET /things response{separator}{steps}", message)


@pytest.mark.parametrize(("old", "new", "where"), NARROWED.values(), ids=NARROWED.keys())
def test_narrowing_breaks_requests_only(old: Any, new: Any, where: tuple[str, str]) -> None:
    """A narrower schema may refuse what a client sends, but returns nothing that the client does not know."""
    sent = compare(in_request(old), in_request(new))
    got = compare(in_response(old), in_response(new))

    assert sent == [request_change("breaking", where)]
    assert got == [response_change("additive", where)]


@pytest.mark.parametrize(("new", "old", "where"), NARROWED.values(), ids=NARROWED.keys())
def test_widening_breaks_responses_only(old: Any, new: Any, where: tuple[str, str]) -> None:
    """A wider schema accepts everything that a client sends, but may return what the client does not know."""
    sent = compare(in_request(old), in_request(new))
    got = compare(in_response(old), in_response(new))

    assert [change.kind for change in sent] == ["additive"]
    assert [change.kind for change in got] == ["breaking"]
    assert got[0].place == response_change("breaking", where).place


@pytest.mark.parametrize(("old", "new", "where"), DIFFERENT.values(), ids=DIFFERENT.keys())
def test_what_is_neither_wider_nor_narrower_breaks_both(old: Any, new: Any, where: tuple[str, str]) -> None:
    """A part that is removed or changes its meaning breaks clients that send or receive it."""
    sent = compare(in_request(old), in_request(new))
    got = compare(in_response(old), in_response(new))

    assert sent == [request_change("breaking", where)]
    assert got == [response_change("breaking", where)]


@pytest.mark.parametrize(("old", "new", "where"), ADDED.values(), ids=ADDED.keys())
def test_additions_break_nobody(old: Any, new: Any, where: tuple[str, str]) -> None:
    """An optional addition does not matter."""
    sent = compare(in_request(old), in_request(new))
    got = compare(in_response(old), in_response(new))

    assert sent == [request_change("additive", where)]
    assert got == [response_change("additive", where)]


def test_new_required_field_breaks_requests_only() -> None:
    """A client does not send the field that it does not know, and need not read it."""
    old, new = thing(), {**thing(a=STRING), "required": ["a"]}

    assert compare(in_request(old), in_request(new)) == [request_change("breaking", ("a", "is new and required"))]
    assert compare(in_response(old), in_response(new)) == [response_change("additive", ("a", "is new and required"))]


def test_component_is_reported_once_with_its_directions() -> None:
    """A component that many operations use is one line, breaking if one of its uses breaks."""
    old = in_request(reference("Thing"), Thing=thing(a=STRING))
    new = in_request(reference("Thing"), Thing={**thing(a=STRING), "required": ["a"]})
    for document in (old, new):
        answer = {"200": {"description": "", "content": {"application/json": {"schema": reference("Thing")}}}}
        for path in ("/one", "/two", "/three"):
            document["paths"][path] = {"get": {"responses": answer}}

    assert compare(old, new) == [Change("breaking", "Thing.a (request, response)", "is required")]


def test_component_is_reported_once_when_it_becomes_something_else() -> None:
    """Not its uses changed, but the component itself."""
    fields = thing(a=reference("Level"), b={"anyOf": [reference("Level"), NULL]})

    changes = compare(in_response(fields, Level=STRING), in_response(fields, Level={"anyOf": [INTEGER, NULL]}))

    assert changes == [
        Change("breaking", "Level (response)", "is integer, was string"),
        Change("breaking", "Level (response)", "may be null"),
    ]


def test_renamed_component_breaks_the_names_of_the_sdk() -> None:
    """The class that is generated for it gets another name."""
    old = in_response(reference("Thing"), Thing=thing(a=STRING))
    new = in_response(reference("Item"), Item=thing(a=STRING))

    assert compare(old, new) == [Change("breaking", "Thing (response)", "is now called Item")]


def test_removed_component_breaks_the_names_of_the_sdk() -> None:
    """The class that is generated for it goes away, even where the values stay what they are."""
    old = in_response(reference("Thing"), Thing=thing(a=STRING))
    new = in_response(thing(a=STRING))

    assert compare(old, new) == [Change("breaking", "Thing", "is gone")]


def test_component_that_no_operation_uses_is_read_by_clients() -> None:
    """It may be an event: what it no longer has breaks clients, what it has more does not."""
    old = in_response(STRING, Event=thing(a=STRING))
    new = in_response(STRING, Event=thing(b=STRING))

    assert compare(old, new) == [
        Change("breaking", "Event.a (response)", "is gone"),
        Change("additive", "Event.b (response)", "is new"),
    ]


def test_another_component_in_its_place_is_compared_with_the_old_one() -> None:
    """A reference that leads elsewhere is as harmless as what it leads to."""
    components = {"Short": thing(id=STRING, preview=STRING), "Full": thing(id=STRING, content=STRING)}
    old = in_response(thing(item=reference("Short"), other=reference("Full")), **components)
    new = in_response(thing(item=reference("Full"), other=reference("Full")), **components)

    assert compare(old, new) == [
        Change("breaking", "GET /things response item.preview", "is gone"),
        Change("additive", "GET /things response item.content", "is new"),
    ]


def test_new_alternative_of_a_union_breaks_responses() -> None:
    """A client cannot read a kind of object that it does not know."""
    components = {"Cat": thing(a=STRING), "Dog": thing(b=STRING)}
    old = in_response({"oneOf": [reference("Cat")]}, **components)
    new = in_response({"oneOf": [reference("Cat"), reference("Dog")]}, **components)

    assert compare(old, new) == [Change("breaking", "GET /things response", "is Cat or Dog, was Cat")]


@pytest.mark.parametrize(
    "schema",
    [
        thing(child=reference("Node")),
        thing(children={"type": "array", "items": reference("Node")}),
        {"anyOf": [reference("Node"), thing(a=STRING), NULL]},
        {"allOf": [reference("Node"), thing(a=STRING)]},
    ],
    ids=["property", "items", "alternative", "part"],
)
def test_recursive_schemas_are_compared(schema: dict[str, Any]) -> None:
    """A schema that leads back to itself ends the comparison there."""
    old = in_response(reference("Node"), Node=schema)
    new = in_response(reference("Node"), Node={"anyOf": [schema, INTEGER]})

    assert compare(old, old) == []
    assert compare(old, new) != []


def test_unknown_keywords_are_not_overlooked() -> None:
    """A keyword that the comparison does not know is reported as it is."""
    old, new = {"type": "object"}, {"type": "object", "propertyNames": {"pattern": "^a"}}

    changes = compare(in_request(old), in_request(new))

    assert changes == [request_change("breaking", ("", "now has propertyNames {'pattern': '^a'}"))]
