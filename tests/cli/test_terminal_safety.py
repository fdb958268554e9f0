"""Content of sessions is printed as text: it cannot control the terminal, and colour is for terminals only."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import unicodedata
from pathlib import Path
from typing import Callable, Dict, List

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statebase import StateBase
from statebase.cli.terminal import escaped, print_line, red

Run = Callable[..., "subprocess.CompletedProcess[str]"]

HOSTILE = "\x1b[2J\x1b]0;owned\x07\x9b31m\u202egnp.exe\u2028\r\b\x7f"


@pytest.fixture
def session_id(tmp_path: Path) -> str:
    """A session with hostile text wherever text can be."""
    with StateBase.local(tmp_path / "store.db") as client:
        session = client.sessions.create(f"bot{HOSTILE}", f"ada{HOSTILE}", {HOSTILE: HOSTILE}, {HOSTILE: 1})
        client.sessions.add_turn(session.id, HOSTILE, HOSTILE, None, HOSTILE)
        client.sessions.add_turn(
            session.id, {"type": HOSTILE, "content": "x"}, {"type": HOSTILE, "content": "x"}, state_after={"a": HOSTILE}
        )
        return session.id


def unsafe(text: str) -> List[str]:
    """Return the characters of an output that are no text."""
    return [each for each in text if each != "\n" and (unicodedata.category(each) in ("Cc", "Zl") or each == "\u202e")]


@pytest.mark.parametrize(
    "arguments",
    [
        ["show"],
        ["show", "--json"],
        ["show", "--timeline"],
        ["show", "--timeline", "--json"],
        ["tail", "--once"],
        ["tail", "--once", "--json"],
    ],
)
def test_nothing_steers_the_terminal(call: Run, session_id: str, arguments: List[str]) -> None:
    """Control characters are printed as escape sequences, as in JSON."""
    command, *options = arguments

    output = call(command, session_id, "--path", "store.db", *options).stdout

    assert unsafe(output) == []
    assert "\\u001b[2J" in output and "\\u009b31m" in output and "\\u202e" in output


def test_export_cannot_steer_the_terminal(run: Run, session_id: str) -> None:
    """An export to the terminal is JSON that says the same."""
    output = run("export", session_id, "--path", "store.db").stdout

    assert unsafe(output) == []
    records = [json.loads(line) for line in output.splitlines()]
    turns = [record for record in records if record.get("record") == "turn"]
    assert turns[0]["input"]["content"] == HOSTILE


def test_complaints_cannot_either(call: Run) -> None:
    """An error that quotes what it was given is escaped as well."""
    result = call("show", "sess_\x9b31m", "--path", "absent\x1b[2J.db")

    assert result.returncode == 1
    assert unsafe(result.stderr) == []


@given(st.text())
def test_escaped_text(text: str) -> None:
    """Escaped text is harmless and can be encoded; harmless text is unchanged."""
    shown = escaped(text)

    assert unsafe(shown.replace("\n", "\x00")) == []
    shown.encode("utf-8")
    assert escaped(shown) == shown
    if not unsafe(text) and text.isprintable():
        assert shown == text


@given(st.recursive(st.none() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_escaped_json(value: object) -> None:
    """JSON that is escaped says the same."""
    assert json.loads(escaped(json.dumps(value, ensure_ascii=False))) == value


@pytest.mark.parametrize("text", ["naïve café", "日本語", "👩‍👩‍👧 family", "می‌خواهم", "a\u00a0b"])
def test_text_of_the_world_is_text(text: str) -> None:
    """Letters and emoji, and the joiners within them, are shown as they are."""
    assert escaped(text) == text


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("variables", "terminal", "coloured"),
    [
        ({}, True, True),
        ({}, False, False),
        ({"NO_COLOR": "1"}, True, False),
        ({"NO_COLOR": ""}, True, True),
        ({"TERM": "dumb"}, True, False),
        ({"FORCE_COLOR": "1"}, False, True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False, False),
    ],
)
def test_colour(monkeypatch: pytest.MonkeyPatch, variables: Dict[str, str], terminal: bool, coloured: bool) -> None:
    """Terminals have colour, unless NO_COLOR says no; FORCE_COLOR brings it elsewhere; the text stays escaped."""
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    stream = Terminal() if terminal else io.StringIO()

    print_line("a", red("b\x1b"), "c", stream=stream)

    assert stream.getvalue() == ("a\x1b[31mb\\u001b\x1b[0mc\n" if coloured else "ab\\u001bc\n")


def test_terminals_without_unicode(tmp_path: Path) -> None:
    """Characters that the output encoding lacks are printed as escape sequences, and nothing fails."""
    with StateBase.local(tmp_path / "store.db") as client:
        session_id = client.sessions.create("日本").id

    result = subprocess.run(
        [sys.executable, "-m", "statebase", "show", session_id, "--path", "store.db"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
    )

    assert result.returncode == 0
    assert b"agent     \\u65e5\\u672c" in result.stdout
