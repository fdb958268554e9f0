"""A changed operation breaks clients or not."""

from __future__ import annotations

import copy
from typing import Any, cast

import pytest
from jsonpath import JSONPatch

from codegen.drift.compare import Change, compare
from codegen.drift.schemas import Kind

Operation = dict[str, Any]
ROUTE = "POST /shops/{shop_id}/orders"

JSON_BODY: dict[str, Any] = {"application/json": {"schema": {"type": "object"}}}

ORDER_OPERATION: Operation = {
    "operationId": "create_order_shops__shop_id__orders_post",
    "parameters": [
        {"name": "shop_id", "in": "path", "required": True, "schema": {"type": "string"}},
        {"name": "notify", "in": "query", "schema": {"type": "boolean", "default": True}},
        {"name": "tags", "in": "query", "schema": {"type": "array", "items": {"type": "string"}}},
        {"name": "page", "in": "query", "required": True, "schema": {"type": "integer"}},
    ],
    "requestBody": {"required": False, "content": JSON_BODY},
    "responses": {
        "201": {
            "description": "",
            "headers": {"X-Request-ID": {"required": True, "schema": {"type": "string"}}},
            "content": {"application/json": {"schema": {"type": "object"}}},
        },
        "404": {"description": "", "content": {"application/json": {"schema": {"type": "object"}}}},
    },
}


def document(operation: Operation, path: str = "/shops/{shop_id}/orders", method: str = "post") -> dict[str, Any]:
    """Return a document with one operation."""
    return {"openapi": "3.1.0", "paths": {path: {method: operation}}}


GONE = object()


def changed(pointer: str, value: object = GONE) -> Operation:
    """Return the operation with another value at the end of the JSON pointer, or with none."""
    patch = JSONPatch()
    patch = patch.remove(f"/{pointer}") if value is GONE else patch.add(f"/{pointer}", value)
    return cast(Operation, patch.apply(copy.deepcopy(ORDER_OPERATION)))


ORDER: dict[str, Any] = {"type": "object"}
DRAFT: dict[str, Any] = {"name": "draft", "in": "query", "schema": {"type": "boolean"}}
NO_HEADERS: dict[str, Any] = {"description": "", "content": {"application/json": {"schema": ORDER}}}
SUCCESS = ORDER_OPERATION["responses"]["201"]
ERROR = ORDER_OPERATION["responses"]["404"]
REQUEST_ID = "responses/201/headers/X-Request-ID"

# Where the operation is another, and to what; the kind and the place of the change, and what is said of it.
CHANGES: dict[str, tuple[str, object, Kind, str, str]] = {
    "name": ("operationId", "make_order", "breaking", "", "has the operationId make_order, was create_order"),
    "deprecated": ("deprecated", True, "additive", "", "is deprecated"),
    "optional parameter": ("parameters/3", DRAFT, "additive", " query draft", "is new"),
    "required parameter": (
        *("parameters/3", {**DRAFT, "required": True}),
        *("breaking", " query draft", "is new and required"),
    ),
    "parameter gone": ("parameters/2", GONE, "breaking", " query tags", "is gone"),
    "parameter required": ("parameters/2/required", True, "breaking", " query tags", "is required"),
    "parameter optional": ("parameters/3/required", False, "additive", " query page", "is no longer required"),
    "parameter moved": ("parameters/2/in", "header", "breaking", " query tags", "is now in the header"),
    "parameter style": (
        *("parameters/2/explode", False),
        *("breaking", " query tags", "is written in the style form, was form exploded"),
    ),
    "parameter default": (
        *("parameters/1/schema/default", False),
        *("breaking", " query notify", "has the default False, was True"),
    ),
    "parameter type": ("parameters/1/schema/type", "string", "breaking", " query notify", "is string, was boolean"),
    "parameter limit": ("parameters/2/schema/maxItems", 5, "breaking", " query tags", "now has maxItems 5"),
    "body gone": ("requestBody", GONE, "breaking", " request", "is gone"),
    "body required": ("requestBody/required", True, "breaking", " request", "is required"),
    "another body": ("requestBody/content", {**JSON_BODY, "text/csv": {}}, "additive", " request", "can be text/csv"),
    "success status": (
        *("responses", {"200": SUCCESS, "404": ERROR}),
        *("breaking", " response", "has the status 200, was 201"),
    ),
    "another success": ("responses/202", {}, "breaking", " response 202", "is new"),
    "another error": ("responses/409", {}, "additive", " response 409", "is new"),
    "error gone": ("responses/404", GONE, "additive", " response 404", "is gone"),
    "no answer body": (
        *("responses/201/content", GONE),
        *("breaking", " response", "can no longer be application/json"),
    ),
    "error body": (
        *("responses/404/content/application~1json/schema", {"type": "array"}),
        *("breaking", " response 404", "is array, was object"),
    ),
    "header gone": (REQUEST_ID, GONE, "breaking", " response header x-request-id", "is gone"),
    "another header": ("responses/201/headers/X-Cost", {}, "additive", " response header x-cost", "is new"),
    "header optional": (
        *(f"{REQUEST_ID}/required", False),
        *("breaking", " response header x-request-id", "is no longer required"),
    ),
    "header type": (
        *(f"{REQUEST_ID}/schema/type", "integer"),
        *("breaking", " response header x-request-id", "is integer, was string"),
    ),
}


