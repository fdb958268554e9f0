"""The page about the command line agrees with the commands, their options and the environment variables."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Dict, Set

from statebase.cli.environment import EXIT_CODES, VARIABLES
from statebase.cli.parser import COMMANDS

PAGE = (Path(__file__).parents[2] / "docs" / "command-line.md").read_text(encoding="utf-8")


def options_of(command: str) -> Set[str]:
    """Return the long options that a command takes."""
    parser = argparse.ArgumentParser(add_help=False)
    COMMANDS[command].add_arguments(parser)
    return set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", parser.format_help()))


def sections() -> Dict[str, str]:
    """Return the sections of the page by the commands in their titles."""
    titled: Dict[str, str] = dict(re.findall(r"^## ([^\n]+)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))
    return {name: text for title, text in titled.items() for name in re.findall("[a-z]+", title) if name in COMMANDS}


def test_every_option_is_on_the_page() -> None:
    """A section shows the options of its commands, and no other."""
    found = sections()
    by_section: Dict[str, Set[str]] = {}
    for name, text in found.items():
        by_section.setdefault(text, set()).update(options_of(name))

    assert set(found) == set(COMMANDS)
    for text, options in by_section.items():
        assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", text)) - {"--help"} == options


def test_every_command_is_on_the_page() -> None:
    """The table of commands has the summaries of `statebase --help`."""
    rows = re.findall(r"^\| \[`([a-z]+)`\]\(#[a-z-]+\) \| (.*) \|$", PAGE, re.MULTILINE)

    assert rows == [(command.name, command.summary) for command in COMMANDS.values()]


def test_exit_codes_and_variables_are_on_the_page() -> None:
    """The tables are those of `statebase --help`."""
    exit_codes = re.findall(r"^\| (\d+) \| (.*) \|$", PAGE, re.MULTILINE)
    variables = re.findall(r"^\| (`[A-Z].*`) \| (.*) \|$", PAGE, re.MULTILINE)

    assert exit_codes == [(str(code), meaning) for code, meaning in EXIT_CODES.items()]
    assert variables == [(", ".join(f"`{name}`" for name in names), meaning) for names, meaning in VARIABLES.items()]
