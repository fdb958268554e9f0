"""The command `statebase`."""

from __future__ import annotations

import argparse
import json
import os
import sys
from typing import Any, Callable, Optional, Sequence

from ._terminal import complain
from ._version import __version__

FAILED = 1
INTERRUPTED = 130

_DESCRIPTION = """\
StateBase on this machine: serve a store to clients, and move sessions between a store and a service.
A store is the SQLite file that StateBase.local("agents.db") opens."""

_EPILOG = """\
environment:
  STATEBASE_API_KEY        the key of the service, for export and import with --url
  STATEBASE_SERVE_API_KEY  the key that `serve` asks clients for
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

_SERVE_EPILOG = """\
Without a key, any key or none will do, and only requests to localhost are answered. To listen beyond this machine a
key is needed: in STATEBASE_SERVE_API_KEY, or by --api-key, which other users of this machine can see."""

_EXPORT = """\
Write sessions as lines of JSON, with their state versions, turns, memories and entities.

What stays behind: traces (the audit trail of the source), API keys, and state versions before the newest 100 of a
session, which the API does not give. For a complete copy of a file there is `statebase backup`."""

_IMPORT = """\
Make the sessions of an export in a store or a service, under ids and times of their own.

Each remembers in its metadata, as `imported_from`, the id that it had; so does each memory. Importing again adds what
is missing and leaves what is there, so that an import that broke off is simply repeated, and a second one adds nothing.
A session whose own id is there is left alone."""

_PURGE = """\
Remove the sessions that have expired, with all that belongs to them but their traces. Until then they answer as if they
had never been, and keep their room in the file."""

_BACKUP = """\
Copy everything in a store to a new file, while others go on reading and writing it."""


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
        complain("Interrupted.")
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read the output has seen enough; the interpreter would complain when it flushes at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except Exception as error:
        message = _expected(error)
        if message is None:
            raise
        complain(message)
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
    if text.isdecimal() and int(text) <= 65535:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text} is no port: give a number from 0 to 65535")


def _positive(text: str) -> int:
    if text.isdecimal() and int(text) > 0:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text} will not do: give a whole number from 1")


def _serve(options: argparse.Namespace) -> int:
    from .server.command import KEY_VARIABLE, UsageError, run

    try:
        run(
            path=options.path,
            host=options.host,
            port=options.port,
            api_key=os.environ.get(KEY_VARIABLE) or None if options.api_key is None else options.api_key,
            rate_limit=options.rate_limit,
            tls=options.tls,
            log_requests=options.access_log,
            as_json=options.json,
        )
    except UsageError as error:
        options.parser.error(str(error))
    return 0


def _export(options: argparse.Namespace) -> int:
    from ._commands import export_sessions

    if options.expired and options.path is None:
        options.parser.error("--expired needs --path: a service does not show what has expired")
    session_ids = options.sessions or None
    export_sessions(options.path, options.url, session_ids, options.output, expired=options.expired)
    return 0


def _import(options: argparse.Namespace) -> int:
    from ._commands import describe_import, import_sessions

    counts = import_sessions(options.path, options.url, options.file, options.ttl_seconds)
    if options.json:
        print(json.dumps({kind: count._asdict() for kind, count in counts.items()}))
    else:
        print(describe_import(counts))
    return 0


def _purge(options: argparse.Namespace) -> int:
    from ._commands import purge

    removed = purge(options.path)
    noun = "session" if removed == 1 else "sessions"
    print(json.dumps({"sessions": removed}) if options.json else f"Removed {removed:,} expired {noun}.")
    return 0


def _backup(options: argparse.Namespace) -> int:
    from ._commands import backup

    backup(options.path, options.target)
    return 0


def _expected(error: Exception) -> Optional[str]:
    """Return what to tell about an error that is no defect; None for one that is."""
    from ._errors import StateBaseError
    from ._import import ImportFormatError
    from .local.errors import EngineError
    from .server.command import ServeError

    if isinstance(error, OSError):
        return f"{error.filename}: {error.strerror}." if error.filename is not None else f"{error}."
    expected = (StateBaseError, EngineError, ImportFormatError, ServeError)
    return str(error) if isinstance(error, expected) else None
