"""The command line: which commands there are, and what each takes."""

from __future__ import annotations

import argparse
import difflib
import os
from typing import Any, Callable, Sequence

from .._version import __version__
from . import help, run


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Read a command line; what makes no sense ends the process with exit code 2."""
    parser = argparse.ArgumentParser(
        "statebase",
        description=help.DESCRIPTION,
        epilog=help.EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"statebase {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_doctor(commands)
    _add_show(commands)
    _add_tail(commands)
    _add_serve(commands)
    _add_export(commands)
    _add_import(commands)
    purge = _add(commands, "purge", run.purge, "remove the expired sessions of a store", help.PURGE)
    purge.add_argument("--path", required=True, metavar="FILE", help="the store")
    purge.add_argument("--json", action="store_true", help="print the number as JSON")
    backup = _add(commands, "backup", run.backup, "copy a store while it is in use", help.BACKUP)
    backup.add_argument("--path", required=True, metavar="FILE", help="the store")
    backup.add_argument("target", metavar="TARGET", help="the copy; a file that is there is replaced")
    backup.add_argument("--json", action="store_true", help="print what was copied where, and its size, as JSON")
    restore = _add(commands, "restore", run.restore, "put a backup in the place of a store", help.RESTORE)
    restore.add_argument("backup", metavar="BACKUP", help="a copy that `statebase backup` wrote")
    restore.add_argument("--path", required=True, metavar="FILE", help="the store; what is there is replaced")
    restore.add_argument("--json", action="store_true", help="print what was put where, and its size, as JSON")
    # No option before the command takes a value: the first word is the command.
    command = next((each for each in arguments if not each.startswith("-")), None)
    if command is not None and command not in commands.choices:
        parser.error(_unknown(command, list(commands.choices)))
    return parser.parse_args(arguments)


def _unknown(command: str, commands: Sequence[str]) -> str:
    if command.startswith("sess_"):
        return f"{command} is a session: to look at it, give `statebase show {command}`, or `tail` to follow it"
    near = difflib.get_close_matches(command, commands, 1)
    if near:
        return f"there is no command {command!r}: did you mean {near[0]!r}?"
    return f"there is no command {command!r}: choose from {', '.join(commands)}"


def _add(
    commands: Any, name: str, run: Callable[[argparse.Namespace], int], summary: str, description: str, epilog: str = ""
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=summary,
        description=description,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run, parser=parser)
    return parser


def _add_doctor(commands: Any) -> None:
    parser = _add(commands, "doctor", run.doctor, "find out what is wrong", help.DOCTOR, help.DOCTOR_EPILOG)
    parser.add_argument("--url", help="a service, or a region: us, eu, apac; the key is in STATEBASE_API_KEY")
    parser.add_argument("--path", metavar="FILE", help="a store")
    parser.add_argument("--json", action="store_true", help="print one object, with every check")


def _add_show(commands: Any) -> None:
    parser = _add(commands, "show", run.show, "show a session", help.SHOW)
    parser.add_argument("session", metavar="SESSION", help="the id of the session")
    _add_place(parser, environment=True)
    _add_number(parser, "how many turns to show, 0 to 50 (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print one object")


def _add_tail(commands: Any) -> None:
    parser = _add(commands, "tail", run.tail, "follow what happens in a session", help.TAIL, help.TAIL_EPILOG)
    parser.add_argument("session", metavar="SESSION", help="the id of the session")
    _add_place(parser, environment=True)
    parser.add_argument(
        "--interval",
        type=_seconds,
        default=2.0,
        metavar="SECONDS",
        help="how long to wait before looking again; each look is two requests (default: %(default)g)",
    )
    _add_number(parser, "how many turns and changes of the state to begin with, 0 to 50 (default: %(default)s)")
    parser.add_argument("--once", action="store_true", help="show these and stop")
    parser.add_argument("--json", action="store_true", help="print each event as a line of JSON")


def _add_serve(commands: Any) -> None:
    parser = _add(
        commands, "serve", run.serve, "answer the API from a store on this machine", help.SERVE, help.SERVE_EPILOG
    )
    parser.add_argument("--path", default=":memory:", metavar="FILE", help="the store, made if it is not there")
    parser.add_argument("--host", default="127.0.0.1", help="what to listen on (default: %(default)s)")
    parser.add_argument(
        "--port", type=_port, default=8787, help="0 for any that is free (default: %(default)s)", metavar="PORT"
    )
    parser.add_argument("--api-key", metavar="KEY", help="the key that clients have to show")
    parser.add_argument("--rate-limit", type=_positive, metavar="N", help="refuse more than N requests a minute")
    parser.add_argument(
        "--tls",
        nargs="?",
        const="",
        metavar="DIRECTORY",
        help="encrypt, with a certificate that an authority in DIRECTORY signs; it is made if it is not there, and "
        "clients have to trust it once. Without DIRECTORY it lasts as long as the server",
    )
    parser.add_argument("--access-log", action="store_true", help="print a line on stderr for each request")
    parser.add_argument("--json", action="store_true", help="print the start line as JSON")


def _add_export(commands: Any) -> None:
    parser = _add(commands, "export", run.export, "write sessions as lines of JSON", help.EXPORT)
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("sessions", nargs="*", default=[], metavar="SESSION", help="the id of a session")
    which.add_argument("--all", action="store_true", help="all sessions that live")
    which.add_argument("--expired", action="store_true", help="all sessions, those that expired included; with --path")
    _add_place(parser)
    parser.add_argument("-o", "--output", metavar="FILE", help="where to write; stdout without it")
    parser.add_argument("--json", action="store_true", help="print the counts as JSON; with -o")


def _add_import(commands: Any) -> None:
    parser = _add(
        commands, "import", run.import_, "make the sessions of an export in a store or a service", help.IMPORT
    )
    parser.add_argument("file", metavar="FILE", help="the export; - for stdin")
    _add_place(parser)
    parser.add_argument(
        "--ttl-seconds",
        type=_positive,
        metavar="N",
        help="how long the sessions live from now on; without it, as long as they had left when they were exported, "
        "an hour at least",
    )
    parser.add_argument("--json", action="store_true", help="print the counts as JSON")


def _add_place(parser: argparse.ArgumentParser, *, environment: bool = False) -> None:
    """Let a command take a store or a service; one that only looks may find the service in the environment."""
    place = parser.add_mutually_exclusive_group(required=not (environment and os.environ.get("STATEBASE_BASE_URL")))
    place.add_argument("--path", metavar="FILE", help="a store")
    default = "; STATEBASE_BASE_URL without it" if environment else ""
    place.add_argument("--url", help=f"a service, or a region: us, eu, apac; the key is in STATEBASE_API_KEY{default}")


def _add_number(parser: argparse.ArgumentParser, text: str) -> None:
    parser.add_argument("-n", "--number", type=_few, default=5, metavar="N", help=text)


def _port(text: str) -> int:
    if text.isdecimal() and int(text) <= 65535:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text} is no port: give a number from 0 to 65535")


def _positive(text: str) -> int:
    if text.isdecimal() and int(text) > 0:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text} will not do: give a whole number from 1")


def _few(text: str) -> int:
    if text.isdecimal() and int(text) <= 50:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text} will not do: give a whole number from 0 to 50")


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if 0.1 <= seconds <= 86400:
        return seconds
    raise argparse.ArgumentTypeError(f"{text} will not do: give seconds, 0.1 to 86400")
