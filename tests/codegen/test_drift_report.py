"""Changes are reported one a line, in a fixed order, with a verdict."""

from __future__ import annotations

import json
from typing import Any

import pytest

from codegen.drift.compare import Change, compare, exit_code, render_json, render_text

BREAKING = Change("breaking", "GET /things query limit", "is gone")
ADDITIVE = Change("additive", "Thing.name (response)", "is new")


def test_text_has_one_line_a_change() -> None:
    """People read what kind it is, where it is and what it is."""
    text = render_text([BREAKING, ADDITIVE])

    assert text == "breaking  GET /things query limit: is gone\nadditive  Thing.name (response): is new\n"


def test_text_says_that_there_is_no_change() -> None:
    """An empty report would look like one that failed."""
    assert render_text([]) == "No changes.\n"


@pytest.mark.parametrize(
    ("changes", "code", "verdict"),
    [([], 0, "same"), ([ADDITIVE], 1, "additive"), ([ADDITIVE, BREAKING], 2, "breaking")],
    ids=["same", "additive", "breaking"],
)
def test_worst_change_decides(changes: list[Change], code: int, verdict: str) -> None:
    """The exit code and the verdict are those of the worst change."""
    report = json.loads(render_json(changes))

    assert exit_code(changes) == code
    assert report["verdict"] == verdict
    assert report["changes"] == [
        {"kind": change.kind, "place": change.place, "message": change.message, "operations": []} for change in changes
    ]


def test_changes_are_sorted_whatever_the_order_of_the_documents() -> None:
    """Breaking changes come first, then changes are ordered by location."""
    operation: dict[str, Any] = {"responses": {"200": {"description": ""}}}
    old = {"paths": {"/c": {"get": operation}, "/a": {"get": operation}}}
    new = {"paths": {"/d": {"get": operation}, "/b": {"get": operation}}}

    changes = compare(old, new)

    assert [(change.kind, change.place) for change in changes] == [
        ("breaking", "GET /a"),
        ("breaking", "GET /c"),
        ("additive", "GET /b"),
        ("additive", "GET /d"),
    ]
    assert changes == compare(
        {"paths": dict(reversed(old["paths"].items()))}, {"paths": dict(reversed(new["paths"].items()))}
    )


def test_a_change_of_a_component_says_which_operations_it_reaches() -> None:
    """Those whose request or answer it has a part in, however deep, with a count where there are many."""

    def document(**fields: Any) -> dict[str, Any]:
        inner = {"type": "object", "properties": {"name": {"type": "string"}, **fields}}
        outer = {"type": "object", "properties": {"inner": {"$ref": "#/components/schemas/Inner"}}}
        content = {"application/json": {"schema": {"$ref": "#/components/schemas/Outer"}}}
        get = {"get": {"responses": {"200": {"description": "", "content": content}}}}
        paths = {f"/{letter}": get for letter in "abcde"} | {"/other": {"get": {"responses": {"204": {}}}}}
        return {"paths": paths, "components": {"schemas": {"Inner": inner, "Outer": outer}}}

    changes = compare(document(), document(size={"type": "integer"}))

    assert changes[0].operations == ("GET /a", "GET /b", "GET /c", "GET /d", "GET /e")
    assert render_text(changes) == "additive  Inner.size (response): is new [GET /a, GET /b, GET /c and 2 more]\n"
