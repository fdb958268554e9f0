"""The supervisor starts workers again after a growing delay, and gives up when that is hopeless."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(os.name != "posix", reason="workers are forked")

# What the workers do is written here; a file counts their starts over all processes.
SCRIPT = """
import os, signal, sys
from pathlib import Path
from statebase.server.supervisor import WorkerError, supervise

starts = Path("starts")
reads, writes = os.pipe()

def announce():
    print("announced", flush=True)
    os.write(writes, b"." * {workers})

def serve_until_announced(ready):
    ready()
    os.read(reads, 1)

def work(number, ready):
    with starts.open("a") as file:
        file.write(f"{{number}}\\n")
    started = len(starts.read_text().splitlines())
{work}

try:
    supervise({workers}, work, announce, lambda: print("closed", flush=True), 0.01)
except WorkerError as error:
    print("gave up:", error)
"""


def supervised(tmp_path: Path, work: str, workers: int = 1) -> subprocess.CompletedProcess[str]:
    """Run a supervisor in a process of its own, with workers that do what `work` says."""
    lines = "\n".join(f"    {line}" for line in work.splitlines())
    script = SCRIPT.format(work=lines, workers=workers)
    return subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, encoding="utf-8", timeout=60
    )


def starts(tmp_path: Path) -> int:
    return len((tmp_path / "starts").read_text().splitlines())


def test_worker_that_cannot_start_at_first(tmp_path: Path) -> None:
    """Its reason is the error, and nothing is announced."""
    result = supervised(tmp_path, "raise WorkerError('There is no disk.')", workers=2)

    assert result.stdout == "closed\ngave up: There is no disk.\n"
    assert result.stderr == ""


def test_worker_that_dies_at_first(tmp_path: Path) -> None:
    """The error says how it ended."""
    result = supervised(tmp_path, "os.kill(os.getpid(), signal.SIGSEGV)")

    assert result.stdout.startswith("closed\ngave up: Worker 1 (process ")
    assert result.stdout.endswith(") was ended by SIGSEGV.\n")


def test_bug_in_a_worker(tmp_path: Path) -> None:
    """Its traceback is printed."""
    result = supervised(tmp_path, "1 / 0")

    assert "ended with exit code 1." in result.stdout
    assert "ZeroDivisionError" in result.stderr


def test_worker_that_never_starts_again(tmp_path: Path) -> None:
    """After five failed starts in a row the server ends; the delays double."""
    result = supervised(
        tmp_path, "if started > 1:\n    raise WorkerError('The disk is gone.')\nserve_until_announced(ready)"
    )

    assert result.stdout == (
        "announced\nclosed\ngave up: No worker is left, and none can be started: The disk is gone.\n"
    )
    assert starts(tmp_path) == 5
    assert [line.rpartition(" in ")[2] for line in result.stderr.splitlines()] == [
        f"{seconds:g} seconds." for seconds in (0.01, 0.02, 0.04, 0.08)
    ]


def test_worker_that_starts_at_last(tmp_path: Path) -> None:
    """A start that fails is followed by another one, and the next signal stops the server as usual."""
    work = """\
if started in (2, 3):
    raise WorkerError('Not yet.')
if started == 1:
    serve_until_announced(ready)
    sys.exit(0)
ready()
os.kill(os.getppid(), signal.SIGTERM)
signal.pause()"""
    result = supervised(tmp_path, work)

    assert result.stdout == "announced\nclosed\n"
    assert starts(tmp_path) == 4


def test_signal_while_workers_start(tmp_path: Path) -> None:
    """Workers that do not serve yet are ended too."""
    result = supervised(tmp_path, "os.kill(os.getppid(), signal.SIGINT)\nsignal.pause()", workers=2)

    assert (result.returncode, result.stdout, result.stderr) == (0, "closed\n", "")
