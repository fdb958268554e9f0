"""`statebase list` lists sessions page by page; commands that read use the service of the environment."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any, Callable, List

import pytest

from statebase import StateBase
from statebase.local import Engine
from statebase.server import serve_in_thread

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def store(tmp_path: Path) -> List[str]:
    """Make a store, and return the ids of its sessions, newest first."""
    with StateBase.local(tmp_path / "agents.db") as client:
        made = [
            client.sessions.create("support-bot", user_id="ada"),
            client.sessions.create("support-bot", user_id="bob\x1b[31m"),
            client.sessions.create("sales-bot"),
        ]
        client.sessions.add_turn(made[0].id, "hi", "hello")
        return [session.id for session in made][::-1]


def test_sessions_are_listed_newest_first(call: Run, store: List[str]) -> None:
    lines = call("list", "--path", "agents.db").stdout.splitlines()

    assert [line.split()[0] for line in lines] == ["session", *store]
    assert lines[0].split() == ["session", "agent", "user", "turns", "memories", "updated"]
    assert lines[3].split()[1:5] == ["support-bot", "ada", "1", "0"]
    assert "\x1b" not in "".join(lines)


@pytest.mark.parametrize(
    ("options", "places"), [(["--user", "ada"], [2]), (["--agent", "support-bot"], [1, 2]), (["--user", "none"], [])]
)
def test_filters(call: Run, store: List[str], options: List[str], places: List[int]) -> None:
    found = json.loads(call("list", "--path", "agents.db", "--json", *options).stdout)

    assert [session["id"] for session in found["data"]] == [store[place] for place in places]
    assert (found["has_more"], found["next"]) == (False, None)


def test_nothing_to_list(call: Run, store: List[str]) -> None:
    assert call("list", "--path", "agents.db", "--user", "none").stdout == "No sessions.\n"


def test_pages_follow_each_other(call: Run, store: List[str]) -> None:
    """The text and the JSON say how to go on."""
    first = json.loads(call("list", "--path", "agents.db", "--limit", "2", "--json").stdout)
    second = json.loads(call("list", "--path", "agents.db", "--limit", "2", "--json", "--after", first["next"]).stdout)
    text = call("list", "--path", "agents.db", "--limit", "2").stdout

    assert [session["id"] for page in (first, second) for session in page["data"]] == store
    assert (first["next"], second["next"]) == (store[1], None)
    assert text.endswith(f"There are more: --after {store[1]}\n")


@pytest.mark.parametrize("limit", ["0", "101", "x", ""])
def test_limit_is_checked(call: Run, store: List[str], limit: str) -> None:
    result = call("list", "--path", "agents.db", "--limit", limit)

    assert result.returncode == 2
    assert "--limit must be an integer from 1 to 100" in result.stderr


def test_a_cursor_that_is_not_in_the_list(call: Run, store: List[str]) -> None:
    result = call("list", "--path", "agents.db", "--after", "sess_none")

    assert (result.returncode, result.stdout) == (1, "")
    assert "starting_after 'sess_none' is not in this list" in result.stderr


def test_service_of_the_environment(call: Run) -> None:
    """As `StateBase()`: the key and the address are enough, for each command that reads."""
    engine = Engine.open()
    with serve_in_thread(engine, api_key="sb_secret") as server:
        with StateBase("sb_secret", server.url) as client:
            session = client.sessions.create("support-bot")
            client.memory.add("Drinks tea", session_id=session.id)
        variables: Any = {"STATEBASE_API_KEY": "sb_secret", "STATEBASE_BASE_URL": server.url}

        outputs = [
            call(*command, **variables).stdout
            for command in (["list"], ["show", session.id], ["tail", session.id, "--once"], ["search", "tea"])
        ]
    engine.close()

    assert [session.id in output for output in outputs] == [True, True, False, True]
    assert "state" in outputs[2]


def test_key_alone_means_the_default_service(call: Run) -> None:
    """The command is not a usage error; without a key it is."""
    refused = call("list", STATEBASE_API_KEY="not a key\n")
    missing = call("list", STATEBASE_API_KEY="")

    assert (refused.returncode, "STATEBASE_API_KEY" in refused.stderr) == (1, True)
    assert missing.returncode == 2
    assert "one of the arguments --path --database --url is required" in missing.stderr
