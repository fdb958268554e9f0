"""Docstrings say what the document says, and what it leaves to the reader of schemas."""

from __future__ import annotations

import ast
from typing import Any

import pytest

from codegen.errors import CodegenError
from codegen.prose import described, example_for, literal, outcome, paragraphs, section

DESCRIPTIONS: dict[str, tuple[dict[str, Any], str]] = {
    "limits": ({"description": "How many", "minimum": 1, "maximum": 1000.0}, "How many. 1 to 1,000."),
    "limits that the words have": (
        {"description": "Up to 1,000, from 1.", "minimum": 1, "maximum": 1000},
        "Up to 1,000, from 1.",
    ),
    "one limit": ({"maximum": 0.5}, "At most 0.5."),
    "characters": ({"minLength": 1}, "At least 1 character."),
    "items": ({"description": "Labels.", "maxItems": 5}, "Labels. At most 5 items."),
    "open limits": ({"exclusiveMinimum": 0, "exclusiveMaximum": 1.0}, "More than 0. Less than 1."),
    "default": ({"description": "Which way.", "default": "desc"}, 'Which way. Default: "desc".'),
    "default that is a truth value": ({"default": False}, "Default: False."),
    "no default": ({"description": "Who.", "default": None}, "Who."),
    "deprecated": ({"description": "Old", "deprecated": True}, "Old. Deprecated."),
    "nothing": ({}, ""),
}


@pytest.mark.parametrize(("schema", "expected"), DESCRIPTIONS.values(), ids=DESCRIPTIONS)
def test_a_parameter_is_described_with_its_limits(schema: dict[str, Any], expected: str) -> None:
    """Limits and defaults follow the words, unless the words have them already."""
    assert described(schema) == expected


def test_words_of_the_framework_are_replaced() -> None:
    """FastAPI's own words for an answer say nothing; anyone else's stay."""
    assert outcome("Validation Error") == "An argument has the wrong type, or is outside of its limits."
    assert outcome("The session") == "The session."


def test_paragraphs_and_lists_keep_their_lines() -> None:
    """Text is wrapped by paragraph; the items of a list are not run together."""
    text = "One\ntwo three.\n\n- first\n- second\n\n\nlast"

    assert paragraphs(text, 9) == ["One two", "three.", "", "- first", "- second", "", "last"]


def test_a_section_hangs_its_lines() -> None:
    """The second line of an entry stands further to the right than its name."""
    lines = section("Args", [("limit", "How many there are to be."), ("order", "")], 24)

    assert lines == ["", "Args:", "    limit: How many", "        there are to be.", "    order"]
    assert section("Raises", [], 24) == []


@pytest.mark.parametrize("text", ["plain", 'quote"', '"""', "\\", '\\"""', "\x00\u2028", "a" * 200, '"', "ü"])
def test_a_literal_is_the_text(text: str) -> None:
    """Python reads from the literal what was put into it."""
    value = ast.literal_eval(literal([text], 4))

    assert value.rstrip() == text.rstrip()


EXAMPLE = """\
>>> session = client.sessions.get_state("sess_1").state
>>> for item in client.state.list(
...     "ü", limit=1,
... ):
...     print(item, client.api_key)
one key
"""


def test_an_example_is_for_its_method_and_its_flavour() -> None:
    """An example calls the method that it stands at; for the asynchronous client it awaits each call of the client."""
    lines = example_for(
        EXAMPLE, {name: f"client.{name}" for name in ("state.list", "sessions.list")}, "sessions.list", True, "#"
    )

    assert lines == [
        '>>> session = (await client.sessions.get_state("sess_1")).state',
        ">>> for item in await client.sessions.list(",
        '...     "ü", limit=1,',
        "... ):",
        "...     print(item, client.api_key)",
        "one key",
    ]


@pytest.mark.parametrize("text", [">>> client.state.gets()", "client.state.get()", ">>> print('client.state.get()')"])
def test_an_example_has_to_call_the_method(text: str) -> None:
    """An example that shows something else, or nothing that runs, is an error at its place."""
    with pytest.raises(CodegenError, match=r"#/x: The example calls none of client\.state\.get on"):
        example_for(text, {"state.get": "client.state.get"}, "state.get", False, "#/x")
