"""The page, the docstrings and the example of the integration run as they stand, and print what they show."""

from __future__ import annotations

import doctest
import subprocess
import sys
from pathlib import Path
from typing import Any, List

import pytest

from statebase.integrations._langgraph import saver, store

ROOT = Path(__file__).resolve().parents[3]
EXAMPLE = ROOT / "examples" / "langgraph_agent.py"


def lines(*command: object, directory: Path) -> List[str]:
    done = subprocess.run(
        [sys.executable, *map(str, command)], cwd=directory, stdout=subprocess.PIPE, text=True, encoding="utf-8"
    )
    assert done.returncode == 0
    return done.stdout.splitlines()


@pytest.mark.parametrize("module", [saver, store])
def test_examples_of_docstrings_run(module: Any) -> None:
    results = doctest.testmod(module, optionflags=doctest.ELLIPSIS)

    assert (results.failed, results.attempted > 0) == (0, True)


def test_the_page_runs(tmp_path: Path) -> None:
    lines(ROOT / "tests/docs/run_page.py", ROOT / "docs/integrations/langgraph.md", directory=tmp_path)


def test_the_example_stops_goes_on_and_goes_back(tmp_path: Path) -> None:
    assert lines(EXAMPLE, directory=tmp_path) == [
        "agent asks: Book 2 nights at Hotel Wiesler?",
        "agent: Booked. I noted that it has quiet rooms.",
        "checkpoints: 5",
        "agent, if the answer is no: Not booked. I noted that it has quiet rooms.",
    ]


def test_the_example_passes_the_type_checker(tmp_path: Path) -> None:
    lines("-m", "mypy", "--strict", "--config-file=", EXAMPLE, directory=tmp_path)
