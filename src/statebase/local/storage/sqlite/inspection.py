"""Looking at a store without changing it, not even to bring it to the newest schema."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import time
from pathlib import Path
from typing import Generator, NamedTuple, Optional

from ...errors import EngineError
from ...memory_search import SPACE_KEY
from . import schema
from .backup import is_open_here

_WRITE_VERSION_OFFSET = 18
_WAL = 2
"""What stands there in a file with a write-ahead log (the format of SQLite files, 1.3)."""
_MOST_PROBLEMS = 3
_STEPS_BETWEEN_LOOKS = 100_000


class Inspection(NamedTuple):
    """What a store looks like."""

    bytes: int
    schema_version: int
    newest_schema_version: int
    """What this version of the package works with."""
    has_wal: bool
    """Whether it has a write-ahead log, as the engine needs it."""
    problems: Optional[list[str]]
    """What is damaged; None if looking took too long."""
    embedder_id: Optional[str]
    """Whose vectors it holds; None where there are none yet, or it is damaged."""
    without_vector: int
    """Memories that get their vector when a search next needs it."""


def inspect(path: str, timeout_seconds: float) -> Inspection:
    """Look at a store.

    Args:
        path: The file.
        timeout_seconds: How long to look for damage at most.

    Raises:
        OSError: There is no such file, or it may not be read.
        EngineError: It is not a store, or one of a newer version of the package.
    """
    has_wal = _has_wal(path)
    try:
        inspection = _inspect(path, has_wal, timeout_seconds)
        if inspection.problems and _is_in_use(path):
            # A file that nobody used was read without locks; somebody may have begun to write meanwhile.
            inspection = _inspect(path, has_wal, timeout_seconds)
    except sqlite3.Error as error:
        raise EngineError(500, "internal_error", f"{path} cannot be read: {error}.", "path") from error
    return inspection


def _inspect(path: str, has_wal: bool, timeout_seconds: float) -> Inspection:
    with _reading(path) as connection:
        schema.refuse_foreign(connection, path)
        version = int(connection.execute("PRAGMA user_version").fetchone()[0])
        problems = _problems(connection, timeout_seconds)
        readable = version > 0 and not problems
        return Inspection(
            bytes=Path(path).stat().st_size,
            schema_version=version,
            newest_schema_version=len(schema.MIGRATIONS),
            has_wal=has_wal,
            problems=problems,
            embedder_id=_embedder_id(connection) if readable else None,
            without_vector=_without_vector(connection) if readable else 0,
        )


@contextlib.contextmanager
def _reading(path: str) -> Generator[sqlite3.Connection, None, None]:
    # Reading makes a log where there is none, unless SQLite is told that nobody writes.
    mode = "mode=ro" if _is_in_use(path) else "mode=ro&immutable=1"
    connection = sqlite3.connect(f"{Path(path).resolve().as_uri()}?{mode}", uri=True, isolation_level=None)
    try:
        yield connection
    finally:
        connection.close()


def _is_in_use(path: str) -> bool:
    """Say whether a store is open somewhere, or was not closed."""
    log = Path(f"{Path(path).resolve()}-wal")
    return log.exists() and log.stat().st_size > 0


def _has_wal(path: str) -> bool:
    if is_open_here(path):
        return True  # whoever opens a store turns it on
    with Path(path).open("rb") as file:
        header = file.read(_WRITE_VERSION_OFFSET + 1)
    return len(header) > _WRITE_VERSION_OFFSET and header[_WRITE_VERSION_OFFSET] == _WAL


def _problems(connection: sqlite3.Connection, timeout_seconds: float) -> Optional[list[str]]:
    end = time.monotonic() + timeout_seconds
    connection.set_progress_handler(lambda: time.monotonic() > end, _STEPS_BETWEEN_LOOKS)
    try:
        rows = connection.execute(f"PRAGMA integrity_check({_MOST_PROBLEMS})").fetchall()
    except sqlite3.OperationalError as error:
        if str(error) == "interrupted":
            return None
        raise
    except sqlite3.DatabaseError as error:
        return [str(error)]
    finally:
        connection.set_progress_handler(None, 0)
    return [] if rows == [("ok",)] else [str(row[0]) for row in rows]


def _embedder_id(connection: sqlite3.Connection) -> Optional[str]:
    row = connection.execute("SELECT value FROM meta WHERE key = ?", (SPACE_KEY,)).fetchone()
    return None if row is None else str(json.loads(row[0])["embedder"])


def _without_vector(connection: sqlite3.Connection) -> int:
    sql = "SELECT count(*) FROM memories WHERE embed = 1 AND embedding_id IS NULL"
    return int(connection.execute(sql).fetchone()[0])
