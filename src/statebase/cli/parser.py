"""The command line: which commands there are, and what each takes."""

from __future__ import annotations

import argparse
import difflib
import os
from typing import Any, Callable, Sequence

from .._base.version import __version__
from . import help, run

_LONGEST_TTL_SECONDS = 2_592_000
_MOST_REQUESTS = 1_000_000_000
_MOST_DIGITS = 20
_MOST_SHOWN = 40


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Read a command line; a usage error ends the process with exit code 2."""
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
    purge.add_argument("--path", type=_text(purge, "--path"), required=True, metavar="FILE", help="the store")
    purge.add_argument("--json", action="store_true", help="print the number as JSON")
    backup = _add(commands, "backup", run.backup, "copy a store while it is in use", help.BACKUP)
    backup.add_argument("--path", type=_text(backup, "--path"), required=True, metavar="FILE", help="the store")
    backup.add_argument(
        "target", type=_text(backup, "TARGET"), metavar="TARGET", help="the copy; an existing file is replaced"
    )
    backup.add_argument("--json", action="store_true", help="print paths and size as JSON")
    restore = _add(commands, "restore", run.restore, "replace a store by a backup", help.RESTORE)
    restore.add_argument(
        "backup", type=_text(restore, "BACKUP"), metavar="BACKUP", help="a copy that `statebase backup` wrote"
    )
    restore.add_argument(
        "--path",
        type=_text(restore, "--path"),
        required=True,
        metavar="FILE",
        help="the store; an existing file is replaced",
    )
    restore.add_argument("--json", action="store_true", help="print paths and size as JSON")
    # No option before the command takes a value: the first word is the command.
    command = next((each for each in arguments if not each.startswith("-")), None)
    if command is not None and command not in commands.choices:
        parser.error(_unknown(command, list(commands.choices)))
    return parser.parse_args(arguments)


def _unknown(command: str, commands: Sequence[str]) -> str:
    if command.startswith("sess_"):
        return f"{command} is a session ID: use `statebase show {command}`, or `tail` to follow it"
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
    parser = _add(commands, "doctor", run.doctor, "diagnose problems", help.DOCTOR, help.DOCTOR_EPILOG)
    parser.add_argument(
        "--url",
        type=_text(parser, "--url"),
        help="a service, or a region: us, eu, apac; the key is in STATEBASE_API_KEY",
    )
    parser.add_argument("--path", type=_text(parser, "--path"), metavar="FILE", help="a store")
    parser.add_argument("--json", action="store_true", help="print all checks as one JSON object")


def _add_show(commands: Any) -> None:
    parser = _add(commands, "show", run.show, "show a session", help.SHOW)
    parser.add_argument("session", type=_text(parser, "SESSION"), metavar="SESSION", help="the id of the session")
    _add_place(parser, environment=True)
    _add_number(parser, "turns to show, 0 to 50 (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def _add_tail(commands: Any) -> None:
    parser = _add(commands, "tail", run.tail, "follow a session", help.TAIL, help.TAIL_EPILOG)
    parser.add_argument("session", type=_text(parser, "SESSION"), metavar="SESSION", help="the id of the session")
    _add_place(parser, environment=True)
    parser.add_argument(
        "--interval",
        type=_seconds(parser, "--interval"),
        default=2.0,
        metavar="SECONDS",
        help="seconds between polls; each poll is two requests (default: %(default)g)",
    )
    _add_number(parser, "turns and state changes to start with, 0 to 50 (default: %(default)s)")
    parser.add_argument("--once", action="store_true", help="show the last turns and changes, then exit")
    parser.add_argument("--json", action="store_true", help="print each event as a line of JSON")


def _add_serve(commands: Any) -> None:
    parser = _add(
        commands, "serve", run.serve, "serve the API from a store on this machine", help.SERVE, help.SERVE_EPILOG
    )
    parser.add_argument(
        "--path",
        type=_text(parser, "--path"),
        default=":memory:",
        metavar="FILE",
        help="the store; created if it does not exist. Default: a store in memory",
    )
    parser.add_argument("--host", default="127.0.0.1", help="host name or address to listen on (default: %(default)s)")
    parser.add_argument(
        "--port",
        type=_integer(parser, "--port", 0, 65535),
        default=8787,
        help="port to listen on; 0: any free port (default: %(default)s)",
        metavar="PORT",
    )
    parser.add_argument(
        "--api-key", metavar="KEY", help="API key that clients must send; visible to other users of this machine"
    )
    parser.add_argument(
        "--rate-limit",
        type=_integer(parser, "--rate-limit", 1, _MOST_REQUESTS),
        metavar="N",
        help="reject more than N requests a minute",
    )
    parser.add_argument(
        "--tls",
        nargs="?",
        const="",
        metavar="DIRECTORY",
        help="serve HTTPS, with a certificate signed by the CA in DIRECTORY, which is created if it does not exist. "
        "Clients must trust the CA. Default: a temporary CA",
    )
    parser.add_argument("--access-log", action="store_true", help="print a line on stderr for each request")
    parser.add_argument("--json", action="store_true", help="print the start line as JSON")


def _add_export(commands: Any) -> None:
    parser = _add(commands, "export", run.export, "export sessions as JSON Lines", help.EXPORT)
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument(
        "sessions", type=_text(parser, "SESSION"), nargs="*", default=[], metavar="SESSION", help="the id of a session"
    )
    which.add_argument("--all", action="store_true", help="all sessions that have not expired")
    which.add_argument("--expired", action="store_true", help="all sessions, including expired ones; requires --path")
    _add_place(parser)
    parser.add_argument(
        "-o", "--output", type=_text(parser, "-o/--output"), metavar="FILE", help="where to write. Default: stdout"
    )
    parser.add_argument("--json", action="store_true", help="print the counts as JSON; requires -o")


def _add_import(commands: Any) -> None:
    parser = _add(commands, "import", run.import_, "import sessions into a store or a service", help.IMPORT)
    parser.add_argument("file", type=_text(parser, "FILE"), metavar="FILE", help="the export; - for stdin")
    _add_place(parser)
    parser.add_argument(
        "--ttl-seconds",
        type=_integer(parser, "--ttl-seconds", 1, _LONGEST_TTL_SECONDS),
        metavar="N",
        help="lifetime of the sessions from now on. Default: what each had left at the time of the export, at least an "
        "hour",
    )
    parser.add_argument("--json", action="store_true", help="print the counts as JSON")


def _add_place(parser: argparse.ArgumentParser, *, environment: bool = False) -> None:
    """Let a command take a store or a service; one that only looks may find the service in the environment."""
    place = parser.add_mutually_exclusive_group(required=not (environment and os.environ.get("STATEBASE_BASE_URL")))
    place.add_argument("--path", type=_text(parser, "--path"), metavar="FILE", help="a store")
    default = ". Default: STATEBASE_BASE_URL" if environment else ""
    place.add_argument(
        "--url",
        type=_text(parser, "--url"),
        help=f"a service, or a region: us, eu, apac; the key is in STATEBASE_API_KEY{default}",
    )


def _add_number(parser: argparse.ArgumentParser, text: str) -> None:
    parser.add_argument(
        "-n", "--number", type=_integer(parser, "-n/--number", 0, 50), default=5, metavar="N", help=text
    )


def _integer(parser: argparse.ArgumentParser, name: str, least: int, most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not (text.isdecimal() and len(text) <= _MOST_DIGITS and least <= int(text) <= most):
            parser.error(f"{name} must be an integer from {least} to {most}, got {_shown(text)}")
        return int(text)

    return read


def _seconds(parser: argparse.ArgumentParser, name: str) -> Callable[[str], float]:
    def read(text: str) -> float:
        try:
            seconds = float(text)
        except ValueError:
            seconds = 0.0
        if not 0.1 <= seconds <= 86400:
            parser.error(f"{name} must be a number of seconds from 0.1 to 86400, got {_shown(text)}")
        return seconds

    return read


def _text(parser: argparse.ArgumentParser, name: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if not text:
            parser.error(f"{name} must not be empty")
        if "\0" in text:
            parser.error(f"{name} must not contain a null character")
        return text

    return read


def _shown(text: str) -> str:
    if not text:
        return "an empty string"
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}..."
