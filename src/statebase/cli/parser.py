"""The list of commands, and the parser that is made of it."""

from __future__ import annotations

import argparse
import difflib
import textwrap
from typing import Dict, List, Sequence

from .._base.version import __version__
from .command import Command
from .commands import (
    backup,
    completion,
    doctor,
    erase,
    export,
    import_,
    list_,
    purge,
    restore,
    search,
    serve,
    show,
    tail,
)
from .environment import EXIT_CODES, VARIABLES

COMMANDS = {
    command.name: command
    for command in (
        doctor.COMMAND,
        list_.COMMAND,
        show.COMMAND,
        tail.COMMAND,
        search.COMMAND,
        serve.COMMAND,
        export.COMMAND,
        import_.COMMAND,
        purge.COMMAND,
        erase.COMMAND,
        backup.COMMAND,
        restore.COMMAND,
        completion.COMMAND,
    )
}
"""All commands by name, in the order in which the help lists them."""

_DESCRIPTION = """\
StateBase on this machine: look at sessions, serve a store to clients, move
sessions between a store and a service, and diagnose problems. A store is the
SQLite file that StateBase.local("agents.db") opens."""

_EXAMPLES = """\
examples:
  statebase doctor                          diagnose; safe to publish
  statebase list --path agents.db           the newest sessions
  statebase show sess_1 --path agents.db    a session: state and last turns
  statebase tail sess_1 --url us            follow what happens in it
  statebase search pets --path agents.db    memories about something
  statebase serve --path agents.db          point clients at localhost:8787
"""

_OUTPUT = "With --json, stdout is JSON in ASCII. Errors are lines on stderr."


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse a command line; a usage error ends the process with exit code 2."""
    parser = argparse.ArgumentParser(
        "statebase",
        description=_DESCRIPTION,
        epilog=_epilog(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"statebase {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for each in COMMANDS.values():
        add_parser(commands, each)
    # No option before the command takes a value: the first word is the command.
    command = next((each for each in arguments if not each.startswith("-")), None)
    if command is not None and command not in COMMANDS:
        parser.error(_unknown(command))
    return parser.parse_args(arguments)


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser], command: Command) -> None:  # pyright: ignore[reportPrivateUsage]
    """Add the parser of a command."""
    parser = commands.add_parser(
        command.name,
        help=command.summary,
        description=command.description,
        epilog=command.epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=command.run, parser=parser, parsers=commands.choices, summary=command.summary)
    command.add_arguments(parser)


def _unknown(command: str) -> str:
    if command.startswith("sess_"):
        return f"{command} is a session ID: use `statebase show {command}`, or `tail` to follow it"
    near = difflib.get_close_matches(command, COMMANDS, 1)
    if near:
        return f"there is no command {command!r}: did you mean {near[0]!r}?"
    return f"there is no command {command!r}: choose from {', '.join(COMMANDS)}"


def _epilog() -> str:
    variables = {", ".join(names): meaning for names, meaning in VARIABLES.items()}
    exit_codes = {str(code): meaning for code, meaning in EXIT_CODES.items()}
    return "\n".join(
        [_EXAMPLES, "environment:", *_table(variables, 25), "", "exit codes:", *_table(exit_codes, 5), "", _OUTPUT]
    )


def _table(rows: Dict[str, str], column: int) -> List[str]:
    """Return rows of a term and its meaning as lines of at most 80 columns."""
    lines: List[str] = []
    for term, meaning in rows.items():
        first, *others = textwrap.wrap(meaning, 78 - column)
        if len(term) < column - 1:
            lines.append(f"  {term.ljust(column)}{first}")
        else:
            lines += [f"  {term}", f"  {' ' * column}{first}"]
        lines += [f"  {' ' * column}{line}" for line in others]
    return lines
