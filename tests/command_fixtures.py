"""Fixtures for the tests of the server and of the command line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Optional

import pytest

from statebase.cli import main
from statebase.local import Engine

Run = Callable[..., "subprocess.CompletedProcess[str]"]

if sys.version_info < (3, 11):
    collect_ignore = ["test_published_schema.py", "test_schema.py"]

    def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
        terminalreporter.write_line(
            "test_schema.py and test_published_schema.py of tests/server were left out: Schemathesis needs Python 3.11, "
            f"this is {sys.version.split()[0]}."
        )


@pytest.fixture
def engine() -> Iterator[Engine]:
    """An engine in memory."""
    engine = Engine.open()
    yield engine
    engine.close()


def environment(**variables: str) -> Dict[str, str]:
    """Return the environment of the tests, without what would point a client somewhere, and with `variables`."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("STATEBASE_")}
    return {**inherited, **variables}


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run the command in an empty directory, to its end."""

    def command(*arguments: str, input: Optional[str] = None, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "statebase", *arguments],
            cwd=tmp_path,
            env=environment(**variables),
            input=input,
            capture_output=True,
            encoding="utf-8",
            timeout=60,
        )

    return command


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command in this process, which is faster: for what ends without doing anything."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("STATEBASE_")]:
        monkeypatch.delenv(name)

    def command(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        try:
            code = main(arguments)
        except SystemExit as stop:
            code = int(stop.code or 0)
        output = capsys.readouterr()
        return subprocess.CompletedProcess(arguments, code, output.out, output.err)

    return command


class Serving:
    """A running `statebase serve`, told to print its start line as JSON."""

    def __init__(self, directory: Path, arguments: List[str], variables: Dict[str, str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "statebase", "serve", "--port", "0", "--json", *arguments],
            cwd=directory,
            env=environment(**variables),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError(self.process.communicate()[1])
        self.start: Dict[str, Any] = json.loads(line)
        self.url: str = self.start["base_url"]

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and return the exit code."""
        self.process.send_signal(number)
        self.stderr = self.process.communicate(timeout=30)[1]
        return self.process.returncode


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Serving]]:
    """Start `statebase serve` as a process; it is stopped after the test."""
    started: List[Serving] = []

    def start(*arguments: str, **variables: str) -> Serving:
        started.append(Serving(tmp_path, list(arguments), variables))
        return started[-1]

    yield start
    for serving in started:
        if serving.process.poll() is None:
            serving.stop()
