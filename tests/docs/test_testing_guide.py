"""The guide to testing is a project: its Python blocks are the files that their titles name, and its tests pass."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "testing.md"
BLOCKS = re.findall(
    r'^```python(?: title="(\S+)")?\n(.*?)^```', GUIDE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
)
TESTS = sum(len(re.findall(r"^ *def test_", code, re.MULTILINE)) for _, code in BLOCKS)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A directory with the files of the guide."""
    for title, code in BLOCKS:
        (tmp_path / title).write_text(code, encoding="utf-8")
    return tmp_path


def test_every_block_is_a_file() -> None:
    """Each block has a title of its own, so that none is left out."""
    titles = [title for title, _ in BLOCKS]

    assert all(titles)
    assert len(set(titles)) == len(titles) > 5


def test_tests_pass(project: Path) -> None:
    """The tests run without additions, and none gives a warning."""
    options = ["-q", "-W", "error", "-p", "no:cacheprovider", "-p", "no:asyncio", "-p", "no:schemathesis"]

    run = subprocess.run([sys.executable, "-m", "pytest", *options], cwd=project, capture_output=True, text=True)

    assert run.returncode == 0, run.stdout + run.stderr
    assert f"\n{TESTS} passed" in run.stdout


def test_unittest_runs_without_pytest(project: Path) -> None:
    """The parts that are said to work without pytest do."""
    run = subprocess.run(
        [sys.executable, "-W", "error", "-m", "unittest", "test_with_unittest"],
        cwd=project,
        capture_output=True,
        text=True,
    )

    assert run.returncode == 0, run.stderr
    assert "OK" in run.stderr
