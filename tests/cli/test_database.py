"""The commands work on a database as on a file, and never show its password."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any, Callable, Dict

import pytest

from statebase import StateBase

pytest.importorskip("psycopg")

Run = Callable[..., "subprocess.CompletedProcess[str]"]
MARKER = "the-password"
NOWHERE = f"postgresql://ada:{MARKER}@127.0.0.1:1/statebase"


@pytest.fixture
def session_id(postgres_url: str) -> str:
    """The ID of a session with a turn, in the database."""
    with StateBase.local(postgres_url) as client:
        session = client.sessions.create("bot", initial_state={"step": 1})
        client.sessions.add_turn(session.id, "Where is my parcel?", "On its way.")
    return session.id


def output(result: Any) -> str:
    """Return the output of a command that succeeded."""
    assert (result.returncode, result.stderr) == (0, "")
    return str(result.stdout)


@pytest.mark.parametrize("named", ["option", "variable"])
def test_show(call: Run, postgres_url: str, session_id: str, named: str) -> None:
    """The session is read from the database that an option or the environment names."""
    if named == "option":
        result = call("show", session_id, "--json", "--database", postgres_url)
    else:
        result = call("show", session_id, "--json", STATEBASE_DATABASE_URL=postgres_url)

    shown = json.loads(output(result))
    assert (shown["id"], shown["state"], len(shown["turns"])) == (session_id, {"step": 1}, 1)


def test_tail(call: Run, postgres_url: str, session_id: str) -> None:
    """The last events are shown."""
    lines = output(call("tail", session_id, "--once", "--json", "--database", postgres_url)).splitlines()

    assert "turn" in [json.loads(line)["event"] for line in lines]


def test_from_a_file_to_a_database_and_back(call: Run, postgres_url: str) -> None:
    """An export of one is imported into the other; a second import adds nothing."""
    with StateBase.local("store.db") as client:
        session = client.sessions.create("bot", initial_state={"step": 1})
        client.sessions.add_turn(session.id, "in", "out")
        client.memory.add("Likes tea", "fact", session.id)
    output(call("export", "--all", "--path", "store.db", "-o", "file.jsonl", "--json"))
    first = json.loads(output(call("import", "file.jsonl", "--database", postgres_url, "--json")))
    second = json.loads(output(call("import", "file.jsonl", "--database", postgres_url, "--json")))
    output(call("export", "--all", "--database", postgres_url, "-o", "database.jsonl", "--json"))
    output(call("import", "database.jsonl", "--path", "back.db", "--json"))

    assert {kind: count["added"] for kind, count in first.items()} == {
        kind: count["present"] for kind, count in second.items()
    }
    with StateBase.local("back.db") as client:
        (copy,) = client.sessions.list()
        assert client.sessions.get(copy.id).state == {"step": 1}
        assert (copy.turn_count, copy.memory_count) == (1, 1)


def test_purge_and_export_of_expired_sessions(call: Run, postgres_url: str, statebase_clock: Any) -> None:
    """Expired sessions can be exported until they are removed."""
    statebase_clock.advance(days=-3000)
    with StateBase.local(postgres_url, clock=statebase_clock) as client:
        client.sessions.create("bot")
    exported = output(call("export", "--expired", "--database", postgres_url)).splitlines()

    assert len(exported) > 2
    assert output(call("purge", "--database", postgres_url)) == "Removed 1 expired session.\n"
    assert output(call("purge", "--database", postgres_url, "--json")) == '{"sessions": 0}\n'


def checks_of(result: Any) -> Dict[str, Dict[str, str]]:
    return {check["name"]: check for check in json.loads(result.stdout)["checks"]}


def test_doctor(call: Run, postgres_url: str, session_id: str) -> None:
    """Each check of the database is ok, and no service is asked."""
    result = call("doctor", "--json", "--database", postgres_url)

    checks = checks_of(result)
    names = ("store", "database", "extension", "schema", "embedder", "clock")
    assert {name: checks[name]["status"] for name in names} == dict.fromkeys(names, "ok")
    assert checks["clients"]["status"] in ("ok", "warning")
    assert not {"address", "server"} & set(checks)
    assert session_id not in result.stdout


def test_doctor_changes_nothing(call: Run, postgres_server: Any) -> None:
    """A schema without tables stays without tables."""
    with postgres_server.admin.cursor() as cursor:
        cursor.execute("CREATE SCHEMA IF NOT EXISTS untouched")
    url = postgres_server.url_of("untouched")
    try:
        checks = checks_of(call("doctor", "--json", "--database", url))
        tables = postgres_server.admin.execute(
            "SELECT count(*) FROM pg_class WHERE relnamespace = 'untouched'::regnamespace"
        ).fetchone()
    finally:
        postgres_server.admin.execute("DROP SCHEMA untouched CASCADE")

    assert checks["schema"] == {"name": "schema", "status": "ok", "detail": "no tables yet", "advice": ""}
    assert tables == (0,)


def test_doctor_without_a_server(call: Run) -> None:
    """The line says what to do, and what depends on the server is skipped."""
    result = call("doctor", "--json", STATEBASE_DATABASE_URL=NOWHERE)

    checks = checks_of(result)
    assert result.returncode == 1
    assert checks["store"]["status"] == "failed"
    assert "nothing listens there" in checks["store"]["detail"]
    assert checks["schema"]["status"] == "skipped"


@pytest.mark.parametrize(
    "arguments",
    [
        ["doctor"],
        ["purge"],
        ["export", "--all"],
        ["show", "sess_1"],
        ["tail", "sess_1", "--once"],
        ["serve", "--port", "0"],
        ["serve", "--port", "0", "--workers", "2"],
    ],
    ids=" ".join,
)
def test_password_is_not_shown(run: Run, arguments: Any) -> None:
    """A URL of the environment that does not work is named without its password."""
    result = run(*arguments, STATEBASE_DATABASE_URL=NOWHERE)

    assert result.returncode == 1
    assert "postgresql://ada@127.0.0.1:1/statebase" in result.stdout + result.stderr
    assert MARKER not in result.stdout + result.stderr
    assert "Traceback" not in result.stderr


def test_missing_package(call: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra the line says how to install it."""
    monkeypatch.setitem(sys.modules, "psycopg", None)

    result = call("purge", STATEBASE_DATABASE_URL=NOWHERE)

    assert result.returncode == 1
    assert 'pip install "statebase[postgres]"' in result.stderr
    assert MARKER not in result.stderr


def test_search(call: Run, postgres_url: str) -> None:
    """Memories are found, and their scores explained, as in a file."""
    with StateBase.local(postgres_url) as client:
        client.memory.add("Likes green tea", "fact", client.sessions.create("bot").id)
    found = call("search", "green tea", "--json", "--database", postgres_url)
    explained = call("search", "green tea", "--json", "--explain", STATEBASE_DATABASE_URL=postgres_url)

    assert [memory["content"] for memory in json.loads(output(found))["data"]] == ["Likes green tea"]
    assert [each["result"]["content"] for each in json.loads(output(explained))["results"]] == ["Likes green tea"]
