"""A service for the blocks that talk to one, and what the tests need of Python."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Dict, Iterator

import pytest

if sys.version_info < (3, 10):
    collect_ignore = ["test_notebook.py"]

    def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
        terminalreporter.write_line(
            f"tests/docs/test_notebook.py was left out: Jupyter needs Python 3.10, this is {sys.version.split()[0]}."
        )


@pytest.fixture(scope="session")
def service() -> Iterator[Dict[str, str]]:
    """The environment that points clients to a `statebase serve` of this machine."""
    command = [sys.executable, "-m", "statebase", "serve", "--port", "0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        address = json.loads(server.stdout.readline())["base_url"]
        yield {**os.environ, "STATEBASE_BASE_URL": address, "STATEBASE_API_KEY": "sb_docs"}
        server.terminate()
