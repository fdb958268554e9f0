"""Arguments that several commands take, and the types of arguments."""

from __future__ import annotations

import argparse
import os
from typing import Callable

from .environment import API_KEY, BASE_URL, DATABASE_URL

SERVICE = f"a service, or a region: us, eu, apac; the key is in {API_KEY}"
"""The help of --url."""
DATABASE = f"a store in PostgreSQL, as postgresql://user@host/name; a password belongs in {DATABASE_URL} or PGPASSWORD"
"""The help of --database."""

_MOST_DIGITS = 20
_MOST_SHOWN = 40


def add_session(parser: argparse.ArgumentParser) -> None:
    """Add SESSION, the session that a command shows."""
    parser.add_argument("session", type=text(parser, "SESSION"), metavar="SESSION", help="the ID of the session")


def add_file(parser: argparse.ArgumentParser, help: str) -> None:
    """Add --path, for a command that works on a file only."""
    parser.add_argument("--path", type=text(parser, "--path"), required=True, metavar="FILE", help=help)


def add_store(parser: argparse.ArgumentParser, *, required: bool = True, help: str = "a store") -> None:
    """Add --path and --database, for a command that works on a store only.

    Args:
        parser: The parser of the command.
        required: Whether one of them must be given, unless the environment names a database.
        help: The help of --path.
    """
    group = parser.add_mutually_exclusive_group(required=required and not os.environ.get(DATABASE_URL))
    _add_to(group, parser, help)


def add_store_or_service(parser: argparse.ArgumentParser, *, default_service: bool = False) -> None:
    """Add --path, --database and --url, of which one must be given, unless the environment names a database.

    Args:
        parser: The parser of the command.
        default_service: Whether none is needed if the environment has the key or the address of a service, as for
            `StateBase()`: only for commands that read.
    """
    names = (DATABASE_URL, BASE_URL, API_KEY) if default_service else (DATABASE_URL,)
    has_default = any(os.environ.get(name) for name in names)
    group = parser.add_mutually_exclusive_group(required=not has_default)
    _add_to(group, parser, "a store")
    default = f". Default: {BASE_URL}, else us" if default_service else ""
    group.add_argument("--url", type=text(parser, "--url"), help=SERVICE + default)


def _add_to(group: argparse._MutuallyExclusiveGroup, parser: argparse.ArgumentParser, help: str) -> None:  # pyright: ignore[reportPrivateUsage]
    group.add_argument("--path", type=text(parser, "--path"), metavar="FILE", help=help)
    group.add_argument("--database", type=text(parser, "--database"), metavar="URL", help=DATABASE)


def add_number(parser: argparse.ArgumentParser, help: str) -> None:
    """Add -n, how much of a session is shown."""
    parser.add_argument(
        "-n",
        "--number",
        type=integer(parser, "-n/--number", 0, 50),
        default=5,
        metavar="N",
        help=f"{help}, 0 to 50 (default: %(default)s)",
    )


def add_json(parser: argparse.ArgumentParser, help: str) -> None:
    """Add --json."""
    parser.add_argument("--json", action="store_true", help=help)


def integer(parser: argparse.ArgumentParser, name: str, least: int, most: int) -> Callable[[str], int]:
    """Return the type of an argument that is an integer in a range."""

    def read(value: str) -> int:
        if not (value.isdecimal() and len(value) <= _MOST_DIGITS and least <= int(value) <= most):
            parser.error(f"{name} must be an integer from {least} to {most}, got {_shown(value)}")
        return int(value)

    return read


def seconds(parser: argparse.ArgumentParser, name: str) -> Callable[[str], float]:
    """Return the type of an argument that is a number of seconds."""

    def read(value: str) -> float:
        try:
            number = float(value)
        except ValueError:
            number = 0.0
        if not 0.1 <= number <= 86400:
            parser.error(f"{name} must be a number of seconds from 0.1 to 86400, got {_shown(value)}")
        return number

    return read


def fraction(parser: argparse.ArgumentParser, name: str) -> Callable[[str], float]:
    """Return the type of an argument that is a number from 0 to 1."""

    def read(value: str) -> float:
        try:
            number = float(value)
        except ValueError:
            number = -1.0
        if not 0 <= number <= 1:
            parser.error(f"{name} must be a number from 0 to 1, got {_shown(value)}")
        return number

    return read


def text(parser: argparse.ArgumentParser, name: str) -> Callable[[str], str]:
    """Return the type of an argument that is a path, an ID or an address."""

    def read(value: str) -> str:
        if not value:
            parser.error(f"{name} must not be empty")
        if "\0" in value:
            parser.error(f"{name} must not contain a null character")
        return value

    return read


def _shown(value: str) -> str:
    if not value:
        return "an empty string"
    return value if len(value) <= _MOST_SHOWN else f"{value[:_MOST_SHOWN]}..."
