"""What the tests of the documentation need of Python."""

from __future__ import annotations

import sys

import pytest

if sys.version_info < (3, 10):
    collect_ignore = ["test_notebook.py"]

    def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
        terminalreporter.write_line(
            f"tests/docs/test_notebook.py was left out: Jupyter needs Python 3.10, this is {sys.version.split()[0]}."
        )
