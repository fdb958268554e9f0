"""The command explains itself, and keeps to what terminals and scripts expect."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Callable, Dict, List

import pytest

from statebase import StateBase, __version__
from statebase.cli import main
from statebase.cli.parser import COMMANDS
from statebase.cli.terminal import Progress, bold

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def test_version(call: Run) -> None:
    """`--version` is one line."""
    assert call("--version").stdout == f"statebase {__version__}\n"


def test_module_is_the_command(run: Run) -> None:
    """`python -m statebase` is the command, too, and says its name."""
    result = run("purge")

    assert result.returncode == 2
    assert result.stderr.startswith("usage: statebase purge")


def test_installed_command_is_this_one() -> None:
    """`statebase` and `python -m statebase` are the same."""
    (script,) = [point for point in metadata.distribution("statebase").entry_points if point.group == "console_scripts"]

    assert (script.name, script.load()) == ("statebase", main)


def test_help_lists_commands_exit_codes_and_environment(call: Run) -> None:
    """The help lists everything that a user needs to begin."""
    text = call("--help").stdout

    for word in (*COMMANDS, "exit codes:", "130", "STATEBASE_SERVE_API_KEY", "NO_COLOR", "HTTPS_PROXY", "examples:"):
        assert word in text
    assert max(map(len, text.splitlines())) <= 80


def test_help_loads_nothing_that_takes_time() -> None:
    """`statebase --help` and usage errors load neither httpx nor pydantic."""
    script = (
        "import sys\n"
        "from statebase.cli import main\n"
        "for arguments in (['--help'], ['doctor', '--help'], ['tail', '--help'], ['unknown']):\n"
        "    try: main(arguments)\n"
        "    except SystemExit: pass\n"
        "print(sorted({'httpx', 'httpcore', 'pydantic', 'ssl', 'sqlite3', 'asyncio', 'numpy'} & set(sys.modules)))"
    )

    result = subprocess.run([sys.executable, "-c", script], capture_output=True, encoding="utf-8", check=True)

    assert result.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("doctor", ["--path", "--url", "--json", "safe to paste", "a check failed"]),
        ("show", ["SESSION", "--path", "--url", "-n", "--json", "STATEBASE_BASE_URL", "state_version"]),
        ("tail", ["SESSION", "--path", "--url", "-n", "--interval", "--once", "--json", "Ctrl-C", "has ended"]),
        (
            "search",
            ["QUERY", "--path", "--url", "--session", "--limit", "--threshold", "--explain", "requires --path or"],
        ),
        ("serve", ["--path", "--host", "--port", "--api-key", "--rate-limit", "--tls", "STATEBASE_BASE_URL", "8787"]),
        ("export", ["--all", "--expired", "--path", "--url", "-o", "newest 100", "statebase backup"]),
        ("import", ["FILE", "--path", "--url", "--ttl-seconds", "imported_from", "adds nothing"]),
        ("purge", ["--path", "--json", "except their traces"]),
        ("backup", ["--path", "TARGET"]),
    ],
)
def test_help_of_each_command(call: Run, command: str, words: List[str]) -> None:
    """Options, limits and what stays behind are told; no line is too wide for a terminal of 80."""
    result = call(command, "--help", COLUMNS="80")

    assert result.returncode == 0
    assert [word for word in words if word not in " ".join(result.stdout.split())] == []
    assert max(map(len, result.stdout.splitlines())) <= 80


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["unknown"],
        ["export", "--path", "store.db"],
        ["export", "--all"],
        ["export", "--all", "sess_1", "--path", "store.db"],
        ["export", "--all", "--path", "store.db", "--url", "us"],
        ["export", "--expired", "--url", "us"],
        ["import", "--path", "store.db"],
        ["import", "in.jsonl"],
        ["import", "in.jsonl", "--path", "store.db", "--ttl-seconds", "soon"],
        ["export", "--all", "--path", "store.db", "--json"],
        ["purge"],
        ["backup", "--path", "store.db"],
        ["show", "sess_1"],
        ["show", "--path", "store.db"],
        ["tail", "sess_1", "--path", "store.db", "--url", "us"],
        ["doctor", "sess_1"],
    ],
)
def test_what_makes_no_sense_is_exit_code_2(call: Run, tmp_path: Path, arguments: List[str]) -> None:
    """And nothing was done."""
    result = call(*arguments)

    assert (result.returncode, result.stdout) == (2, "")
    assert "error: " in result.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("dokter", "there is no command 'dokter': did you mean 'doctor'?"),
        ("tial", "there is no command 'tial': did you mean 'tail'?"),
        ("xyz", f"there is no command 'xyz': choose from {', '.join(COMMANDS)}"),
        ("sess_1", "sess_1 is a session ID: use `statebase show sess_1`, or `tail` to follow it"),
    ],
)
def test_what_is_no_command(call: Run, word: str, hint: str) -> None:
    """A command that does not exist is answered with one that does."""
    result = call(word, "--path", "store.db")

    assert result.returncode == 2
    assert result.stderr.endswith(f"statebase: error: {hint}\n")


def test_results_as_json(call: Run, tmp_path: Path) -> None:
    """With --json, export and backup say on stdout what they did."""
    with StateBase.local(tmp_path / "store.db") as client:
        client.sessions.create("bot")

    export = call("export", "--all", "--path", "store.db", "-o", "out.jsonl", "--json")
    backup = call("backup", "--path", "store.db", "copy.db", "--json")

    counts = {"sessions": 1, "state_versions": 0, "turns": 0, "memories": 0, "entities": 0}
    assert json.loads(export.stdout) == {"output": "out.jsonl", "counts": counts}
    size = (tmp_path / "copy.db").stat().st_size
    assert json.loads(backup.stdout) == {"path": "store.db", "target": "copy.db", "bytes": size}
    assert export.stderr == backup.stderr == ""


@pytest.mark.parametrize(
    ("url", "variables", "complaint"),
    [
        ("http://127.0.0.1:9", {"STATEBASE_API_KEY": "sb_secret"}, "Cannot connect to 127.0.0.1:9 "),
        ("http://127.0.0.1:9", {}, "STATEBASE_API_KEY is not set"),
        ("ftp://127.0.0.1", {"STATEBASE_API_KEY": "sb_secret"}, "is not an HTTP URL"),
    ],
)
def test_services_that_cannot_be_reached(call: Run, url: str, variables: Dict[str, str], complaint: str) -> None:
    """One line says why, without the key."""
    result = call("export", "--all", "--url", url, **variables)

    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1
    assert complaint in result.stderr
    assert "sb_secret" not in result.stderr


def test_reader_that_has_seen_enough(tmp_path: Path) -> None:
    """`statebase export | head -1` ends without a complaint."""
    with StateBase.local(tmp_path / "store.db") as client:
        session = client.sessions.create("bot")
        for _ in range(20):
            client.sessions.add_turn(session.id, "x" * 10_000, "out")
    process = subprocess.Popen(
        [sys.executable, "-m", "statebase", "export", "--all", "--path", "store.db"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None and process.stderr is not None

    process.stdout.readline()
    process.stdout.close()

    assert process.stderr.read() == b""
    assert process.wait(30) == 1
    process.stderr.close()


@pytest.mark.skipif(os.name != "posix", reason="Windows has no signals to send")
def test_interrupted_import_says_so(tmp_path: Path) -> None:
    """Ctrl-C while it waits for its input: one line, exit code 130."""
    process = subprocess.Popen(
        [sys.executable, "-m", "statebase", "import", "-", "--path", "store.db"],
        cwd=tmp_path,
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdin is not None
    process.stdin.write(
        b'{"format": "statebase-export", "version": 1, "exported_at": "2026-01-02T03:04:05Z", "statebase": "1"}\n'
        b'{"record": "session", "id": "sess_1", "agent_id": "bot", "created_at": "2026-01-02T03:04:05Z",'
        b' "updated_at": "2026-01-02T03:04:05Z", "initial_state": {}}\n'
    )
    process.stdin.flush()
    with StateBase.local(tmp_path / "store.db") as client:
        while not client.sessions.list():  # until the import has begun
            pass

    process.send_signal(signal.SIGINT)

    assert process.communicate()[1] == b"statebase: Interrupted.\n"
    assert process.returncode == 130


class Terminal:
    """A stream that looks like a terminal."""

    def __init__(self) -> None:
        self.text = ""

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> None:
        self.text += text

    def flush(self) -> None:
        """Do nothing: what is written is there."""


def test_colour_is_for_terminals(monkeypatch: pytest.MonkeyPatch) -> None:
    """Text stands out on a terminal, unless NO_COLOR or a dumb terminal says otherwise."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    colourful = bold("text", Terminal())  # type: ignore[arg-type]
    monkeypatch.setenv("NO_COLOR", "1")
    plain = bold("text", Terminal())  # type: ignore[arg-type]

    assert (colourful, plain) == ("\033[1mtext\033[0m", "text")


def test_progress_is_for_terminals(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """On a terminal a line is written over and wiped in the end; elsewhere there is none."""
    with Progress() as progress:
        progress.show("1 session")
    assert capsys.readouterr().err == ""
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)

    with Progress() as progress:
        progress.show("1 session")

    assert terminal.text.startswith("\r1 session")
    assert "\n" not in terminal.text
    assert terminal.text.rpartition("\r")[0].endswith(" ")
