"""A server that cannot start says why in one line on stderr; exit code 1 for the world, 2 for the command line."""

from __future__ import annotations

import socket
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any, Callable, List

import pytest

from statebase.local import Engine

pytestmark = pytest.mark.slow

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def complaint(result: Any) -> str:
    """Return the one line on stderr of a command that failed."""
    assert (result.returncode, result.stdout) == (1, "")
    line, rest = result.stderr.split("\n", 1)
    assert rest == ""
    assert line.startswith("statebase: ")
    return str(line)


def test_port_in_use(run: Run, tmp_path: Path) -> None:
    """Nothing is opened where the port is taken."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]

        result = run("serve", "--port", str(port), "--path", "store.db")

    assert f"127.0.0.1, port {port}: Address already in use" in complaint(result)
    assert not (tmp_path / "store.db").exists()


def test_unknown_host(run: Run) -> None:
    """A name that stands for nothing cannot be listened on."""
    result = run("serve", "--host", "nowhere.invalid", "--port", "0", "--api-key", "sb_secret")

    assert "Cannot listen on nowhere.invalid" in complaint(result)


def test_path_that_cannot_be(run: Run) -> None:
    """A file in a directory that is not there."""
    assert "--path missing/store.db: the directory missing does not exist." in complaint(
        run("serve", "--port", "0", "--path", "missing/store.db")
    )


def test_file_of_something_else(run: Run, tmp_path: Path) -> None:
    """A file that is not a database is not changed."""
    (tmp_path / "letter.txt").write_text("Dear Ada, " * 1000)

    assert "letter.txt is not a statebase store" in complaint(run("serve", "--port", "0", "--path", "letter.txt"))
    assert (tmp_path / "letter.txt").read_text() == "Dear Ada, " * 1000


def test_database_of_something_else(run: Run, tmp_path: Path) -> None:
    """A database of another application is left alone."""
    database = sqlite3.connect(tmp_path / "other.db")
    database.execute("CREATE TABLE customers (name TEXT)")
    database.close()

    assert "other.db belongs to another application" in complaint(run("serve", "--port", "0", "--path", "other.db"))


def test_file_of_a_newer_version(run: Run, tmp_path: Path) -> None:
    """The line says what to do."""
    Engine.open(tmp_path / "store.db").close()
    database = sqlite3.connect(tmp_path / "store.db")
    database.execute("PRAGMA user_version = 99")
    database.close()

    assert "newer statebase" in complaint(run("serve", "--port", "0", "--path", "store.db"))


def test_locked_file(run: Run, tmp_path: Path) -> None:
    """A file that another process keeps to itself is given up on after ten seconds."""
    Engine.open(tmp_path / "store.db").close()
    database = sqlite3.connect(tmp_path / "store.db", isolation_level=None)
    database.execute("PRAGMA locking_mode = EXCLUSIVE")
    database.execute("BEGIN EXCLUSIVE")

    result = run("purge", "--path", "store.db")

    database.close()
    assert "busy with writes of other processes" in complaint(result)


def test_directory_without_an_authority(run: Run, tmp_path: Path) -> None:
    """A key that is none is not replaced in silence."""
    (tmp_path / "authority").mkdir()
    for name in ("ca.pem", "ca-key.pem"):
        (tmp_path / "authority" / name).write_text("nothing")

    assert "Cannot issue a certificate" in complaint(run("serve", "--port", "0", "--tls", "authority"))


@pytest.mark.parametrize("package", ["hypercorn", "trustme"])
def test_missing_packages(call: Run, monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    """Without the extra the line says how to install it."""
    monkeypatch.setitem(sys.modules, package, None)

    result = call("serve", "--port", "0", "--tls")

    assert complaint(result) == f'statebase: The server needs the package {package}: pip install "statebase[server]"'


@pytest.mark.parametrize("host", ["0.0.0.0", "::", ""])
def test_open_to_others_needs_a_key(call: Run, host: str) -> None:
    """Without a key nothing listens beyond this machine: a mistake of the command line."""
    result = call("serve", "--host", host, "--port", "0")

    assert result.returncode == 2
    assert "which could read and write everything: set STATEBASE_SERVE_API_KEY" in result.stderr


@pytest.mark.parametrize("key", ["", "two words", "schlüssel"])
def test_keys_that_no_client_could_send(call: Run, key: str) -> None:
    """An empty key in particular does not mean that none is asked for."""
    result = call("serve", "--port", "0", "--api-key", key)

    assert result.returncode == 2
    assert (
        "the key of --api-key or STATEBASE_SERVE_API_KEY must be printable ASCII text without spaces" in result.stderr
    )


@pytest.mark.parametrize(
    "arguments", [["--port", "65536"], ["--port", "http"], ["--port", "-1"], ["--rate-limit", "0"], ["--unknown"]]
)
def test_options_that_make_no_sense(call: Run, arguments: List[str]) -> None:
    """They are refused before anything happens."""
    result = call("serve", *arguments)

    assert result.returncode == 2
    assert "Traceback" not in result.stderr
    assert arguments[-1] in result.stderr
