"""The Python blocks of the README run as they stand."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

README = Path(__file__).parents[2] / "README.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("code", BLOCKS, ids=[f"block {number}" for number in range(1, len(BLOCKS) + 1)])
def test_block_runs(code: str) -> None:
    """Nothing has to be added to a block to run it."""
    exec(compile(code, str(README), "exec"), {"__name__": "__main__"})


def test_there_are_blocks() -> None:
    """The pattern still finds the blocks."""
    assert len(BLOCKS) >= 3
