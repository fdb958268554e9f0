"""The page about the command line names what there is, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Set

import pytest

from statebase.cli import main

PAGE = (Path(__file__).parents[2] / "docs" / "command-line.md").read_text(encoding="utf-8")
COMMANDS = ("doctor", "show", "tail", "serve", "export", "import", "purge", "backup", "restore")


def help_of(capsys: pytest.CaptureFixture[str], *command: str) -> str:
    with pytest.raises(SystemExit):
        main([*command, "--help"])
    return capsys.readouterr().out


def options_in(text: str) -> Set[str]:
    return set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", text)) - {"--help", "--version"}


def test_every_option_is_on_the_page(capsys: pytest.CaptureFixture[str]) -> None:
    """Options of all commands, and no other."""
    assert options_in(PAGE) == {option for name in COMMANDS for option in options_in(help_of(capsys, name))}


def test_every_command_is_on_the_page(capsys: pytest.CaptureFixture[str]) -> None:
    """The table of commands says what `statebase --help` says."""
    listed = re.findall(r"^    ([a-z]+) {2,}", help_of(capsys), re.M)

    assert tuple(listed) == COMMANDS
    assert tuple(re.findall(r"^\| \[`([a-z]+)`\]", PAGE, re.M)) == COMMANDS


def test_every_variable_is_on_the_page(capsys: pytest.CaptureFixture[str]) -> None:
    """The variables and exit codes of `statebase --help` are those of the page."""
    text = help_of(capsys)
    variables = set(re.findall(r"\b[A-Z]+_[A-Z_]+\b", text))

    assert variables == set(re.findall(r"`([A-Z]+_[A-Z_]+)`", PAGE.partition("## Environment")[2]))
    assert re.findall(r"^  (\d+) ", text, re.M) == re.findall(r"^\| (\d+) \|", PAGE, re.M)
