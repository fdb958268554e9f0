"""The definition of a command, and the error by which a command fails."""

from __future__ import annotations

import argparse
from typing import Callable, NamedTuple


class Command(NamedTuple):
    """A command: the parser, the help and the tests read its name, its options and its texts here."""

    name: str
    summary: str
    """The line of `statebase --help`."""
    description: str
    """The text at the top of its own help, in lines of at most 80 columns."""
    add_arguments: Callable[[argparse.ArgumentParser], None]
    """Adds its arguments to its parser."""
    run: Callable[[argparse.Namespace], int]
    """Runs it with the arguments that were parsed, and returns the exit code; `options.parser` reports usage errors."""
    epilog: str = ""
    """The text of its help after the options."""


class CommandError(Exception):
    """A command failed for a reason that its user can fix; the message is all that is printed."""
