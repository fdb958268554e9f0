"""An overlay changes a document as OpenAPI Overlay 1.0 says, and fails where it does not fit."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from codegen.document import overlay
from codegen.document.overlay import OverlayError

DOCUMENT: dict[str, Any] = {
    "info": {"title": "Shop", "version": "1"},
    "tags": ["a", "b"],
    "paths": {
        "/orders": {
            "get": {"parameters": [{"name": "limit"}, {"name": "after"}, {"name": "before"}], "deprecated": False},
            "post": {"parameters": [{"name": "limit"}]},
        }
    },
}


def action(target: str, **facts: object) -> dict[str, Any]:
    """Return an action with a description."""
    return {"target": target, "description": "Because. Source: a test.", **facts}


def applied(*actions: dict[str, Any]) -> dict[str, Any]:
    """Return the document after the actions."""
    return overlay.apply(
        DOCUMENT, {"overlay": "1.0.0", "info": {"title": "T", "version": "1"}, "actions": list(actions)}
    )


def test_objects_are_merged_recursively() -> None:
    """Fields that the update does not name stay, at every depth."""
    result = applied(action("$", update={"info": {"license": {"name": "MIT"}}, "servers": []}))

    assert result["info"] == {"title": "Shop", "version": "1", "license": {"name": "MIT"}}
    assert result["servers"] == []
    assert result["paths"] == DOCUMENT["paths"]


def test_plain_values_are_replaced() -> None:
    """A text, number or truth value of the update takes the place of the old one."""
    result = applied(action("$.paths['/orders'].get", update={"deprecated": True}))

    assert result["paths"]["/orders"]["get"]["deprecated"] is True


def test_one_match_may_have_what_others_lack() -> None:
    """An action is stale where all of its matches have what it adds, not where some do."""
    result = applied(action("$.paths['/orders'][*]", update={"deprecated": False}))

    assert [operation["deprecated"] for operation in result["paths"]["/orders"].values()] == [False, False]


@pytest.mark.parametrize("entries", [["c", "d"], ["b", "c"]], ids=["new", "one is there"])
def test_arrays_inside_an_update_are_concatenated(entries: list[str]) -> None:
    """An array of the update goes behind the one that is there."""
    assert applied(action("$", update={"tags": entries}))["tags"] == ["a", "b", *entries]


@pytest.mark.parametrize("entry", [{"name": "page"}, "page", ["page"]], ids=["object", "text", "array"])
def test_update_of_an_array_is_appended(entry: object) -> None:
    """If the target is an array, the update is one entry for it."""
    result = applied(action("$.paths['/orders'].post.parameters", update=entry))

    assert result["paths"]["/orders"]["post"]["parameters"] == [{"name": "limit"}, entry]


def test_every_match_is_updated() -> None:
    """A target may match many places."""
    result = applied(action("$.paths[*][*].parameters[?@.name == 'limit']", update={"in": "query"}))

    orders = result["paths"]["/orders"]
    assert orders["get"]["parameters"] == [{"name": "limit", "in": "query"}, {"name": "after"}, {"name": "before"}]
    assert orders["post"]["parameters"] == [{"name": "limit", "in": "query"}]


def test_place_that_matches_twice_is_updated_once() -> None:
    """Selectors may overlap."""
    result = applied(action("$.paths['/orders']['post', 'post'].parameters", update={"name": "page"}))

    assert result["paths"]["/orders"]["post"]["parameters"] == [{"name": "limit"}, {"name": "page"}]


@pytest.mark.parametrize(
    ("target", "left"),
    [
        ("$.paths['/orders'].get.parameters[?@.name == 'after']", ["limit", "before"]),
        ("$.paths['/orders'].get.parameters[0, 1]", ["before"]),
        ("$.paths['/orders'].get.parameters[?@.name != 'after']", ["after"]),
        ("$.paths['/orders'].get.parameters[*]", []),
    ],
    ids=["one", "neighbours", "around one", "all"],
)
def test_entries_of_an_array_are_removed(target: str, left: list[str]) -> None:
    """Removing one entry does not shift the others out of reach."""
    result = applied(action(target, remove=True))

    assert [entry["name"] for entry in result["paths"]["/orders"]["get"]["parameters"]] == left


def test_fields_of_an_object_are_removed() -> None:
    """A removed part leaves no trace."""
    result = applied(action("$.paths[*].post", remove=True))

    assert list(result["paths"]["/orders"]) == ["get"]


def test_what_is_inside_of_something_removed_may_match_as_well() -> None:
    """A target that matches a place and what is below it removes both."""
    result = applied(action("$.paths..[?@.parameters || @.name]", remove=True))

    assert result["paths"] == {"/orders": {}}


def test_actions_see_what_earlier_ones_did() -> None:
    """Actions are applied in order, so that a removed object can be written again."""
    result = applied(
        action("$.paths['/orders'].get.parameters", remove=True),
        action("$.paths['/orders'].get", update={"parameters": [{"name": "page"}]}),
        action("$.paths['/orders'].get.parameters[?@.name == 'page']", update={"in": "query"}),
    )

    assert result["paths"]["/orders"]["get"]["parameters"] == [{"name": "page", "in": "query"}]


def test_document_and_overlay_stay_as_they_are() -> None:
    """The result shares nothing with what it was made of."""
    before = copy.deepcopy(DOCUMENT)
    update = {"x-list": [{"a": 1}]}

    result = applied(action("$.paths['/orders'].get", update=update), action("$.paths['/orders'].post", update=update))
    result["paths"]["/orders"]["get"]["x-list"][0]["a"] = 2
    result["paths"]["/orders"]["get"]["parameters"].clear()

    untouched = {"x-list": [{"a": 1}]}
    assert before == DOCUMENT
    assert update == untouched
    assert result["paths"]["/orders"]["post"]["x-list"] == untouched["x-list"]


ACTION_ERRORS: dict[str, tuple[Any, str]] = {
    "no mapping": ("text", "must be a mapping"),
    "no target": ({"description": "d", "update": {"a": 1}}, "The target is missing"),
    "no JSONPath": (action("info", update={"a": 1}), "not a JSONPath"),
    "broken JSONPath": (action("$.info[", update={"a": 1}), "not a JSONPath"),
    "no match": (action("$.nothing", update={"a": 1}), "matches nothing"),
    "plain value": (action("$.info.title", update={"a": 1}), "neither an object nor an array"),
    "plain entry": (action("$.tags[?@ == 'a']", remove=True), "neither an object nor an array"),
    "stale": (action("$.info", update={"title": "Shop"}), r"already contains \['title'\]: remove it from the update"),
    "empty": (action("$.info", update={}), "update is empty"),
    "stale entry": (action("$.tags", update="a"), "already contains 'a': remove it from the update"),
    "stale entries": (action("$", update={"tags": ["b", "a"]}), r"contains \['tags'\]: remove it from the update"),
    "partly stale": (action("$.info", update={"new": 1, "title": "Shop"}), r"contains \['title'\]: remove it from the update"),
    "stale twice": (action("$.info", update={"version": "1", "title": "Shop"}), r"contains \['title'\]: remove it from the update"),
    "text for an object": (action("$.info", update="text"), "must be an object"),
    "replaces object": (action("$", update={"info": "text"}), "is an object, the update has a plain value"),
    "replaces array": (action("$", update={"tags": {}}), "is an array, the update has an object"),
    "replaces text": (action("$.info", update={"title": []}), "is a plain value, the update has an array"),
    "root": (action("$", remove=True), "whole document cannot be removed"),
    "neither": (action("$.info"), "either update or remove"),
    "both": (action("$.info", update={"a": 1}, remove=True), "either update or remove"),
    "not removed": (action("$.info", remove=False), "either update or remove"),
    "remove": (action("$.info", remove="yes"), "remove must be true or false"),
    "unknown key": (action("$.info", replace={}), "unknown keys: replace"),
    "no description": ({"target": "$.info", "update": {"a": 1}}, "description is missing"),
    "blank": (action("$.info", update={"a": 1}) | {"description": " "}, "description is missing"),
}


@pytest.mark.parametrize(("broken", "problem"), ACTION_ERRORS.values(), ids=ACTION_ERRORS.keys())
def test_action_that_does_not_fit_is_named(broken: Any, problem: str) -> None:
    """The error says which action it is, by number and target, and what is wrong with it."""
    fine = action("$.info", update={"x-fine": True})

    with pytest.raises(OverlayError, match=problem) as caught:
        applied(fine, broken)

    target = None if isinstance(broken, str) else broken.get("target")
    assert caught.value.place == f"action 2 ({target})"


@pytest.mark.parametrize(
    ("facts", "problem"),
    [
        ({"overlay": "2.0.0"}, "version of the specification"),
        ({"overlay": 1.0}, "version of the specification"),
        ({"info": {"title": "T"}}, "info needs a title and a version"),
        ({"info": {"version": "1"}}, "info needs a title and a version"),
        ({"info": None}, "info needs a title and a version"),
        ({"actions": []}, "at least one action"),
        ({"actions": {"a": 1}}, "at least one action"),
        ({"action": []}, "unknown keys: action"),
    ],
)
def test_overlay_that_breaks_the_specification_is_refused(facts: dict[str, Any], problem: str) -> None:
    """Nothing is applied of it."""
    fine = {"overlay": "1.0.0", "info": {"title": "T", "version": "1"}, "actions": [action("$.info", update={"a": 1})]}

    with pytest.raises(OverlayError, match=problem):
        overlay.apply(DOCUMENT, {**fine, **facts})


def test_what_the_sdk_has_no_use_for_is_left_alone() -> None:
    """The specification allows extends, and keys that begin with x- in the overlay and in its actions."""
    described = action("$.info", update={"title": "Store"})
    described["x-ticket"] = 7
    extended = {
        "overlay": "1.0.1",
        "info": {"title": "T", "version": "1"},
        "extends": "shop.json",
        "actions": [described],
        "x-owner": "us",
    }

    assert overlay.apply(DOCUMENT, extended)["info"]["title"] == "Store"


def test_file_is_loaded(tmp_path: Path) -> None:
    """YAML is read as its version 1.2 says: `on` and `no` are texts."""
    path = tmp_path / "overlay.yaml"
    path.write_text("overlay: 1.0.0\nactions:\n- {target: $, update: {on: no}}\n", encoding="utf-8")

    loaded = overlay.load(path)

    assert loaded == {"overlay": "1.0.0", "actions": [{"target": "$", "update": {"on": "no"}}]}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: [", "This is not YAML"),
        ("a: 1\na: 2\n", "This is not YAML"),
        ("- a\n", "the top level must be a mapping"),
        ("", "the top level must be a mapping"),
        ("actions:\n- update: {200: {}}\n", "The key 200 is not a string"),
    ],
    ids=["syntax", "key twice", "list", "empty", "number as key"],
)
def test_file_that_holds_no_overlay_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    """The error names the file and says what is wrong with it."""
    path = tmp_path / "overlay.yaml"
    path.write_text(text, encoding="utf-8")

    with pytest.raises(OverlayError, match=problem) as caught:
        overlay.load(path)

    assert caught.value.place.startswith(str(path))
