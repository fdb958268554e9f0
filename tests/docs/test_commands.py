"""The commands that the README and the documentation show are real."""

from __future__ import annotations

import re
from pathlib import Path
from typing import List

import pytest

from statebase.cli import main
from tests.docs.pages import PAGES, ROOT, blocks, name

EXTRAS = set(re.findall(r"^(\w+) = \[", (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE))
TARGETS = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def lines(page: Path, start: str) -> List[str]:
    """Return the commands of a page that begin with a word, without the comments behind them."""
    indented = "\n".join(re.findall(r"^    (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE))
    shown = "\n".join([indented, *(block.text for block in blocks(page, "sh"))]).replace("\\\n", " ").splitlines()
    return [line.partition("  #")[0].strip() for line in shown if line.startswith(start)]


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_commands_are_there(page: Path) -> None:
    """Each target of make, each extra of pip, and each command of statebase exists."""
    targets = {line.split()[1] for line in lines(page, "make ")}
    extras = {
        extra
        for line in lines(page, "pip ")
        for group in re.findall(r"statebase\[(.*?)\]", line)
        for extra in group.split(",")
    }

    assert targets <= TARGETS
    assert extras <= EXTRAS


@pytest.mark.parametrize("command", sorted({line for page in PAGES for line in lines(page, "statebase ")}))
def test_command_line_takes_them(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The options are those that the command has."""
    words = command.partition(" > ")[0].split()[1:]
    with pytest.raises(SystemExit):
        main([words[0], "--help"])
    usage = capsys.readouterr().out

    assert [word for word in words if word.startswith("-") and word != "-" and word not in usage] == []
