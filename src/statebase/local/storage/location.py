"""The URL of a database: what is passed to libpq, and what messages may show of it."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from ..errors import EngineError

SCHEMES = ("postgresql://", "postgres://")

_PORTS = re.compile(r"[0-9,]*\Z")
_DEFAULTS: dict[str, Any] = {
    "application_name": "statebase",
    "connect_timeout": 10,
    # A server that has vanished is noticed within a minute, not within a quarter of an hour.
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}


class Location(NamedTuple):
    """The location of a database."""

    parameters: dict[str, Any]
    """The connection parameters of libpq, the password among them."""
    name: str
    """The URL without password and options."""

    def __repr__(self) -> str:
        return f"Location({self.name!r})"


def is_url(location: str) -> bool:
    """Return whether a location is the URL of a database, and not the path of a file."""
    return location.startswith(SCHEMES)


def read_location(url: str) -> Location:
    """Read a URL; environment variables of libpq (`PGPASSWORD`, ...) count where it says nothing.

    Raises:
        EngineError: 400, if psycopg is not installed, or the URL is not valid.
    """
    try:
        import psycopg
        from psycopg import conninfo
    except ImportError as error:
        message = 'A store on PostgreSQL needs psycopg: pip install "statebase[postgres]".'
        raise EngineError(400, "invalid_request", message, "path") from error
    authority, _, database = url.partition("://")[2].partition("?")[0].partition("/")
    if authority.count("@") > 1 or "@" in database:
        # libpq would take a part of the password for the host or the database, which messages show.
        message = "path must have percent-encoded user and password: write %40 for @ and %2F for / in them."
        raise EngineError(400, "invalid_request", message, "path")
    try:
        given = dict(conninfo.conninfo_to_dict(url))
    except psycopg.ProgrammingError:
        given = None
    if given is not None and not _PORTS.match(str(given.get("port") or "")):
        given = None
    if given is None:  # the error would quote the URL, with its password
        message = "path is not a valid PostgreSQL URL: write postgresql://user@host:5432/database."
        raise EngineError(400, "invalid_request", message, "path")
    user = f"{given['user']}@" if given.get("user") else ""
    host = str(given.get("host") or "")
    port = f":{given['port']}" if given.get("port") else ""
    shown = f"postgresql://{user}{'' if host.startswith('/') else host}{port}/{given.get('dbname') or ''}"
    return Location({**_DEFAULTS, **given}, shown)
