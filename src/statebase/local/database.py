"""The connection to SQLite: who may use it when, and what becomes of it over a fork."""

from __future__ import annotations

import os
import sqlite3
import threading
import weakref
from pathlib import Path
from types import TracebackType
from typing import Any, Optional, Sequence

from . import schema
from .connection import MEMORY, connect, copy, make_private, translated
from .errors import EngineError

_databases: weakref.WeakSet[Database] = weakref.WeakSet()
_fork_lock = threading.Lock()
_held_over_fork: list[Database] = []


class Database:
    """One SQLite connection that the threads of a process share.

    Reads and writes are `with database.read():` and `with database.write():`; both hold the lock of the connection, and
    errors of SQLite leave them as `EngineError`. The lock is reentrant, so that a read may stand within either.

    Over a fork a file is closed and opened anew, in the parent and in the child, each when it next needs it: a child
    that used the library's record of locks that only its parent holds could destroy the file.
    """

    def __init__(self, path: str, durability: str) -> None:
        self.path = path
        self._durability = durability
        self._lock = threading.RLock()
        self._backup_lock = threading.Lock()
        self._connection: Optional[sqlite3.Connection] = None
        self._closed = False
        self._reading = _Reading(self)
        with self._reading:
            pass
        _databases.add(self)

    @property
    def in_memory(self) -> bool:
        """Whether there is no file."""
        return self.path == MEMORY

    def read(self) -> _Reading:
        """Return what a `with` statement needs to read: the lock."""
        return self._reading

    def write(self) -> _Writing:
        """Return what a `with` statement needs to write: the lock and a transaction, all or nothing."""
        return _Writing(self)

    def snapshot(self) -> _Snapshot:
        """Return what a `with` statement needs for several reads that see the same state of the file."""
        return _Snapshot(self)

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> sqlite3.Cursor:
        """Run one statement; only within `read`, `write` or `snapshot`."""
        return self.acquired().execute(sql, parameters)

    def execute_many(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        """Run one statement for each of the rows; only within `write`."""
        self.acquired().executemany(sql, rows)

    def acquired(self) -> sqlite3.Connection:
        """Return the connection, which whoever holds the lock may use."""
        if self._connection is None:
            raise EngineError(503, "service_unavailable", "The engine is closed: open it again.")
        return self._connection

    def backup(self, path: str) -> None:
        """Copy everything that is committed to a new file, while others go on reading and writing.

        The copy appears under its name once it is complete; a file that is there is replaced.
        """
        if Path(f"{path}-wal").exists() or os.path.realpath(path) == os.path.realpath(self.path):
            raise EngineError(400, "invalid_request", f"{path} is in use: back up to another file.", "path")
        partial = Path(f"{path}.{os.getpid()}.partial")
        try:
            if self.in_memory:
                with self._reading:
                    copy(self.acquired(), partial)
            else:
                with self._backup_lock:
                    source = connect(self.path, self._durability)
                    try:
                        copy(source, partial)
                    finally:
                        source.close()
            partial.replace(path)
        except sqlite3.Error as error:
            raise translated(error) from error
        except OSError as error:
            message = f"Cannot write the backup {path}: {error.strerror}. Give a file, and one that nothing has open."
            raise EngineError(500, "internal_error", message, "path") from error
        finally:
            partial.unlink(missing_ok=True)

    def close(self) -> None:
        """Close the connection for good."""
        with self._lock:
            self._closed = True
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def acquire(self) -> None:
        """Take the lock, and open the connection if there is none; `release` has to follow unless it raises."""
        self._lock.acquire()
        if self._connection is None and not self._closed:
            try:
                self._connection = self._open()
            except sqlite3.Error as error:
                self._lock.release()
                raise translated(error) from error
            except BaseException:
                self._lock.release()
                raise

    def release(self) -> None:
        """Give the lock back."""
        self._lock.release()

    def before_fork(self) -> None:
        """Let no thread be at work while the process forks, and leave the child nothing of a file."""
        self._backup_lock.acquire()
        self._lock.acquire()
        if self._connection is not None and not self.in_memory and not self._connection.in_transaction:
            self._connection.close()
            self._connection = None

    def after_fork(self) -> None:
        """Go on, in the parent or in the child."""
        self._lock.release()
        self._backup_lock.release()

    def _open(self) -> sqlite3.Connection:
        if not self.in_memory:
            make_private(self.path)
        connection = connect(self.path, self._durability)
        try:
            schema.migrate(connection, self.path)
        except BaseException:
            connection.close()
            raise
        return connection


class _Reading:
    """Holds the lock."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def __enter__(self) -> None:
        self._database.acquire()

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self._database.release()
        if isinstance(error, sqlite3.Error):
            raise translated(error) from error


class _Transaction:
    _begin = ""

    def __init__(self, database: Database) -> None:
        self._database = database

    def __enter__(self) -> None:
        self._database.acquire()
        try:
            self._database.execute(self._begin)
        except BaseException as error:
            self._database.release()
            if isinstance(error, sqlite3.Error):
                raise translated(error) from error
            raise

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        try:
            connection = self._database.acquired()
            try:
                if error is None:
                    connection.execute("COMMIT")
            except sqlite3.Error as failure:
                error = failure
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
        finally:
            self._database.release()
        if isinstance(error, sqlite3.Error):
            raise translated(error) from error


class _Writing(_Transaction):
    """Holds the lock and a transaction that nobody else writes beside."""

    # IMMEDIATE, for a transaction that starts by reading cannot wait its turn to write: it fails at once.
    _begin = "BEGIN IMMEDIATE"


class _Snapshot(_Transaction):
    """Holds the lock and a transaction that only reads."""

    _begin = "BEGIN"


def _before_fork() -> None:
    _fork_lock.acquire()
    _held_over_fork.extend(sorted(_databases, key=id))
    for database in _held_over_fork:
        database.before_fork()


def _after_fork() -> None:
    for database in _held_over_fork:
        database.after_fork()
    _held_over_fork.clear()
    _fork_lock.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)
