"""`statebase doctor --path` looks at a store, and changes nothing."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any, Callable, Dict, List, Tuple

import pytest

from statebase import StateBase
from statebase.local.storage.sqlite import inspection, schema
from statebase.local.storage.sqlite.inspection import inspect

Run = Callable[..., "subprocess.CompletedProcess[str]"]
Checks = Dict[str, Dict[str, str]]
Doctor = Callable[..., Tuple[int, Checks]]

OF_STORE = ("store", "schema", "integrity", "journal", "embedder")


@pytest.fixture
def doctor(call: Run) -> Doctor:
    """Look at `store.db`; return the exit code, and the checks by name."""

    def command(*arguments: str) -> Tuple[int, Checks]:
        result = call("doctor", "--json", "--path", "store.db", *arguments)
        return result.returncode, {check["name"]: check for check in json.loads(result.stdout)["checks"]}

    return command


def make_store(path: Path, **options: Any) -> None:
    with StateBase.local(path, **options) as client:
        session = client.sessions.create("bot", initial_state={"secret": "state-of-the-user"})
        client.memory.add("Likes tea more than coffee", "fact", session.id)
        client.memory.search("tea")


def snapshot(directory: Path) -> List[Tuple[str, bytes, int]]:
    """Return the content of a directory, without the index of a log, which is created for each reader."""
    files = [file for file in sorted(directory.iterdir()) if not file.name.endswith("-shm")]
    return [(file.name, file.read_bytes(), file.stat().st_mtime_ns) for file in files]


def test_healthy_store(doctor: Doctor, tmp_path: Path) -> None:
    """Every check is ok, no service is asked, and the file is as it was."""
    make_store(tmp_path / "store.db")
    before = snapshot(tmp_path)

    code, checks = doctor()

    assert code == 0
    assert {name: checks[name]["status"] for name in OF_STORE} == dict.fromkeys(OF_STORE, "ok")
    assert not {"address", "server"} & set(checks)
    assert "state-of-the-user" not in json.dumps(checks)
    assert snapshot(tmp_path) == before
    assert [file.name for file in tmp_path.iterdir()] == ["store.db"]


def test_store_in_use(doctor: Doctor, tmp_path: Path) -> None:
    """Writes of another process that are only in the log are seen, and stay there."""
    script = (
        "import sys\n"
        "from statebase import StateBase\n"
        "client = StateBase.local('store.db')\n"
        "session = client.sessions.create('bot')\n"
        "client.memory.add('Likes tea', 'fact', session.id)\n"
        "client.memory.search('tea')\n"
        "print('ready', flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None and process.stdout.readline() == b"ready\n"
        before = snapshot(tmp_path)

        code, checks = doctor()

        assert snapshot(tmp_path) == before
    assert code == 0
    assert checks["embedder"]["detail"].endswith(", as in the store")


def test_store_that_was_not_closed(doctor: Doctor, tmp_path: Path) -> None:
    """Writes that a killed process left in the log are seen, and stay there."""
    script = (
        "import os\nfrom statebase import StateBase\nStateBase.local('store.db').sessions.create('bot')\nos._exit(9)\n"
    )
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path)
    before = snapshot(tmp_path)

    code, checks = doctor()

    assert (code, checks["schema"]["detail"]) == (0, f"version {len(schema.MIGRATIONS)}, the newest")
    assert len(before) == 2 and snapshot(tmp_path) == before


def test_store_and_service(doctor: Doctor, tmp_path: Path) -> None:
    """With --url the service is checked as well."""
    make_store(tmp_path / "store.db")

    code, checks = doctor("--url", "nowhere")

    assert (code, checks["store"]["status"], checks["address"]["status"]) == (1, "ok", "failed")


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "No such file"), (b"SQLite? No." * 100, "is not a statebase store"), ("directory", "directory")],
)
def test_what_is_no_store(doctor: Doctor, tmp_path: Path, content: Any, words: str) -> None:
    """A file that is not there, or is something else, stays so."""
    if content == "directory":
        (tmp_path / "store.db").mkdir()
    elif content is not None:
        (tmp_path / "store.db").write_bytes(content)
    before = [file.name for file in tmp_path.iterdir()]

    code, checks = doctor()

    assert (code, checks["store"]["status"]) == (1, "failed")
    assert words in checks["store"]["detail"]
    assert checks["schema"]["status"] == "skipped"
    assert [file.name for file in tmp_path.iterdir()] == before


def test_database_of_another_application(doctor: Doctor, tmp_path: Path) -> None:
    """A database with other tables is refused."""
    connection = sqlite3.connect(tmp_path / "store.db")
    connection.execute("CREATE TABLE theirs (x)")
    connection.close()

    code, checks = doctor()

    assert code == 1
    assert "belongs to another application" in checks["store"]["detail"]


def test_store_of_a_newer_version(doctor: Doctor, tmp_path: Path) -> None:
    """A store that only a newer package can read says so."""
    make_store(tmp_path / "store.db")
    set_pragma(tmp_path / "store.db", f"user_version = {len(schema.MIGRATIONS) + 1}")

    code, checks = doctor()

    assert code == 1
    assert "newer statebase" in checks["store"]["detail"]


def test_store_of_an_older_version(doctor: Doctor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that the next opening brings up to date is well, and is not brought up to date by looking."""
    make_store(tmp_path / "store.db")
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, ("CREATE TABLE later (x)",)))
    before = snapshot(tmp_path)

    code, checks = doctor()

    newest = len(schema.MIGRATIONS)
    assert checks["schema"]["detail"] == f"version {newest - 1}: opening the store upgrades it to {newest}"
    assert (code, snapshot(tmp_path)) == (0, before)


