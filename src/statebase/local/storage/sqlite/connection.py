"""Connections to SQLite, set up for what the store needs."""

from __future__ import annotations

import os
import sqlite3
import sys
import time
from pathlib import Path

from ...errors import EngineError, busy
from . import schema
from .backup import set_foreign_log_aside

MEMORY = ":memory:"
"""Instead of a path: a store of its own, without a file."""

_BUSY_SECONDS = 10.0
"""How long a write waits for another process."""
_WAL_ATTEMPTS = 200
_WAL_PAUSE_SECONDS = 0.05
_JOURNAL_BYTES = 64 * 1024 * 1024
"""The write-ahead log is cut back to this size when it has grown beyond."""


def connect(path: str, durability: str, *, read_only: bool = False) -> sqlite3.Connection:
    """Connect to a store, or to a file that may become one.

    Args:
        path: The file, or `:memory:`.
        durability: `full` to wait for the disk at every commit, `normal` to leave that to the checkpoints.
        read_only: Whether the connection only reads a file that is known to be a store.

    Raises:
        EngineError: 500, if the file cannot be a store.
    """
    # mode=rw: a file that was removed is not made anew. `Database` gives a connection to one thread at a time.
    in_memory = path == MEMORY
    if not in_memory and not read_only:
        set_foreign_log_aside(path)
    connection = sqlite3.connect(
        path if in_memory else f"{Path(path).absolute().as_uri()}?mode=rw",
        uri=not in_memory,
        timeout=_BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=256,
    )
    try:
        # What is deleted is overwritten with zeros; builds of SQLite differ in the default.
        connection.execute("PRAGMA secure_delete = 1")
        if read_only:
            connection.execute("PRAGMA query_only = 1")
        elif not in_memory:
            schema.refuse_foreign(connection, path)
            _set_wal(connection)
            connection.execute(f"PRAGMA synchronous = {'FULL' if durability == 'full' else 'NORMAL'}")
            connection.execute(f"PRAGMA journal_size_limit = {_JOURNAL_BYTES}")
            if sys.platform == "darwin" and durability == "full":
                # Without it macOS leaves the data in the cache of the drive.
                connection.execute("PRAGMA fullfsync = 1")
    except BaseException:
        connection.close()
        raise
    return connection


def make_private(path: str) -> None:
    """Make the file if it is not there, for its owner's eyes only; SQLite gives its other files the same mode."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        if Path(path).is_dir():
            message = f"{path} is a directory: pass the path of a file."
            raise EngineError(400, "invalid_request", message, "path") from None
    except OSError as error:
        message = f"Cannot make the store {path}: {error.strerror}. Pass the path of a file in a directory that exists."
        raise EngineError(500, "internal_error", message, "path") from error


def translated(error: sqlite3.Error) -> EngineError:
    """Return what the engine says about an error of SQLite."""
    if is_busy(error):
        return busy("The store is busy with writes of other processes: try again.")
    message = f"The store failed: {error}. Check its disk and permissions, or restore a backup."
    return EngineError(500, "internal_error", message)


def is_busy(error: sqlite3.Error) -> bool:
    """Return whether the error is that another process uses the file."""
    return "locked" in str(error) or "busy" in str(error)


def _set_wal(connection: sqlite3.Connection) -> None:
    """Turn on the write-ahead log; SQLite does not wait here by itself while another process does the same."""
    for attempt in range(_WAL_ATTEMPTS):
        try:
            mode = connection.execute("PRAGMA journal_mode").fetchone()[0]
            if mode != "wal":
                mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
            if mode != "wal":
                message = "The store needs a write-ahead log, which its disk does not allow: use a local disk."
                raise EngineError(500, "internal_error", message, "path")
            return
        except sqlite3.OperationalError as error:
            if attempt == _WAL_ATTEMPTS - 1 or not is_busy(error):
                raise
        time.sleep(_WAL_PAUSE_SECONDS)
