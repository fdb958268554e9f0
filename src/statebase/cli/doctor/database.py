"""The checks of a store in PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Iterator

from ...local.errors import EngineError
from ..store import Store
from .report import Check, ok, skipped
from .store import examine_embedder, examine_schema

if TYPE_CHECKING:
    from ...local.storage.postgres.inspection import Inspection

_QUERY_SECONDS = 15.0
_PARTS = ("database", "extension", "schema", "embedder", "clock", "clients")
_OLDEST_SERVER = 14
_OLDEST_VECTOR = (0, 8)
_CLOCK_SECONDS = 1.0
_FREE_CONNECTIONS = 20
"""A worker uses up to 16 connections; a few are left for other programs."""


def examine_database(store: Store) -> Iterator[Check]:
    """Check a database without changing it."""
    # psycopg is installed: the command has read the URL with it.
    from ...local.storage.postgres.inspection import inspect

    try:
        inspection = inspect(store.location, _QUERY_SECONDS)
    except EngineError as error:
        yield Check("store", "failed", str(error))
        for part in _PARTS:
            yield skipped(part, "the database cannot be read")
        return
    yield ok("store", f"{inspection.name}, {inspection.bytes:,} bytes")
    yield _server(inspection)
    yield _extension(inspection)
    yield examine_schema(inspection.schema_version, inspection.newest_schema_version, "no tables yet")
    yield examine_embedder(inspection.embedder_id, inspection.without_vector)
    yield _clock(inspection)
    yield _clients(inspection)


def _server(inspection: Inspection) -> Check:
    version = inspection.server
    if int(version.partition(".")[0]) >= _OLDEST_SERVER:
        return ok("database", f"PostgreSQL {version}")
    return Check("database", "failed", f"PostgreSQL {version} is too old.", f"Upgrade it to {_OLDEST_SERVER} or later.")


def _extension(inspection: Inspection) -> Check:
    version = inspection.vector
    if not version:
        if inspection.vector_available:
            text = f"pgvector {inspection.vector_available} is not enabled: searches match keywords."
            return Check("extension", "warning", text, "As a superuser, run: CREATE EXTENSION vector.")
        text = "The server does not have pgvector: searches match keywords."
        return Check(
            "extension", "warning", text, "Install pgvector 0.8 or later on it, then: CREATE EXTENSION vector."
        )
    if tuple(int(part) for part in version.split(".")[:2] if part.isdigit()) < _OLDEST_VECTOR:
        text = f"pgvector {version} is too old: searches match keywords."
        return Check("extension", "warning", text, "Install 0.8 or later, then: ALTER EXTENSION vector UPDATE.")
    return ok("extension", f"pgvector {version}")


def _clock(inspection: Inspection) -> Check:
    seconds = inspection.seconds_ahead
    if abs(seconds) <= _CLOCK_SECONDS:
        return ok("clock", "agrees with the database")
    text = f"The clock of the database is {abs(seconds):,.1f} seconds {'ahead' if seconds > 0 else 'behind'}."
    advice = "Synchronize all machines with NTP: expiry and the order of traces follow the clock of each server."
    return Check("clock", "warning", text, advice)


def _clients(inspection: Inspection) -> Check:
    text = f"{inspection.connections} of {inspection.most_connections} connections are in use"
    if inspection.most_connections - inspection.connections >= _FREE_CONNECTIONS:
        return ok("clients", text)
    advice = "A worker uses up to 16: raise max_connections, run fewer workers, or use pgbouncer."
    return Check("clients", "warning", f"{text}.", advice)
