"""`statebase search` finds memories of a store or a service, and explains scores."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any, Callable

import pytest

from statebase import StateBase

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def session_id(tmp_path: Path) -> str:
    """A session in `store.db` with four memories, two of them turns of a conversation; one is in another session."""
    with StateBase.local(tmp_path / "store.db") as client:
        session = client.sessions.create("support-bot", "ada")
        client.memory.add("Ann: When does pottery begin?", "event", session.id)
        client.memory.add("Ben: Next Tuesday", "event", session.id)
        client.memory.add("Ann: Thanks", "event", session.id)
        client.memory.add("Ben: You're welcome\x1b[2J", "event", session.id)
        client.memory.add("pottery", "fact", client.sessions.create("other").id, tags=["hobby", "clay"])
        return session.id


def test_results_for_people(call: Run, session_id: str) -> None:
    result = call("search", "pottery", "--path", "store.db", "--limit", "1")

    assert (result.returncode, result.stderr) == (0, "")
    first, second = result.stdout.splitlines()
    assert first == "  1.00  pottery"
    assert re.fullmatch(r"        fact  mem_\w+  sess_\w+  hobby, clay", second)


def test_results_as_json_are_those_of_the_api(
    call: Run, serve: Callable[..., Any], session_id: str, tmp_path: Path
) -> None:
    """From a store and from a service; with the session, the limit and the threshold."""
    with StateBase.local(tmp_path / "store.db") as client:
        expected = client.memory.search("pottery", session_id, top_k=2, threshold=0.1).model_dump(mode="json")
    server = serve("--path", "store.db")
    options = ["--session", session_id, "--limit", "2", "--threshold", "0.1", "--json"]

    local = call("search", "pottery", "--path", "store.db", *options)
    remote = call("search", "pottery", "--url", server.url, *options, STATEBASE_API_KEY="any")

    assert json.loads(local.stdout) == json.loads(remote.stdout) == expected
    assert len(expected["data"]) == 2


def test_nothing_found(call: Run, session_id: str) -> None:
    """The threshold is shown; a session that does not exist is an error."""
    nothing = call("search", "tax return", "--path", "store.db", "--threshold", "0.9")
    unknown = call("search", "pottery", "--path", "store.db", "--session", "sess_unknown")
    explained = call("search", "pottery", "--path", "store.db", "--session", "sess_unknown", "--explain")

    assert (nothing.returncode, nothing.stdout) == (0, "No memory has a score of 0.9 or more.\n")
    assert (unknown.returncode, unknown.stdout) == (explained.returncode, explained.stdout) == (1, "")
    assert "There is no session 'sess_unknown'" in unknown.stderr
    assert "There is no session 'sess_unknown'" in explained.stderr


def test_explanation_for_people(call: Run, session_id: str) -> None:
    """The query's words, the calibration, the parts of each score, and what just missed the threshold."""
    result = call("search", "pottery", "--path", "store.db", "--session", session_id, "--explain")

    assert (result.returncode, result.stderr) == (0, "")
    assert "\x1b" not in result.stdout
    above, below = result.stdout.split("\nbelow the threshold of 0.7\n")
    for expected in (
        r"  words     potteri 1\.00",
        r"  embedder  all-MiniLM-\S+, knows the query's language",
        r"  latin     unrelated cosines \d\.\d{3} ± \d\.\d{3}; none measured: the embedder's own",
        r"  1\.00  Ann: When does pottery begin\?",
        r"        base     -2\.94",
        r"        meaning +\+\d+\.\d\d  cosine 0\.\d{3}, \d+\.\d deviations above unrelated ones",
        r"        words    \+7\.00  potteri 1\.00",
        r"  0\.\d\d  Ben: Next Tuesday",
        r"        before   \+5\.\d\d  from the turn before, mem_\w+",
    ):
        assert re.search(f"^{expected}$", above, re.M), expected
    assert re.search(r"^  0\.\d\d  Ann: Thanks$", below, re.M)


def test_explanation_as_json(call: Run, session_id: str) -> None:
    explained = json.loads(
        call("search", "pottery", "--path", "store.db", "--explain", "--limit", "1", "--json").stdout
    )

    assert explained["query"] == "pottery"
    assert explained["words"] == [{"terms": ["potteri"], "weight": 1.0}]
    assert explained["results"][0]["result"]["content"] == "pottery"
    assert explained["results"][0]["is_identical"] is True
    assert explained["results"][0]["held"] == explained["words"]
