"""Files that the command line names: a wrong one is an error that names argument and path, and nothing is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Callable, List

import pytest

from statebase import StateBase

pytestmark = pytest.mark.slow

Run = Callable[..., "subprocess.CompletedProcess[str]"]

posix = pytest.mark.skipif(os.name != "posix", reason="needs signals and limits of POSIX")


@pytest.fixture
def export(run: Run, tmp_path: Path) -> bytes:
    """The export of a store with a session; the store is `store.db`, the directory `folder`."""
    with StateBase.local(tmp_path / "store.db") as client:
        session = client.sessions.create("bot")
        client.sessions.add_turn(session.id, "in", "x" * 50_000)
    (tmp_path / "folder").mkdir()
    return run("export", "--all", "--path", "store.db").stdout.encode()


@pytest.mark.parametrize("change", ["byte order mark", "blank lines"])
def test_harmless_additions_of_editors_are_skipped(run: Run, tmp_path: Path, export: bytes, change: str) -> None:
    """A UTF-8 byte order mark, blank lines and line ends of Windows do not matter."""
    additions = {"byte order mark": b"\xef\xbb\xbf" + export, "blank lines": b"\n" + export.replace(b"\n", b"\r\n\r\n")}
    (tmp_path / "in.jsonl").write_bytes(additions[change])

    result = run("import", "in.jsonl", "--path", "new.db")

    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("Imported 1 session, ")


@pytest.mark.parametrize("kind", ["empty", "utf-16", "store", "damaged", "cut off", "secret kind"])
def test_import_that_added_nothing_leaves_no_store(run: Run, tmp_path: Path, export: bytes, kind: str) -> None:
    """The message names the file and shows nothing of what it holds."""
    header = export.splitlines(keepends=True)[0]
    content, complaint = {
        "empty": (b"", "The input is empty"),
        "utf-16": (export.decode().encode("utf-16"), "encoded as UTF-16 or UTF-32: save it as UTF-8."),
        "store": ((tmp_path / "store.db").read_bytes(), "is a SQLite file, not an export"),
        "damaged": (header + b"\n{s3cr3t", "Line 3 is damaged"),
        "cut off": (header, "The export is cut off"),
        "secret kind": (header + b'{"record": "s3cr3t"}', "Line 2 is damaged (record: unknown kind)"),
    }[kind]
    (tmp_path / "in.jsonl").write_bytes(content)

    result = run("import", "in.jsonl", "--path", "new.db")

    assert result.returncode == 1
    assert result.stderr.startswith("statebase: FILE in.jsonl: ")
    assert complaint in result.stderr
    assert "s3cr3t" not in result.stderr
    assert [file.name for file in tmp_path.iterdir() if file.name.startswith("new.db")] == []


def test_import_that_failed_says_what_it_added(run: Run, tmp_path: Path, export: bytes) -> None:
    """The records before the damage stay, in the store too."""
    (tmp_path / "in.jsonl").write_bytes(b"".join(export.splitlines(keepends=True)[:2]))

    result = run("import", "in.jsonl", "--path", "new.db")

    assert result.stderr.endswith(
        " Imported before that: 1 session, 0 state versions, 0 turns, 0 memories and 0 entities.\n"
    )
    with StateBase.local(tmp_path / "new.db") as client:
        assert len(client.sessions.list()) == 1


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["import", "folder", "--path", "new.db"], "FILE folder"),
        (["import", "store.db", "--path", "folder"], "--path folder"),
        (["export", "--all", "--path", "store.db", "-o", "folder"], "-o/--output folder"),
        (["export", "--all", "--path", "folder"], "--path folder"),
        (["show", "sess_1", "--path", "folder"], "--path folder"),
        (["tail", "sess_1", "--once", "--path", "folder"], "--path folder"),
        (["serve", "--port", "0", "--path", "folder"], "--path folder"),
        (["purge", "--path", "folder"], "--path folder"),
        (["backup", "--path", "folder", "copy.db"], "--path folder"),
        (["backup", "--path", "store.db", "folder"], "TARGET folder"),
        (["restore", "folder", "--path", "new.db"], "BACKUP folder"),
        (["restore", "store.db", "--path", "folder"], "--path folder"),
    ],
)
def test_directory_in_the_place_of_a_file(call: Run, export: bytes, arguments: List[str], named: str) -> None:
    """The message names the argument and the path as typed."""
    result = call(*arguments)

    message = f"statebase: {named} is a directory: pass the path of a file.\n"
    if arguments[:2] == ["import", "store.db"]:
        message = "statebase: FILE store.db: The input is a SQLite file"
    assert (result.returncode, result.stderr[: len(message)]) == (1, message)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["export", "--all", "--path", "store.db", "-o", "no/such/out"], "-o/--output no/such/out"),
        (["serve", "--port", "0", "--path", "no/such/out"], "--path no/such/out"),
        (["backup", "--path", "store.db", "no/such/out"], "TARGET no/such/out"),
        (["restore", "store.db", "--path", "no/such/out"], "--path no/such/out"),
    ],
)
def test_parent_that_does_not_exist(call: Run, export: bytes, arguments: List[str], named: str) -> None:
    """The message names no temporary file."""
    result = call(*arguments)

    assert (result.returncode, result.stderr) == (1, f"statebase: {named}: the directory no/such does not exist.\n")


def test_file_that_is_not_a_store(call: Run, tmp_path: Path, export: bytes) -> None:
    """The path is the one that was typed, not the absolute one."""
    (tmp_path / "letter").write_text("Dear Ada, " * 1000)

    for command in (["show", "sess_1"], ["purge"], ["backup", "copy.db"], ["serve", "--port", "0"]):
        assert call(*command, "--path", "letter").stderr.startswith("statebase: letter is not a statebase store ")


@posix
@pytest.mark.parametrize("command", [["export", "--all", "-o", "out"], ["backup", "out"]])
def test_full_disk(tmp_path: Path, export: bytes, command: List[str]) -> None:
    """A file that cannot be written to its end is not left behind, and no temporary file is named."""
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))"
    script = f"{limit}; import sys; from statebase.cli import main; sys.exit(main(sys.argv[1:]))"
    before = {file.name for file in tmp_path.iterdir()}

    result = subprocess.run(
        [sys.executable, "-c", script, *command, "--path", "store.db"],
        cwd=tmp_path,
        capture_output=True,
        encoding="utf-8",
    )

    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1
    assert "partial" not in result.stderr
    assert {file.name for file in tmp_path.iterdir()} - {"store.db-shm", "store.db-wal"} == before


@posix
def test_interrupted_import_that_added_nothing_leaves_no_store(tmp_path: Path) -> None:
    """Ctrl-C while it waits for its input."""
    working_directory = tmp_path / "work"
    working_directory.mkdir()
    export = tmp_path / "export"
    os.mkfifo(export)
    command = [sys.executable, "-m", "statebase", "import", str(export), "--path", "new.db"]
    with (
        subprocess.Popen(command, cwd=working_directory, stderr=subprocess.PIPE, encoding="utf-8") as process,
        export.open("w"),
    ):  # opens once the command has opened the other end
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=30)

    assert (process.returncode, stderr.splitlines()) == (130, ["statebase: Interrupted."])
    assert list(working_directory.iterdir()) == []


@posix
def test_interrupt_while_an_error_is_reported(tmp_path: Path) -> None:
    """Ctrl-C while the modules are imported that tell whether an error is expected."""
    command = [sys.executable, "-X", "importtime", "-m", "statebase", "purge", "--path", "missing.db"]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, encoding="utf-8") as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.rpartition("|")[2].strip() == "statebase.local.errors":
                process.send_signal(signal.SIGINT)
                break
        _, stderr = process.communicate(timeout=30)

    said = [line for line in stderr.splitlines() if not line.startswith("import time:")]
    assert (process.returncode, said) in [
        (130, ["statebase: Interrupted."]),
        (1, ["statebase: --path missing.db: No such file or directory."]),
    ]


@posix
@pytest.mark.parametrize("command", [["--help"], ["doctor", "--path", "store.db"], ["purge", "--path", "store.db"]])
def test_stdout_that_is_closed_or_full(tmp_path: Path, export: bytes, command: List[str]) -> None:
    """A closed pipe causes no message; a full disk causes one line."""
    read_end, write_end = os.pipe()
    os.close(read_end)
    program = [sys.executable, "-m", "statebase", *command]
    buffered = {**os.environ, "PYTHONUNBUFFERED": ""}

    gone = subprocess.run(
        program, cwd=tmp_path, env=buffered, stdout=write_end, stderr=subprocess.PIPE, encoding="utf-8"
    )
    os.close(write_end)

    assert (gone.returncode, gone.stderr) == (1, "")
    if Path("/dev/full").exists():
        with Path("/dev/full").open("w") as full:
            stopped = subprocess.run(
                program, cwd=tmp_path, env=buffered, stdout=full, stderr=subprocess.PIPE, encoding="utf-8"
            )
        message = "statebase: Cannot write to stdout: No space left on device.\n"
        assert (stopped.returncode, stopped.stderr) == (1, message)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["show", "s", "--path", "f", "-n", "100"], "-n/--number must be an integer from 0 to 50, got 100"),
        (["serve", "--port", "x"], "--port must be an integer from 0 to 65535, got x"),
        (["serve", "--port", "9" * 5000], f"--port must be an integer from 0 to 65535, got {'9' * 40}..."),
        (["tail", "s", "--path", "f", "--interval", "nan"], "must be a number of seconds from 0.1 to 86400, got nan"),
        (
            ["import", "f", "--path", "g", "--ttl-seconds", "0"],
            "--ttl-seconds must be an integer from 1 to 2592000, got 0",
        ),
        (["purge", "--path", ""], "--path must not be empty"),
        (["export", "", "--path", "f"], "SESSION must not be empty"),
    ],
)
def test_wrong_values_are_usage_errors(call: Run, arguments: List[str], message: str) -> None:
    """The message names the option, what it takes and what came."""
    result = call(*arguments)

    assert result.returncode == 2
    assert result.stderr.endswith(f"{message}\n")
