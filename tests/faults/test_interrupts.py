"""A call that a signal handler interrupts leaves nothing taken: no lock, no slot, no connection to somebody else."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PROGRAM = Path(__file__).with_name("interrupting.py")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system has no timers that send signals"),
]


def run(scenario: str, effort: str, url: str, ca_file: str) -> Any:
    program = subprocess.run(
        [sys.executable, str(PROGRAM), scenario, effort, url, ca_file, "http1"], capture_output=True, timeout=300
    )
    assert program.returncode == 0, program.stderr.decode()
    return json.loads(program.stdout)


@pytest.mark.parametrize(("scheme", "effort"), [("http", "plain"), ("https", "harder")])
def test_call_is_interrupted_at_each_line(scheme: str, effort: str, ca_file: str, request: Any) -> None:
    """Wherever it was, this and other threads go on, and no slot is lost; also while a call connects."""
    server = request.getfixturevalue("server" if scheme == "http" else "tls_server")

    report = run("every_line", effort, server.url, ca_file)

    assert report["wrong"] == []
    assert report["interrupted"] > 500


@pytest.mark.parametrize(("scheme", "effort"), [("http", "plain"), ("https", "plain"), ("https", "harder")])
def test_calls_are_interrupted_by_signals(scheme: str, effort: str, ca_file: str, request: Any) -> None:
    """A storm of signals, while other threads make calls: likewise, even if one comes while another is dealt with."""
    server = request.getfixturevalue("server" if scheme == "http" else "tls_server")

    report = run("storm", effort, server.url, ca_file)

    assert report["wrong"] == []
    assert report["interrupted"] > 100