@pytest.mark.parametrize(("pointer", "value", "kind", "place", "message"), CHANGES.values(), ids=CHANGES.keys())
def test_change_of_an_operation_is_reported(pointer: str, value: object, kind: Kind, place: str, message: str) -> None:
    """Each change is one line that says where it is and whether it breaks clients."""
    changes = compare(document(ORDER_OPERATION), document(changed(pointer, value)))

    assert changes == [Change(kind, ROUTE + place, message)]


def test_new_operation_is_additive_and_removed_one_breaks() -> None:
    """A client need not call what is new, and cannot call what is gone."""
    without: dict[str, Any] = {"openapi": "3.1.0", "paths": {}}

    assert compare(without, document(ORDER_OPERATION)) == [Change("additive", ROUTE, "is new")]
    assert compare(document(ORDER_OPERATION), without) == [Change("breaking", ROUTE, "is gone")]


def test_moved_operation_is_recognised_by_its_name() -> None:
    """An operation with another path or method breaks, and is compared with what it was."""
    moved = {**ORDER_OPERATION, "operationId": "create_order", "deprecated": True}

    assert compare(document(ORDER_OPERATION), document(moved, "/v2/shops/{shop_id}/orders", "put")) == [
        Change("breaking", ROUTE, "is now PUT /v2/shops/{shop_id}/orders"),
        Change("additive", ROUTE, "is deprecated"),
    ]


def test_operations_without_a_name_are_not_taken_for_one_that_moved() -> None:
    """Two operations without an operationId have nothing in common."""
    nameless = changed("operationId")

    assert compare(document(nameless), document(nameless, "/other/{shop_id}")) == [
        Change("breaking", ROUTE, "is gone"),
        Change("additive", "POST /other/{shop_id}", "is new"),
    ]


def test_renamed_path_parameter_breaks_the_names_of_the_sdk() -> None:
    """The path is the same on the wire, the argument is not; the suffix of the operationId does not change the name."""
    renamed = changed("parameters/0/name", "id")
    renamed["operationId"] = "create_order_shops__id__orders_post"

    changes = compare(document(ORDER_OPERATION), document(renamed, "/shops/{id}/orders"))

    assert changes == [Change("breaking", f"{ROUTE} path shop_id", "is now called id")]


@pytest.mark.parametrize(("required", "kind"), [(True, "breaking"), (False, "additive")])
def test_new_body_breaks_if_it_is_required(required: bool, kind: Kind) -> None:
    """A client does not send the body that it does not know."""
    old = document(changed("requestBody"))
    new = document(changed("requestBody/required", required))

    assert compare(old, new) == [Change(kind, f"{ROUTE} request", "is new and required" if required else "is new")]


def test_answer_of_another_status_is_still_compared() -> None:
    """The status is one change, what the answer lacks another."""
    changes = compare(document(ORDER_OPERATION), document(changed("responses", {"200": NO_HEADERS, "404": ERROR})))

    assert [change.message for change in changes] == ["has the status 200, was 201", "is gone"]


KEY = {"type": "apiKey", "in": "header", "name": "X-API-Key"}
BEARER = {"type": "http", "scheme": "bearer"}


BY_KEY: list[Any] = [{"key": []}]
WEAKER: tuple[Kind, str] = ("additive", "accepts other credentials, or none, beside the old ones")
STRONGER: tuple[Kind, str] = ("breaking", "needs other credentials")

# What lets a request in before and after, and what is said of the change.
CREDENTIALS: dict[str, tuple[list[Any], list[Any], list[tuple[Kind, str]]]] = {
    "added": ([], BY_KEY, [("breaking", "needs credentials")]),
    "removed": (BY_KEY, [], [WEAKER]),
    "replaced": (BY_KEY, [{"bearer": []}], [STRONGER]),
    "both": (BY_KEY, [{"key": [], "bearer": []}], [STRONGER]),
    "scope": (BY_KEY, [{"key": ["write"]}], [STRONGER]),
    "alternative": (BY_KEY, [{"bearer": []}, {"key": []}], [WEAKER]),
    "renamed": (BY_KEY, [{"sameKey": []}], []),
    "optional": ([{}], [], []),
}


@pytest.mark.parametrize(("old", "new", "expected"), CREDENTIALS.values(), ids=CREDENTIALS.keys())
def test_credentials_break_where_the_old_ones_no_longer_do(
    old: list[Any], new: list[Any], expected: list[tuple[Kind, str]]
) -> None:
    """The credentials that a client sends must be enough; their names in the document do not matter."""
    schemes = {"key": KEY, "bearer": BEARER, "sameKey": {**KEY, "description": "The key."}}
    before, after = document(ORDER_OPERATION), document(ORDER_OPERATION)
    before.update(security=old, components={"securitySchemes": schemes})
    after.update(components={"securitySchemes": schemes})
    after["paths"] = document(changed("security", new))["paths"]

    assert compare(before, after) == [Change(kind, ROUTE, message) for kind, message in expected]


def test_credential_that_goes_elsewhere_breaks() -> None:
    """A key under another header is another credential, even if the document calls it the same."""
    before, after = document(ORDER_OPERATION), document(ORDER_OPERATION)
    before.update(security=[{"key": []}], components={"securitySchemes": {"key": KEY}})
    after.update(security=[{"key": []}], components={"securitySchemes": {"key": {**KEY, "name": "Authorization"}}})

    assert compare(before, after) == [Change("breaking", ROUTE, "needs other credentials")]
