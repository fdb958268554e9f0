"""`statebase show` shows a session, from a store or a service."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any, Callable, List

import pytest

from statebase import StateBase
from statebase.cli.formatting import cut, distance, duration, paragraphs

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def session_id(tmp_path: Path) -> str:
    """A session in `store.db` with six turns, the last of which changed the state."""
    with StateBase.local(tmp_path / "store.db") as client:
        session = client.sessions.create("support-bot", "ada", {"channel": "web"}, {"plan": "basic"}, 7200)
        for number in range(1, 6):
            client.sessions.add_turn(session.id, f"question {number}", f"answer {number}")
        client.sessions.add_turn(session.id, "Upgrade\nme", "Done", None, "As asked", state_after={"plan": "gold"})
        client.memory.add("Prefers e-mail", "preference", session.id)
        return session.id


def test_session_for_people(call: Run, session_id: str) -> None:
    """Everything is there that one asks about a session first."""
    result = call("show", session_id, "--path", "store.db")

    assert (result.returncode, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    assert lines[0] == session_id
    for expected in (
        "  agent     support-bot",
        "  user      ada",
        "  memories  1",
        '    "channel": "web"',
        "state, version 1",
        '    "plan": "gold"',
        "turns, the last 5 of 6",
        "    in    question 2",
        "    in    Upgrade",
        "          me",
        "    why   As asked",
    ):
        assert expected in lines
    assert "question 1" not in result.stdout
    assert re.search(r"^  expires   20..-..-.. ..:..:..Z, in 1 hour 59 minutes$", result.stdout, re.M)
    assert max(map(len, lines)) <= 80


def test_timeline(call: Run, session_id: str) -> None:
    """Everything that happened, in order, with the change of the state and its reason."""
    result = call("show", session_id, "--path", "store.db", "--timeline")

    assert (result.returncode, result.stderr) == (0, "")
    titles = [line[24:] for line in result.stdout.splitlines() if re.match(r"  20..-", line)]
    assert titles == ["session created", *(f"turn {number}" for number in range(1, 7)), "memory created"]
    assert "    why   As asked\n    state ~ plan  'basic' -> 'gold'\n" in result.stdout
    shown = json.loads(call("show", session_id, "--path", "store.db", "--timeline", "--json").stdout)
    assert [event["action"] for event in shown["timeline"]][-2:] == ["turn.added", "memory.created"]
    assert shown["timeline"][-2]["diff"] == [{"kind": "changed", "path": "plan", "before": "basic", "after": "gold"}]


def test_session_as_json(call: Run, session_id: str, tmp_path: Path) -> None:
    """One object: the session of the API, the version of its state, and its last turns, complete."""
    with StateBase.local(tmp_path / "store.db") as client:
        session = client.sessions.get(session_id)

        shown = json.loads(call("show", session_id, "--path", "store.db", "--json", "-n", "2").stdout)

    turns = shown.pop("turns")
    assert shown.pop("state_version") == 1
    assert shown == session.model_dump(mode="json")
    assert [turn["turn_number"] for turn in turns] == [5, 6]
    assert turns[1]["input"] == {"type": "text", "content": "Upgrade\nme"}


def test_session_of_a_service(call: Run, serve: Callable[..., Any], session_id: str) -> None:
    """A service shows what its store shows; STATEBASE_BASE_URL will do for --url."""
    server = serve("--path", "store.db")
    local = json.loads(call("show", session_id, "--path", "store.db", "--json").stdout)

    by_url = call("show", session_id, "--url", server.url, "--json", STATEBASE_API_KEY="any")
    by_environment = call("show", session_id, "--json", STATEBASE_BASE_URL=server.url)

    assert json.loads(by_url.stdout) == json.loads(by_environment.stdout) == local


def test_session_without_turns(call: Run, tmp_path: Path) -> None:
    """An empty session is shown as one."""
    with StateBase.local(tmp_path / "store.db") as client:
        session = client.sessions.create("bot")

    output = call("show", session.id, "--path", "store.db").stdout

    assert "\nstate, version 0\n  {}\n" in output
    assert output.endswith("\nturns: none\n")
    assert "metadata" not in output


def test_no_turns_asked_for(call: Run, session_id: str) -> None:
    """-n 0 shows how many turns there are, and none of them."""
    assert call("show", session_id, "--path", "store.db", "-n", "0").stdout.endswith("turns: 6\n")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["sess_absent", "--path", "store.db"], "There is no session 'sess_absent'"),
        (["sess_absent", "--path", "absent.db"], "absent.db: No such file"),
        (["a/b", "--path", "store.db"], "session_id"),
    ],
)
def test_sessions_that_are_not_there(call: Run, session_id: str, arguments: List[str], words: str) -> None:
    """One line says why; no store is made."""
    result = call("show", *arguments)

    assert (result.returncode, result.stdout) == (1, "")
    assert words in result.stderr
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize("number", ["-1", "51", "many"])
def test_numbers_that_make_no_sense(call: Run, number: str) -> None:
    """How many turns is a number that one answer can hold."""
    result = call("show", "sess_1", "--path", "store.db", f"-n={number}")

    assert result.returncode == 2
    assert "0 to 50" in result.stderr


def test_long_texts_are_cut() -> None:
    """A text of many lines does not push all else off the screen, and says what is missing."""
    lines = paragraphs("\n".join(map(str, range(30))), 70)

    assert lines[:2] == ["0", "1"]
    assert lines[-1] == "… 19 lines more; --json gives all"
    assert len(lines) == 12


def test_lines_are_wrapped_and_kept() -> None:
    """Long lines are wrapped, those of the text stay, empty ones too."""
    assert paragraphs("one two three four five six\n\nend", 20) == ["one two three four", "five six", "", "end"]


def test_cut_text() -> None:
    """A text that is too long ends with an ellipsis, within its room."""
    assert (cut("abc", 3), cut("abcd", 3)) == ("abc", "ab…")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.4, "0 seconds"),
        (1, "1 second"),
        (59.9, "59 seconds"),
        (3600, "1 hour"),
        (3725, "1 hour 2 minutes"),
        (86400 * 1000 + 7200, "1,000 days 2 hours"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    """The two largest units, rounded down."""
    assert duration(seconds) == text


def test_distances() -> None:
    """Past times end in "ago", future times begin with "in"."""
    from datetime import datetime, timedelta, timezone

    now = datetime(2026, 1, 2, tzinfo=timezone.utc)

    assert distance(now - timedelta(hours=3), now) == "3 hours ago"
    assert distance(now + timedelta(days=2), now) == "in 2 days"
