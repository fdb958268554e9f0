"""The store that a command works on: a file, or a PostgreSQL database."""

from __future__ import annotations

import argparse
import os
from typing import NamedTuple, Optional

from .command import CommandError
from .environment import DATABASE_URL

_OPTION = "--database"
_SECRETS = ("password", "sslpassword")


class Store(NamedTuple):
    """A store, and how the user named it."""

    location: str
    """The path as typed, or the URL, which may contain a password."""
    argument: str
    """`--path`, `--database`, or the environment variable."""
    shown: str
    """The path, or the URL without its password and options."""

    @property
    def is_file(self) -> bool:
        """Whether it is a file, not a database."""
        return self.argument == "--path"


def file_store(path: str) -> Store:
    """Return a store in a file."""
    return Store(path, "--path", path)


def store_of(options: argparse.Namespace) -> Optional[Store]:
    """Return the store that the command line names, or else the environment; None if a service is meant.

    Raises:
        CommandError: The URL of the database is not valid, or psycopg is not installed.
    """
    if options.path is not None:
        return file_store(options.path)
    if options.database is not None:
        return _database(options.database, _OPTION, options.parser)
    location = os.environ.get(DATABASE_URL)
    if not location or getattr(options, "url", None) is not None:
        return None
    return _database(location, DATABASE_URL, options.parser)


def named_store(options: argparse.Namespace) -> Store:
    """Return the store of a command that works on a store only.

    Raises:
        CommandError: The URL of the database is not valid, or psycopg is not installed.
    """
    store = store_of(options)
    assert store is not None, "the parser requires one"
    return store


def _database(url: str, argument: str, parser: argparse.ArgumentParser) -> Store:
    from ..local.errors import EngineError
    from ..local.storage.location import is_url, read_location

    if not is_url(url) or "\0" in url:
        # Not shown: it may contain a password.
        raise CommandError(f"{argument} must be a URL such as postgresql://user@host:5432/statebase.")
    try:
        location = read_location(url)
    except EngineError as error:
        message = str(error)
        raise CommandError(f"{argument}{message[len('path') :]}" if message.startswith("path ") else message) from error
    if argument == _OPTION and any(name in location.parameters for name in _SECRETS):
        # Refused although others may have seen it by now: the next command will not show it.
        parser.error(
            f"{_OPTION} must not contain a password, which other users of this machine can see: set "
            f"{DATABASE_URL} or PGPASSWORD, or use ~/.pgpass"
        )
    return Store(url, argument, location.name)
