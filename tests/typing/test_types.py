"""mypy and pyright, both strict, accept good code without a word, and find each mistake in wrong code and no other."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Callable, List, Set, Tuple

import pytest

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
Found = Set[Tuple[int, str]]


def mypy(file: Path, scratch: Path) -> Found:
    """Return line and code of each error that mypy finds."""
    output = run(["mypy", "--strict", "--show-error-codes", "--no-pretty", "--no-error-summary", str(file)])
    errors = re.findall(r"^\S+?:(\d+): error: .* \[([\w-]+)\]$", output, re.MULTILINE)
    assert len(errors) == output.count(": error: ")
    return {(int(line), code) for line, code in errors}


def pyright(file: Path, scratch: Path) -> Found:
    """Return line and rule of each error that pyright finds."""
    # In a project of its own, as this one leaves wrong code out.
    shutil.copy(file, scratch)
    (scratch / "pyrightconfig.json").write_text('{"typeCheckingMode": "strict", "pythonVersion": "3.9"}')
    report = json.loads(run(["pyright", "--outputjson", "--pythonpath", sys.executable, "--project", str(scratch)]))
    assert report["summary"]["filesAnalyzed"] == 1
    return {
        (one["range"]["start"]["line"] + 1, one.get("rule", one["message"])) for one in report["generalDiagnostics"]
    }


def run(command: List[str]) -> str:
    """Run a checker from the root of the project, where its configuration is."""
    if find_spec(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    return subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, encoding="utf-8", check=False
    ).stdout


def expected(file: Path, checker: str) -> Found:
    """Read from the comments at the ends of lines what a checker should report."""
    lines = file.read_text(encoding="utf-8").splitlines()
    comments = ((number, line.partition("  # ")[2]) for number, line in enumerate(lines, start=1))
    told = ((number, part.partition(": ")) for number, comment in comments for part in comment.split("; "))
    return {(number, code) for number, (tool, _, code) in told if tool == checker}


Checker = Callable[[Path, Path], Found]


@pytest.mark.parametrize("checker", [mypy, pyright])
def test_good_use_is_accepted(checker: Checker, tmp_path: Path) -> None:
    """Code as users write it has the types that it says, in both flavours."""
    assert checker(HERE / "good_use.py", tmp_path) == set()


@pytest.mark.parametrize("checker", [mypy, pyright])
def test_wrong_use_is_found(checker: Checker, tmp_path: Path) -> None:
    """Each mistake is reported on its line, as the comment there says, and nothing else is."""
    wanted = expected(HERE / "wrong_use.py", checker.__name__)

    assert len(wanted) > 25
    assert checker(HERE / "wrong_use.py", tmp_path) == wanted
