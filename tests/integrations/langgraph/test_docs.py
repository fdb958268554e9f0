"""The docstrings and the example of the integration run as they stand, and print what they show."""

from __future__ import annotations

import doctest
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from statebase.integrations._langgraph import saver, store

ROOT = Path(__file__).resolve().parents[3]
EXAMPLE = ROOT / "examples" / "langgraph_agent.py"


@pytest.mark.parametrize("module", [saver, store])
def test_examples_of_docstrings_run(module: Any) -> None:
    results = doctest.testmod(module, optionflags=doctest.ELLIPSIS)

    assert (results.failed, results.attempted > 0) == (0, True)


def test_the_example_stops_goes_on_and_goes_back(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, EXAMPLE], cwd=tmp_path, stdout=subprocess.PIPE, encoding="utf-8", check=True)

    assert done.stdout.splitlines() == [
        "agent asks: Book 2 nights at Hotel Wiesler?",
        "agent: Booked. I noted that it has quiet rooms.",
        "checkpoints: 5",
        "agent, if the answer is no: Not booked. I noted that it has quiet rooms.",
    ]