def test_empty_file(doctor: Doctor, tmp_path: Path) -> None:
    """An empty file may become a store; looking does not make it one."""
    (tmp_path / "store.db").touch()

    code, checks = doctor()

    assert (code, checks["schema"]["status"]) == (0, "ok")
    assert (tmp_path / "store.db").read_bytes() == b""


def test_damaged_store(doctor: Doctor, tmp_path: Path) -> None:
    """Damage fails, and what to do is said."""
    path = tmp_path / "store.db"
    make_store(path)
    damaged = bytearray(path.read_bytes())
    damaged[4096 * 4 : 4096 * 8] = b"\xff" * 4096 * 4
    path.write_bytes(bytes(damaged))

    code, checks = doctor()

    assert (code, checks["integrity"]["status"]) == (1, "failed")
    assert "backup" in checks["integrity"]["advice"]


def test_store_that_takes_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Looking for damage ends in time, and does not say that there is none."""
    make_store(tmp_path / "store.db")
    monkeypatch.setattr(inspection, "_STEPS_BETWEEN_LOOKS", 1)

    assert inspect(str(tmp_path / "store.db"), timeout_seconds=-1.0).problems is None


def test_store_without_its_log(doctor: Doctor, tmp_path: Path) -> None:
    """Another program may have turned the write-ahead log off: a warning."""
    make_store(tmp_path / "store.db")
    set_pragma(tmp_path / "store.db", "journal_mode = DELETE")

    code, checks = doctor()

    assert (code, checks["journal"]["status"]) == (0, "warning")


def test_store_of_another_embedder(doctor: Doctor, tmp_path: Path) -> None:
    """Vectors by another embedder than the default are a warning, which names both."""

    def lengths(texts: Any) -> List[List[float]]:
        return [[1.0, float(len(text))] for text in texts]

    lengths.id = "lengths-1"  # type: ignore[attr-defined]
    make_store(tmp_path / "store.db", embedder=lengths)

    code, checks = doctor()

    assert (code, checks["embedder"]["status"]) == (0, "warning")
    assert "lengths-1" in checks["embedder"]["detail"]


def test_machine_without_embedder(doctor: Doctor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If no embedder is installed, the advice says how to enable semantic search."""
    make_store(tmp_path / "store.db")
    monkeypatch.setattr("statebase.cli.doctor.store.default_embedder", lambda: None)

    _, checks = doctor()

    assert checks["embedder"]["status"] == "warning"
    assert 'pip install "statebase[local]"' in checks["embedder"]["advice"]


def set_pragma(path: Path, pragma: str) -> None:
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA {pragma}")
    connection.close()
