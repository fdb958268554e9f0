"""Ctrl-C while `statebase serve` starts ends it without a traceback, whatever it is at."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(os.name != "posix", reason="Windows sends no signals to a single process")


@pytest.mark.parametrize(
    "module", ["argparse", "httpx", "pydantic", "statebase.local.engine", "hypercorn.config", "hypercorn"]
)
def test_interrupt_while_modules_are_imported(tmp_path: Path, module: str) -> None:
    """It ends as interrupted, or as stopped if it serves by then; nothing but a line is said."""
    command = [sys.executable, "-X", "importtime", "-m", "statebase", "serve", "--port", "0"]
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8"
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.rpartition("|")[2].strip() == module:
                process.send_signal(signal.SIGINT)
                break
        _, stderr = process.communicate(timeout=30)

    said = [line for line in stderr.splitlines() if not line.startswith("import time:")]
    # Python ends by the signal, which a shell shows as 130 too, if it struck code that was given to `exec()`.
    assert (process.returncode, said) in [
        (130, ["statebase: Interrupted."]),
        (-signal.SIGINT, ["statebase: Interrupted."]),
        (0, []),
    ]
