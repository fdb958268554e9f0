"""Examines a database without changing it, not even to bring it to the newest schema."""

from __future__ import annotations

import json
import time
from typing import Any, NamedTuple, Optional

import psycopg

from ...memory_search import SPACE_KEY
from ..location import read_location
from .errors import translated
from .pool import Connection, Pool
from .schema import MIGRATIONS, look

_BEGIN = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_RESERVED = ("superuser_reserved_connections", "reserved_connections")


class Inspection(NamedTuple):
    """The state of a database."""

    name: str
    """The URL without password and options."""
    server: str
    """The version of the server: `16.4`."""
    bytes: int
    """The size of the tables and their indexes."""
    schema_version: int
    """0: there are no tables yet."""
    newest_schema_version: int
    """The version that this version of the package works with."""
    vector: str
    """The version of the extension pgvector; empty if it is not installed in this database."""
    vector_available: str
    """The version of pgvector that the server can install; empty if it has none."""
    embedder_id: Optional[str]
    """The embedder of its vectors; None if there are none yet."""
    without_vector: int
    """The number of memories that get their vector when a search next needs it."""
    seconds_ahead: float
    """Seconds that the clock of the server is ahead of this machine's."""
    connections: int
    """The number of connections that the server has, this one included."""
    most_connections: int
    """The number of connections that it allows to users without special rights."""


def inspect(url: str, timeout_seconds: float) -> Inspection:
    """Examine a database.

    Args:
        url: The database.
        timeout_seconds: The limit for each query.

    Raises:
        EngineError: It cannot be connected to, is not a store, or is one of a newer version of the package.
    """
    location = read_location(url)
    connection = Pool(location).connect()
    try:
        connection.execute(_BEGIN)
        connection.execute(f"SET LOCAL statement_timeout = {int(timeout_seconds * 1000):d}".encode())
        return _inspect(connection, location.name)
    except psycopg.Error as error:
        failure = translated(error)
    finally:
        connection.close()
    raise failure


def _inspect(connection: Connection, name: str) -> Inspection:
    before = time.time()
    clock = float(_value(connection, "SELECT extract(epoch FROM clock_timestamp())::float8"))
    seconds_ahead = clock - (before + time.time()) / 2
    _schema, _, oid, version = look(connection, name)
    return Inspection(
        name=name,
        server=str(_value(connection, "SHOW server_version")).partition(" ")[0],
        bytes=int(_value(connection, f"SELECT sum(pg_total_relation_size(oid)) FROM pg_class{_tables_of(oid)}") or 0),
        schema_version=version,
        newest_schema_version=len(MIGRATIONS),
        vector=str(_value(connection, "SELECT extversion FROM pg_extension WHERE extname = 'vector'") or ""),
        vector_available=str(
            _value(connection, "SELECT default_version FROM pg_available_extensions WHERE name = 'vector'") or ""
        ),
        embedder_id=_embedder_id(connection) if version else None,
        without_vector=_without_vector(connection) if version else 0,
        seconds_ahead=seconds_ahead,
        # pg_stat_activity shows a user its own connections only.
        connections=int(_value(connection, "SELECT sum(numbackends) FROM pg_stat_database")),
        most_connections=_most_connections(connection),
    )


def _tables_of(schema: int) -> str:
    return f" WHERE relkind = 'r' AND relnamespace = {schema:d}"


def _embedder_id(connection: Connection) -> Optional[str]:
    row = connection.execute("SELECT value FROM meta WHERE key = $1", (SPACE_KEY,)).fetchone()
    return None if row is None else str(json.loads(row[0])["embedder"])


def _without_vector(connection: Connection) -> int:
    return int(_value(connection, "SELECT count(*) FROM memories WHERE embed = 1 AND embedding_id IS NULL"))


def _most_connections(connection: Connection) -> int:
    names = ", ".join(f"'{name}'" for name in _RESERVED)
    reserved = _value(connection, f"SELECT sum(setting::integer) FROM pg_settings WHERE name IN ({names})")
    return int(_value(connection, "SHOW max_connections")) - int(reserved or 0)


def _value(connection: Connection, sql: str) -> Any:
    row = connection.execute(sql.encode()).fetchone()
    return None if row is None else row[0]
