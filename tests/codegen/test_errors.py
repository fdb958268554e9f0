"""Whatever cannot be turned into code is an error that names the place in the document; nothing is written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Callable

import pytest

from codegen.errors import CodegenError
from codegen.package import Project, generate

LIST = "#/paths/~1v1~1things/get"
CREATE = "#/paths/~1v1~1things/post"
DELETE = "#/paths/~1v1~1things~1{thing_id}/delete"
SCHEMAS = "#/components/schemas"

Change = Callable[[dict[str, Any]], object]


def listing(document: dict[str, Any]) -> Any:
    return document["paths"]["/v1/things"]["get"]


def creating(document: dict[str, Any]) -> Any:
    return document["paths"]["/v1/things"]["post"]


def deleting(document: dict[str, Any]) -> Any:
    return document["paths"]["/v1/things/{thing_id}"]["delete"]


def schema(document: dict[str, Any], name: str) -> Any:
    return document["components"]["schemas"][name]


def choose(operation: dict[str, Any], **choices: Any) -> object:
    return operation.update({"x-statebase": choices})


def parameter(name: str, location: str = "query", **schema: Any) -> dict[str, Any]:
    return {"name": name, "in": location, "required": location == "path", "schema": schema or {"type": "string"}}


def field(document: dict[str, Any], **fields: Any) -> object:
    return schema(document, "ThingCreate")["properties"].update(fields)


def answer(operation: dict[str, Any], content: dict[str, Any], status: str = "200") -> object:
    return operation["responses"].update({status: {"description": "", "content": content}})


def as_json(**schema: Any) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


THING = {"$ref": "#/components/schemas/Thing"}
INLINE = {"type": "object", "properties": {"a": {"type": "string"}}}

CASES: dict[str, tuple[Change, str, str]] = {
    # What the SDK chooses
    "unknown key": (lambda d: choose(listing(d), methodes=["a.b"]), f"{LIST}/x-statebase/methodes", "no such key"),
    "choices that are no mapping": (lambda d: listing(d).update({"x-statebase": []}), f"{LIST}/x-statebase", "mapping"),
    "no methods": (lambda d: choose(listing(d), methods=[]), f"{LIST}/x-statebase/methods", "at least one"),
    "methods that are no list": (lambda d: choose(listing(d), methods="a.b"), f"{LIST}/x-statebase/methods", "list"),
    "method without a namespace": (
        lambda d: choose(listing(d), methods=["all"]),
        f"{LIST}/x-statebase/methods",
        "'all'",
    ),
    "method that is a keyword": (
        lambda d: choose(deleting(d), methods=["things.del"]),
        f"{DELETE}/x-statebase/methods",
        "'things.del'",
    ),
    "method that hides a type": (
        lambda d: choose(listing(d), methods=["things.str"]),
        f"{LIST}/x-statebase/methods",
        "'things.str'",
    ),
    "method that is code": (
        lambda d: choose(listing(d), methods=["things.x(): pass #"]),
        f"{LIST}/x-statebase/methods",
        "cannot be a method",
    ),
    "method twice": (
        lambda d: choose(deleting(d), methods=["things.create_thing"]),
        DELETE,
        "already has the method things.create_thing",
    ),
    "method of no namespace": (
        lambda d: (
            d.update({"x-statebase-namespaces": {"things": {}}}),
            choose(listing(d), methods=["thing.all"]),
        ),
        f"{LIST}/x-statebase/methods",
        "thing.all",
    ),
    "namespace without methods": (
        lambda d: d.update({"x-statebase-namespaces": {"things": {}, "others": {}}}),
        "#/x-statebase-namespaces/others",
        "No method",
    ),
    "id twice": (lambda d: choose(listing(d), id="create_thing"), CREATE, "already has the operation create_thing"),
    "ids of one class name": (
        lambda d: (choose(listing(d), id="get_a1"), choose(creating(d), id="get_a_1")),
        CREATE,
        "class name GetA1",
    ),
    "id that is no name": (lambda d: choose(listing(d), id="List Things"), LIST, "'List Things'"),
    "id of the table": (lambda d: choose(listing(d), id="operations"), LIST, "'operations'"),
    "position of nothing": (
        lambda d: choose(listing(d), positional=["limits"]),
        f"{LIST}/x-statebase/positional",
        "no parameter limits",
    ),
    "required after optional": (
        lambda d: choose(creating(d), positional=["size", "name"]),
        f"{CREATE}/x-statebase/positional",
        "after size",
    ),
    "position twice": (
        lambda d: choose(listing(d), positional=["limit", "limit"]),
        f"{LIST}/x-statebase/positional",
        "a value is repeated",
    ),
    "page without cursor": (
        lambda d: choose(listing(d), page={"cursor": "after"}),
        f"{LIST}/x-statebase/page",
        "no query parameter after",
    ),
    "page by halves": (
        lambda d: choose(listing(d), page={"before": "limit"}),
        f"{LIST}/x-statebase/page",
        "before and field",
    ),
    "page without the field": (
        lambda d: choose(listing(d), page={"before": "limit", "field": "when"}),
        f"{LIST}/x-statebase/page",
        "no when",
    ),
    "page that is none": (
        lambda d: (answer(listing(d), as_json(**THING)), choose(listing(d), page={"cursor": "limit"})),
        f"{LIST}/x-statebase/page",
        "not a page",
    ),
    "page and result": (
        lambda d: choose(listing(d), page={"cursor": "limit"}, result="statebase._results.context.Things"),
        f"{LIST}/x-statebase/page",
        "both",
    ),
    "result from elsewhere": (
        lambda d: choose(listing(d), result="os.path.Things"),
        f"{LIST}/x-statebase/result",
        "os.path.Things",
    ),
    "results of one name": (
        lambda d: (choose(listing(d), result="statebase._results.context.Thing"),),
        f"{SCHEMAS}/Thing",
        "another class Thing",
    ),
    "read that is no truth value": (lambda d: choose(creating(d), read="yes"), f"{CREATE}/x-statebase/read", "true"),
    "example that is no Python": (
        lambda d: choose(listing(d), example=">>> client.things.("),
        f"{LIST}/x-statebase/example",
        "not Python",
    ),
    "example of something else": (
        lambda d: choose(listing(d), example=">>> client.things.delete_thing('a')"),
        f"{LIST}/x-statebase/example",
        "things.list_things",
    ),
    "known values of a number": (
        lambda d: field(d, n={"type": "integer", "x-statebase": {"values": ["a"]}}),
        f"{SCHEMAS}/ThingCreate/properties/n/x-statebase",
        "Only a string",
    ),
    "mapping that is a number": (
        lambda d: field(d, n={"type": "integer", "x-statebase": {"mapping": True}}),
        f"{SCHEMAS}/ThingCreate/properties/n/x-statebase",
        "Only a string",
    ),
    "mapping in a body": (
        lambda d: field(d, n={"type": "string", "x-statebase": {"mapping": True}}),
        f"{CREATE}/requestBody/content/application~1json/schema/n/x-statebase",
        "cannot be a string in the body",
    ),
    "mapping with known values": (
        lambda d: field(d, n={"type": "string", "x-statebase": {"mapping": True, "values": ["a"]}}),
        f"{SCHEMAS}/ThingCreate/properties/n/x-statebase",
        "one of values: [...], mapping: true and secret: true",
    ),
    "known values in an object": (
        lambda d: schema(d, "Thing").update({"x-statebase": {"values": ["a"]}}),
        f"{SCHEMAS}/Thing/x-statebase",
        "is not supported here",
    ),
    "choices at a parameter": (
        lambda d: listing(d)["parameters"][0].update({"x-statebase": {}}),
        f"{LIST}/parameters/0/x-statebase",
        "is not supported here",
    ),
    "misspelt extension": (
        lambda d: listing(d).update({"x-statebase-id": "a"}),
        f"{LIST}/x-statebase-id",
        "is not supported here",
    ),
    "namespaces that are no mapping": (
        lambda d: d.update({"x-statebase-namespaces": []}),
        "#/x-statebase-namespaces",
        "mapping",
    ),
    "namespace that is no name": (
        lambda d: d.update({"x-statebase-namespaces": {"my things": {}}}),
        "#/x-statebase-namespaces",
        "'my things' cannot be the name",
    ),
    "steps that are no path": (
        lambda d: d.update({"x-statebase-namespaces": {"things": {"steps": ["all of them"]}}}),
        "#/x-statebase-namespaces/things/steps",
        "'all of them' is not the path",
    ),
    "steps that are nowhere": (
        lambda d: d.update({"x-statebase-namespaces": {"things": {"steps": ["statebase._namespaces.sessions.all"]}}}),
        "#/x-statebase-namespaces/things/steps",
        "statebase._namespaces.sessions has no function all",
    ),
    "steps that are a plain function": (
        lambda d: d.update(
            {"x-statebase-namespaces": {"things": {"steps": ["statebase._namespaces.turns.turn_part"]}}}
        ),
        "#/x-statebase-namespaces/things/steps",
        "does not take a namespace and return Steps",
    ),
    "other name of a method that is none of the steps": (
        lambda d: d.update({"x-statebase-namespaces": {"things": {"names": {"create": "all"}}}}),
        "#/x-statebase-namespaces/things/names/create",
        "must be a name in Python, for one of the steps",
    ),
    "raw method that is none of the steps": (
        lambda d: d.update({"x-statebase-namespaces": {"things": {"raw": ["all"]}}}),
        "#/x-statebase-namespaces/things/raw",
        "'all' is not the name of one of the steps",
    ),
    "other name of a namespace that is no name": (
        lambda d: d.update({"x-statebase-namespaces": {"things": {"also": "my things"}}}),
        "#/x-statebase-namespaces/things/also",
        "'my things' cannot be a name",
    ),
    "argument of another operation": (
        lambda d: choose(listing(d), arguments={"size": {"also": "length"}}),
        f"{LIST}/x-statebase/arguments",
        "There is no parameter size: use limit, starting_after",
    ),
    "argument by the name of another": (
        lambda d: choose(listing(d), arguments={"limit": {"also": "starting_after"}}),
        LIST,
        "are both called starting_after",
    ),
    "converter that is no path": (
        lambda d: choose(listing(d), arguments={"limit": {"convert": "int"}}),
        f"{LIST}/x-statebase/arguments/limit/convert",
        "'int' is not the path",
    ),
    "converter by the name of a parameter": (
        lambda d: choose(listing(d), arguments={"limit": {"convert": "statebase.words.starting_after"}}),
        LIST,
        "has the name of a parameter: rename it",
    ),
    "check of an argument that is not there": (
        lambda d: choose(listing(d), check={"function": "statebase.words.follows", "argument": "size"}),
        f"{LIST}/x-statebase/check",
        "There is no parameter size: use limit, starting_after",
    ),
    "check without an argument": (
        lambda d: choose(listing(d), check={"function": "statebase.words.follows"}),
        f"{LIST}/x-statebase/check",
        "Give function and argument",
    ),
    "check that is no path": (
        lambda d: choose(listing(d), check={"function": "follows", "argument": "limit"}),
        f"{LIST}/x-statebase/check/function",
        "'follows' is not the path",
    ),
    "check of a page": (
        lambda d: choose(
            listing(d),
            page={"cursor": "starting_after"},
            check={"function": "statebase.words.follows", "argument": "limit"},
        ),
        f"{LIST}/x-statebase/check",
        "A page cannot be checked",
    ),
    "default of a required argument": (
        lambda d: choose(deleting(d), arguments={"thing_id": {"default": "one"}}),
        f"{DELETE}/x-statebase/arguments/thing_id",
        "The document requires this parameter",
    ),
    "optional argument that nothing refuses": (
        lambda d: choose(deleting(d), arguments={"thing_id": {"optional": True}}),
        f"{DELETE}/x-statebase/arguments/thing_id",
        "also needs convert, a function that refuses a missing argument",
    ),
    "page without a parameter": (
        lambda d: choose(listing(d), page={"field": "when"}),
        f"{LIST}/x-statebase/page",
        "Use either cursor",
    ),
    "page of a parameter that is no text": (
        lambda d: choose(listing(d), page={"cursor": 1}),
        f"{LIST}/x-statebase/page/cursor",
        "must be a string",
    ),
    "page with a header": (
        lambda d: (
            listing(d)["parameters"].append(parameter("a", "header")),
            choose(listing(d), page={"cursor": "limit"}),
        ),
        f"{LIST}/x-statebase/page",
        "path and query only",
    ),
    # Names
    "parameters of one name": (
        lambda d: listing(d)["parameters"].append(parameter("Limit")),
        LIST,
        "both called limit",
    ),
    "parameter and field of one name": (
        lambda d: creating(d).update(parameters=[parameter("name")]),
        CREATE,
        "both called name",
    ),
    "parameter called like an option": (
        lambda d: listing(d)["parameters"].append(parameter("timeout")),
        LIST,
        "clashes with an option",
    ),
    "field called like an option": (
        lambda d: field(d, extra_body={"type": "string"}),
        CREATE,
        "clashes with an option",
    ),
    "parameter without a name": (lambda d: listing(d)["parameters"].append(parameter("§")), LIST, "no name in Python"),
    "class of ours": (
        lambda d: (
            d["components"]["schemas"].update(Page=INLINE),
            answer(listing(d), as_json(**{"$ref": "#/components/schemas/Page"})),
        ),
        f"{SCHEMAS}/Page",
        "for itself",
    ),
    "no operationId": (lambda d: listing(d).pop("operationId"), LIST, "no operationId"),
    "operationId that is no name": (lambda d: listing(d).update(operationId="1; import os"), LIST, "cannot be the id"),
    "no tag": (lambda d: listing(d).pop("tags"), LIST, "no tag"),
    # What the generators drop, or make nothing good of
    "object in the place of a body": (
        lambda d: creating(d).update(requestBody={"content": as_json(**INLINE)}),
        f"{CREATE}/requestBody/content/application~1json/schema",
        "Make it a named schema",
    ),
    "object in the place of an answer": (
        lambda d: answer(listing(d), as_json(type="array", items=INLINE)),
        f"{LIST}/responses/200/content/application~1json/schema/items",
        "Make it a named schema",
    ),
    "body that is a list": (
        lambda d: creating(d).update(requestBody={"content": as_json(type="array", items=THING)}),
        f"{CREATE}/requestBody/content/application~1json/schema",
        "object",
    ),
    "form": (
        lambda d: creating(d)["requestBody"]["content"].update({"multipart/form-data": {"schema": THING}}),
        f"{CREATE}/requestBody/content",
        "Only application/json",
    ),
    "text answer": (
        lambda d: answer(listing(d), {"text/plain": {"schema": {"type": "string"}}}),
        f"{LIST}/responses/200/content",
        "Only application/json",
    ),
    "two successes": (
        lambda d: answer(listing(d), as_json(**THING), "201"),
        f"{LIST}/responses",
        "one successful response",
    ),
    "no success": (
        lambda d: listing(d).update(responses={"404": {"description": ""}}),
        f"{LIST}/responses",
        "one successful response",
    ),
    "any success": (lambda d: listing(d).update(responses={"2XX": {"description": ""}}), LIST, "range of statuses"),
    "one of two answers": (
        lambda d: answer(listing(d), as_json(anyOf=[THING, {"$ref": "#/components/schemas/ThingList"}])),
        f"{LIST}/responses/200",
        "several types",
    ),
    "cookie": (lambda d: listing(d)["parameters"].append(parameter("a", "cookie")), f"{LIST}/parameters/2", "cookie"),
    "object in the query": (
        lambda d: listing(d)["parameters"].append(parameter("a", type="object")),
        f"{LIST}/parameters/a",
        "in the query",
    ),
    "list in the path": (
        lambda d: deleting(d)["parameters"][0].update(schema={"type": "array"}),
        f"{DELETE}/parameters/thing_id",
        "path",
    ),
    "style of a parameter": (
        lambda d: listing(d)["parameters"][0].update(style="deepObject"),
        f"{LIST}/parameters/0",
        "style",
    ),
    "callback": (
        lambda d: listing(d).update(callbacks={}),
        f"{LIST}/callbacks",
        "keyword callbacks is not supported here",
    ),
    "construct of JSON Schema": (
        lambda d: field(d, a={"type": "string", "not": {"const": "x"}}),
        f"{SCHEMAS}/ThingCreate/properties/a/not",
        "keyword not is not supported here",
    ),
    "tuple": (
        lambda d: field(d, a={"type": "array", "prefixItems": [{"type": "string"}]}),
        f"{SCHEMAS}/ThingCreate/properties/a/prefixItems",
        "keyword prefixItems is not supported here",
    ),
    "schema that nothing fits": (
        lambda d: field(d, a=False),
        f"{SCHEMAS}/ThingCreate/properties/a",
        "allows nothing",
    ),
    "schema for other fields": (
        lambda d: schema(d, "ThingCreate").update(additionalProperties={"type": "string"}),
        f"{SCHEMAS}/ThingCreate",
        "together with a schema in additionalProperties",
    ),
    "text beside certain texts": (
        lambda d: field(d, a={"anyOf": [{"enum": ["a"]}, {"type": "integer"}]}),
        f"{SCHEMAS}/ThingCreate/properties/a",
        "union of fixed values and other schemas",
    ),
    "type beside a reference": (
        lambda d: field(d, a={**THING, "enum": ["a"]}),
        f"{SCHEMAS}/ThingCreate/properties/a",
        "next to $ref",
    ),
    "parameter without a schema": (
        lambda d: listing(d)["parameters"].append({"name": "a", "in": "query"}),
        f"{LIST}/parameters/2",
        "schema",
    ),
    "reference to a parameter that is not there": (
        lambda d: listing(d)["parameters"].append({"$ref": "#/components/parameters/Nothing"}),
        f"{LIST}/parameters/2",
        "does not lead",
    ),
    "several allOf": (
        lambda d: field(d, a={"allOf": [THING, THING]}),
        f"{SCHEMAS}/ThingCreate/properties/a/allOf",
        "several",
    ),
    "mixed fixed values": (
        lambda d: field(d, a={"enum": ["a", 1]}),
        f"{SCHEMAS}/ThingCreate/properties/a",
        "all strings",
    ),
    "file": (
        lambda d: field(d, a={"type": "string", "format": "binary"}),
        f"{SCHEMAS}/ThingCreate/properties/a",
        "Files",
    ),
    "schema that refers to itself": (
        lambda d: (
            d["components"]["schemas"].update(Tree={"type": "array", "items": {"$ref": "#/components/schemas/Tree"}}),
            field(d, a={"$ref": "#/components/schemas/Tree"}),
        ),
        f"{SCHEMAS}/Tree",
        "refers to itself",
    ),
    "required field that is not there": (
        lambda d: schema(d, "Thing").update(required=["id", "sise"]),
        f"{SCHEMAS}/Thing/required",
        "'sise'",
    ),
    "reference to nothing": (
        lambda d: field(d, a={"$ref": "#/components/schemas/Nothing"}),
        f"{SCHEMAS}/ThingCreate/properties/a",
        "does not lead",
    ),
    "reference to elsewhere": (
        lambda d: field(d, a={"$ref": "https://example.com/schema.json"}),
        f"{SCHEMAS}/ThingCreate/properties/a",
        "does not lead",
    ),
    "nested object of a taken name": (
        lambda d: (d["components"]["schemas"].update(ThingCreateA=INLINE), field(d, a=INLINE)),
        f"{SCHEMAS}/ThingCreateA",
        "two schemas called ThingCreateA",
    ),
    "half a character": (lambda d: listing(d).update(summary="\ud800"), f"{LIST}/summary", "surrogate"),
    "pattern that pydantic cannot check": (
        lambda d: field(d, a={"type": "string", "pattern": "^(?!x)"}),
        SCHEMAS,
        "ThingCreate",
    ),
    # What is not OpenAPI
    "another version": (lambda d: d.update(openapi="3.0.3"), "#/openapi", "3.1"),
    "default of another type": (
        lambda d: field(d, a={"type": "integer", "default": "x"}),
        f"{SCHEMAS}/ThingCreate/properties/a/default",
        "'x' does not fit",
    ),
    "parameter twice": (lambda d: listing(d)["parameters"].append(listing(d)["parameters"][0]), LIST, "duplicate"),
    "unnamed parameter": (
        lambda d: listing(d)["parameters"][0].pop("name"),
        f"{LIST}/parameters/0",
        "is a required property",
    ),
    "operationId twice": (
        lambda d: listing(d).update(operationId="create_thing_v1_things_post"),
        "#",
        "'post' in '/v1/things'",
    ),
    "undeclared path parameter": (lambda d: deleting(d).update(parameters=[]), DELETE, "thing_id"),
}


@pytest.mark.parametrize(("change", "place", "words"), CASES.values(), ids=CASES)
def test_it_names_the_place_and_writes_nothing(
    make_project: Callable[..., Project], small_document: dict[str, Any], change: Change, place: str, words: str
) -> None:
    """The message begins with the place, says what is wrong in one line, and all files are as they were."""
    change(small_document)
    project = make_project(small_document)
    project.output.mkdir()
    (project.output / "models.py").write_text("x = 1\n", encoding="utf-8")

    with pytest.raises(CodegenError) as caught:
        generate(project)

    assert caught.value.place == place
    assert words.lower() in caught.value.problem.lower()
    assert "\n" not in str(caught.value)
    assert [path.name for path in project.output.iterdir()] == ["models.py"]
    assert (project.output / "models.py").read_text(encoding="utf-8") == "x = 1\n"
    assert sorted(path.name for path in project.output.parent.iterdir()) == ["made", "openapi"]
    assert not project.lock.exists()


def test_the_small_document_is_good(make_project: Callable[..., Project], small_document: dict[str, Any]) -> None:
    """Without a fault the document of the other tests can be generated from."""
    generate(make_project(small_document))


def test_a_broken_file_is_named(make_project: Callable[..., Project], small_document: dict[str, Any]) -> None:
    """A document that is not JSON is an error that names the file."""
    project = make_project(small_document)
    project.document.write_text("{", encoding="utf-8")

    with pytest.raises(CodegenError, match=r"document\.json: The document cannot be read"):
        generate(project)


@pytest.mark.parametrize(
    ("file", "text", "words"),
    [
        ("document", "[]", r"document\.json: The document must be a JSON object"),
        ("document", None, r"document\.json: The document cannot be read"),
        ("overlay", None, r"overlay\.yaml: The overlay cannot be read"),
    ],
)
def test_a_file_that_does_not_do_is_named(
    make_project: Callable[..., Project], small_document: dict[str, Any], file: str, text: str | None, words: str
) -> None:
    """A file that is missing, or holds something else, is an error that names it."""
    project = make_project(small_document)
    path: Path = getattr(project, file)
    path.unlink()
    if text is not None:
        path.write_text(text, encoding="utf-8")

    with pytest.raises(CodegenError, match=words):
        generate(project)


def test_a_broken_overlay_is_named(make_project: Callable[..., Project], small_document: dict[str, Any]) -> None:
    """An overlay that does not fit the document is an error that names the file and the action."""
    project = make_project(small_document)
    overlay = {
        "overlay": "1.0.0",
        "info": {"title": "", "version": ""},
        "actions": [
            {"target": "$.paths['/v2']", "description": "There is no such path.", "remove": True},
        ],
    }
    project.overlay.write_text(json.dumps(overlay), encoding="utf-8")

    with pytest.raises(CodegenError, match=r"overlay\.yaml: action 1"):
        generate(project)
