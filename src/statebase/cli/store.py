"""The store that a command works on: a file, or a PostgreSQL database."""

from __future__ import annotations

import argparse
import os
from typing import NamedTuple, Optional
from urllib.parse import parse_qsl, urlencode, urlsplit

from .command import CommandError
from .environment import DATABASE_URL

_SCHEMES = ("postgresql", "postgres")
_SECRETS = ("password", "sslpassword")
"""The parameters of a database's URL that are never shown."""
_OPTION = "--database"


class Store(NamedTuple):
    """A store, and how the user named it."""

    location: str
    """The path as typed, or the URL, which may contain a password."""
    argument: str
    """`--path`, `--database`, or the environment variable."""

    @property
    def is_file(self) -> bool:
        """Whether it is a file, not a database."""
        return self.argument == "--path"

    @property
    def shown(self) -> str:
        """The path, or the URL without its password."""
        return self.location if self.is_file else without_password(self.location)


def store_of(options: argparse.Namespace) -> Optional[Store]:
    """Return the store that the command line names, or else the environment; None if a service is meant.

    Raises:
        CommandError: The URL of the database is not valid.
    """
    if options.path is not None:
        return Store(options.path, "--path")
    if options.database is not None:
        store = _checked(Store(options.database, _OPTION))
        if has_password(store.location):
            # Refused although others may have seen it by now: the next command will not show it.
            options.parser.error(
                f"{_OPTION} must not contain a password, which other users of this machine can see: set "
                f"{DATABASE_URL} or PGPASSWORD, or use ~/.pgpass"
            )
        return store
    location = os.environ.get(DATABASE_URL)
    if not location or getattr(options, "url", None) is not None:
        return None
    return _checked(Store(location, DATABASE_URL))


def named_store(options: argparse.Namespace) -> Store:
    """Return the store of a command that works on a store only.

    Raises:
        CommandError: The URL of the database is not valid.
    """
    store = store_of(options)
    assert store is not None, "the parser requires one"
    return store


def has_password(url: str) -> bool:
    """Return whether a URL contains a password."""
    return without_password(url) != url


def without_password(url: str) -> str:
    """Return a URL without its passwords; a text that is not a URL is left out."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "(not a URL)"
    user, at, host = parts.netloc.rpartition("@")
    name, colon, _ = user.partition(":")
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    public = [pair for pair in pairs if pair[0].lower() not in _SECRETS]
    if not colon and len(public) == len(pairs):
        return url
    query = parts.query if len(public) == len(pairs) else urlencode(public)
    return parts._replace(netloc=f"{name}{at}{host}", query=query).geturl()


def _checked(store: Store) -> Store:
    try:
        valid = urlsplit(store.location).scheme in _SCHEMES
    except ValueError:
        valid = False
    if not valid or "\0" in store.location:
        # Not shown: it may contain a password.
        raise CommandError(f"{store.argument} must be a URL such as postgresql://user@host:5432/statebase.")
    return store
