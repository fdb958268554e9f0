"""The command `statebase`."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Iterator, List, Mapping, NoReturn, Optional, Sequence

from ._version import __version__

if TYPE_CHECKING:
    from ._client import StateBase
    from .local.engine import Engine

SERVE_KEY_VARIABLE = "STATEBASE_SERVE_API_KEY"

FAILED = 1
INTERRUPTED = 130

_TRANSFER_RETRIES = 8
"""A service counts requests a minute, and a transfer makes many: it waits its turn."""
_LONG_AGO = datetime(1980, 1, 1, tzinfo=timezone.utc)

_DESCRIPTION = """\
StateBase on this machine: serve a store to clients, and move sessions between a store and a service.
A store is the SQLite file that StateBase.local("agents.db") opens."""

_EPILOG = f"""\
environment:
  STATEBASE_API_KEY        the key of the service, for export and import with --url
  {SERVE_KEY_VARIABLE}  the key that `serve` asks clients for
  SSL_CERT_FILE            the authorities to trust, in place of the usual ones
  NO_COLOR                 set to anything: no colours

exit codes:
  0    done; for `serve`: stopped by Ctrl-C or SIGTERM
  1    failed; one line on stderr says why
  2    the command line makes no sense
  130  interrupted by Ctrl-C"""

_SERVE = """\
Answer the StateBase API over HTTP/1.1 and HTTP/2, from a store on this machine.

Clients find it by STATEBASE_BASE_URL; the start lines say how. Without --path the store is in memory, and gone when the
server stops. Several processes may use a file at once. GET /openapi.json describes the API."""

_SERVE_EPILOG = f"""\
Without a key, any key or none will do, and only requests to localhost are answered. To listen beyond this machine a
key is needed: in {SERVE_KEY_VARIABLE}, or by --api-key, which other users of this machine can see."""

_EXPORT = """\
Write sessions as lines of JSON, with their state versions, turns, memories and entities.

What stays behind: traces (the audit trail of the source), API keys, and state versions before the newest 100 of a
session, which the API does not give. For a complete copy of a file there is `statebase backup`."""

_IMPORT = """\
Make the sessions of an export in a store or a service, under ids and times of their own.

Each remembers in its metadata, as `imported_from`, the id that it had; so does each memory. Importing again adds what
is missing and leaves what is there, so that an import that broke off is simply repeated, and a second one adds nothing.
A session whose own id is there is left alone."""


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Run the command.

    Args:
        arguments: Those of the command line; the process's own without it.

    Returns:
        The exit code.
    """
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except KeyboardInterrupt:
        _complain("Interrupted.")
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read the output has seen enough; the interpreter would complain when it flushes at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except Exception as error:
        message = _known(error)
        if message is None:
            raise
        _complain(message)
        return FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "statebase", description=_DESCRIPTION, epilog=_EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--version", action="version", version=f"statebase {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_serve(commands)
    _add_export(commands)
    _add_import(commands)
    purge = _add(commands, "purge", _purge, "remove the expired sessions of a store", _PURGE)
    purge.add_argument("--path", required=True, metavar="FILE", help="the store")
    purge.add_argument("--json", action="store_true", help="print the number as JSON")
    backup = _add(commands, "backup", _backup, "copy a store while it is in use", _BACKUP)
    backup.add_argument("--path", required=True, metavar="FILE", help="the store")
    backup.add_argument("target", metavar="TARGET", help="the copy; a file that is there is replaced")
    return parser


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


def _add_serve(commands: Any) -> None:
    parser = _add(commands, "serve", _serve, "answer the API from a store on this machine", _SERVE, _SERVE_EPILOG)
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
    parser = _add(commands, "export", _export, "write sessions as lines of JSON", _EXPORT)
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("sessions", nargs="*", default=[], metavar="SESSION", help="the id of a session")
    which.add_argument("--all", action="store_true", help="all sessions that live")
    which.add_argument("--expired", action="store_true", help="all sessions, those that expired included; with --path")
    _add_place(parser)
    parser.add_argument("-o", "--output", metavar="FILE", help="where to write; stdout without it")


def _add_import(commands: Any) -> None:
    parser = _add(commands, "import", _import, "make the sessions of an export in a store or a service", _IMPORT)
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


def _add_place(parser: argparse.ArgumentParser) -> None:
    place = parser.add_mutually_exclusive_group(required=True)
    place.add_argument("--path", metavar="FILE", help="a store")
    place.add_argument("--url", help="a service, or a region: us, eu, apac; the key is in STATEBASE_API_KEY")


def _port(text: str) -> int:
    number = int(text)
    if not 0 <= number <= 65535:
        raise ValueError
    return number


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def _serve(options: argparse.Namespace) -> int:
    from .server.command import KEY_VARIABLE, KeyRequiredError, run

    try:
        run(
            path=options.path,
            host=options.host,
            port=options.port,
            api_key=options.api_key or os.environ.get(KEY_VARIABLE) or None,
            rate_limit=options.rate_limit,
            tls=options.tls,
            log_requests=options.access_log,
            as_json=options.json,
        )
    except KeyRequiredError as error:
        options.parser.error(str(error))
    return 0
