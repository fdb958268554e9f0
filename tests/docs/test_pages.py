"""The Python of the README and of the documentation runs as it stands, prints what it says, and passes mypy."""

from __future__ import annotations

import doctest
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Dict

import pytest

from tests.docs.pages import DOCS, INTEGRATIONS, PAGES, ROOT, blocks, name

pytestmark = pytest.mark.slow

# The blocks of the guide to testing are the files of a project; test_testing_guide.py runs it.
PROJECT = DOCS / "guides/testing.md"
WITH_PYTHON = [page for page in PAGES if page not in (PROJECT, *INTEGRATIONS) and blocks(page, "python")]


def run(*command: str, cwd: Path, environment: Dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command], cwd=cwd, env=environment, capture_output=True, encoding="utf-8", timeout=120
    )


@pytest.mark.parametrize("page", WITH_PYTHON, ids=name)
def test_page_runs(page: Path, tmp_path: Path, service: Dict[str, str]) -> None:
    """Each block works after those before it, without a warning, and prints what the page says."""
    runner = str(ROOT / "tests/docs/run_page.py")

    result = run("-W", "error", runner, str(page), cwd=tmp_path, environment=service)

    assert result.returncode == 0, result.stderr


def test_pages_pass_the_type_checker(tmp_path: Path) -> None:
    """The code on the pages is typed, including the blocks that do not run."""
    if find_spec("mypy") is None:
        pytest.skip("mypy is not installed")
    for page in WITH_PYTHON:
        file = tmp_path / (name(page).replace("/", "_").replace("-", "_")[: -len(".md")] + ".py")
        lines = [""] * (page.read_text(encoding="utf-8").count("\n") + 1)
        for block in blocks(page, "python"):
            text = block.text.splitlines()
            lines[block.line : block.line + len(text)] = text
        file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    # A page tells one thing in several ways, shows cells of notebooks, and names packages that are not installed here.
    lenient = ["--ignore-missing-imports", "--allow-untyped-decorators"]
    lenient += ["--disable-error-code=no-redef", "--disable-error-code=top-level-await"]

    result = run("-m", "mypy", "--strict", *lenient, str(tmp_path), cwd=ROOT, environment=dict(os.environ))

    assert result.returncode == 0, result.stdout


def test_tests_of_the_readme_pass(tmp_path: Path) -> None:
    """Those that it shows run with the plugin that comes with the package, and nothing else."""
    shown = [block.text for block in blocks(ROOT / "README.md", "python") if "def test_" in block.text]
    (tmp_path / "test_readme.py").write_text("\n".join(shown), encoding="utf-8")
    options = ["-q", "-W", "error", "-p", "no:cacheprovider", "-p", "no:asyncio", "-p", "no:schemathesis"]

    result = run("-m", "pytest", *options, cwd=tmp_path, environment=dict(os.environ))

    assert f"{sum(text.count('def test_') for text in shown)} passed" in result.stdout, result.stdout


def test_transcript_is_that_of_the_demo(tmp_path: Path) -> None:
    """The README shows what `make demo` prints; `...` stands for what differs from run to run."""
    (shown,) = blocks(ROOT / "README.md", "console")

    printed = run(str(ROOT / "examples/quickstart.py"), cwd=tmp_path, environment=dict(os.environ)).stdout

    text = "\n".join(line.rstrip() for line in printed.splitlines()) + "\n"
    assert doctest.OutputChecker().check_output(shown.text.replace("$ make demo\n", ""), text, doctest.ELLIPSIS), text


def test_there_are_blocks() -> None:
    """The pattern still finds them."""
    assert len(WITH_PYTHON) > 15
    assert sum(block.output is not None for page in PAGES for block in blocks(page, "python")) > 15
