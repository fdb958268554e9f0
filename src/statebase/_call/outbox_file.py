"""The file of an outbox: writes that wait to be sent, in SQLite. No request and no event loop.

Each method opens the file, makes one transaction and closes it: nothing is open between calls, so that other processes
can use the file, and a fork or an exception of a signal handler leaves nothing behind.
"""

from __future__ import annotations

import json
import os
import sqlite3
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Callable, Iterable, List, Mapping, NamedTuple, Optional, TypeVar, cast

from .._base.errors import ConfigurationError, OutboxError
from .._base.locks import FrameLock, Owner, calling_frame

T = TypeVar("T")

OF_USER = "user:"
LARGEST_FILE_BYTES = 256 * 1024 * 1024
_PAGE_BYTES = 4096
_BUSY_SECONDS = 10.0
_SYNCHRONOUS = "EXTRA"  # a write survives a power failure, also if that comes at once
_APPLICATION = 0x5342_4F42
_VERSION = 1
_SCHEMA = (
    """CREATE TABLE items (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        service TEXT NOT NULL,
        session TEXT NOT NULL,
        operation TEXT NOT NULL,
        path TEXT NOT NULL,
        query TEXT NOT NULL,
        body BLOB NOT NULL,
        key TEXT NOT NULL,
        queued_at REAL NOT NULL,
        tried_at REAL,
        error TEXT,
        UNIQUE (service, key)
    )""",
    "CREATE INDEX items_waiting ON items (service, session, id) WHERE error IS NULL",
    "CREATE INDEX items_failed ON items (service, id) WHERE error IS NOT NULL",
    f"PRAGMA application_id = {_APPLICATION}",
    f"PRAGMA user_version = {_VERSION}",
)
_COLUMNS = "id, session, operation, path, query, body, key, queued_at, tried_at, error"

# SQLite must not be at work in another thread while the process forks: the child would have a copy of its locks.
_lock = FrameLock()
_forks: List[Optional[Owner]] = []


def _before_fork() -> None:
    _forks.append(_lock.acquire(calling_frame()))


def _after_fork() -> None:
    owner = _forks.pop()
    if owner is not None:
        _lock.release(owner)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)


class Write(NamedTuple):
    """A write as it is sent, without its headers: they contain secrets."""

    session: str
    """Id of its session; `OF_USER` and the user for a memory without one. Writes with the same one are in order."""
    operation: str
    path: str
    query: str
    body: bytes
    key: str


class Row(NamedTuple):
    """A write in the file."""

    id: int
    write: Write
    queued_at: float
    tried_at: Optional[float]
    """The time of the first request that may have been applied; None if there was none."""
    error: Optional[str]


@dataclass(frozen=True)
class OutboxItem:
    """A write in the outbox."""

    id: int
    """Its number in the file."""
    session_id: str
    """Id of its session; empty for memories of a user, which `body` names."""
    operation: str
    """The operation: `create_turn`, `create_memory`, or `create_memories`."""
    body: Mapping[str, Any]
    """The arguments as they are sent: `input`, `output` and so on of a turn, `content` and so on of a memory; for
    `create_memories` a list of these, `memories`."""
    idempotency_key: str
    """The key of all its requests."""
    queued_at: datetime
    """The time of the call, in UTC."""
    error: Optional[str] = None
    """The reason that it failed; None while it waits."""


class OutboxFile:
    """The file of an outbox.

    Args:
        path: The file; it is created if it does not exist.
        service: The URL of the service whose writes are used.

    Raises:
        ConfigurationError: The file cannot be used.
    """

    def __init__(self, path: object, service: str) -> None:
        name = os.fspath(cast("os.PathLike[str]", path)) if isinstance(path, os.PathLike) else path
        if not isinstance(name, str):
            raise ConfigurationError(f"outbox must be the path of a file, got {type(name).__name__}")
        if not name or "\0" in name or name == ":memory:":
            raise ConfigurationError(f"outbox must be the path of a file, got {name!r}")
        self.path = str(Path(name).absolute())
        self._service = service
        try:
            os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        except FileExistsError:
            pass
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or type(error).__name__
            raise ConfigurationError(f"outbox={name!r} cannot be created: {reason}") from error
        try:
            self.has_waiting = self._transaction(self._prepare)
        except OutboxError as error:
            raise ConfigurationError(error.message) from error

    def add(self, write: Write, now: float) -> Row:
        """Add a write that is sent now; if the same one is there already, it waits again.

        Returns:
            The write, with the time at which it was first sent before this; if another one has its key, that one.
        """

        def add(database: sqlite3.Connection) -> Row:
            if not self._select(database, "key = ?", (write.key,)):
                insert = "INSERT INTO items (service, session, operation, path, query, body, key, queued_at)"
                values = (self._service, *write, now)
                database.execute(f"{insert} VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values)
            (row,) = self._select(database, "key = ?", (write.key,))
            if row.write != write:
                return row
            update = "UPDATE items SET error = NULL, tried_at = coalesce(tried_at, ?) WHERE id = ?"
            database.execute(update, (now, row.id))
            return row

        return self._transaction(add)

    def ahead(self, row: Row, limit: int) -> List[Row]:
        """Return the first writes of the same session that wait since before."""
        where = "error IS NULL AND session = ? AND id < ?"
        return self._transaction(lambda database: self._select(database, where, (row.write.session, row.id), limit))

    def waiting(self, after: int, limit: int) -> List[Row]:
        """Return the first writes that wait and have a number above `after`."""
        return self._transaction(lambda database: self._select(database, "error IS NULL AND id > ?", (after,), limit))

    def begin(self, row_id: int, now: float) -> Optional[Row]:
        """Store that a write that waits is sent now, if that is the first time.

        Returns:
            The write, with the time at which it was first sent before this; None if it does not wait any more.
        """

        def begin(database: sqlite3.Connection) -> Optional[Row]:
            rows = self._select(database, "error IS NULL AND id = ?", (row_id,))
            if not rows:
                return None
            if rows[0].tried_at is None:
                database.execute("UPDATE items SET tried_at = ? WHERE id = ?", (now, row_id))
            return rows[0]

        return self._transaction(begin)

    def listed(self, *, failed: bool, limit: int) -> List[OutboxItem]:
        """Return the writes that wait or have failed, oldest first."""
        where = "error IS NOT NULL" if failed else "error IS NULL"
        return [_item(row) for row in self._transaction(lambda database: self._select(database, where, (), limit))]

    def count(self) -> int:
        """Return the number of writes that wait."""
        query = "SELECT count(*) FROM items WHERE service = ? AND error IS NULL"
        return int(self._transaction(lambda database: database.execute(query, (self._service,)).fetchone()[0]))

    def set_tried(self, row_id: int, tried_at: Optional[float]) -> None:
        """Store the time of the first request that may have been applied."""
        self._execute("UPDATE items SET tried_at = ? WHERE id = ?", tried_at, row_id)

    def fail(self, row_id: int, error: str) -> None:
        """Store that a write has failed: it does not wait any more."""
        self._execute("UPDATE items SET error = ? WHERE id = ?", error, row_id)

    def wait_again(self, row_id: int) -> None:
        """Queue a failed write again, as if it had not been sent."""
        self._execute("UPDATE items SET error = NULL, tried_at = NULL WHERE id = ? AND error IS NOT NULL", row_id)

    def remove(self, row_id: int) -> None:
        """Remove a write."""
        self._execute("DELETE FROM items WHERE id = ?", row_id)

    def _execute(self, statement: str, *values: object) -> None:
        self._transaction(lambda database: database.execute(statement, values) and None)

    def _select(self, database: sqlite3.Connection, where: str, values: Iterable[object], limit: int = 1) -> List[Row]:
        query = f"SELECT {_COLUMNS} FROM items WHERE service = ? AND {where} ORDER BY id LIMIT ?"
        rows = database.execute(query, (self._service, *values, limit)).fetchall()
        return [Row(row[0], Write(*row[1:7]), *row[7:]) for row in rows]

    def _prepare(self, database: sqlite3.Connection) -> bool:
        application, version, tables = (
            database.execute(query).fetchone()[0]
            for query in ("PRAGMA application_id", "PRAGMA user_version", "SELECT count(*) FROM sqlite_master")
        )
        if tables == 0 and application == 0:
            for statement in _SCHEMA:
                database.execute(statement)
        elif (application, version) != (_APPLICATION, _VERSION):
            raise ConfigurationError(
                f"{self.path} is not the outbox of this version of statebase: pass another path as outbox"
            )
        return bool(self._select(database, "error IS NULL", ()))

    def _transaction(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run a function in a transaction of its own.

        Raises:
            OutboxError: The file cannot be read or written; nothing was changed.
        """
        database: Optional[sqlite3.Connection] = None
        with _lock.held():
            try:
                uri = f"{Path(self.path).as_uri()}?mode=rw"  # a file that was removed is not created again
                database = sqlite3.connect(uri, uri=True, timeout=_BUSY_SECONDS, isolation_level=None)
                database.execute(f"PRAGMA synchronous = {_SYNCHRONOUS}")
                database.execute(f"PRAGMA max_page_count = {LARGEST_FILE_BYTES // _PAGE_BYTES}")
                database.execute("BEGIN IMMEDIATE")
                result = work(database)
                database.execute("COMMIT")
                return result
            except sqlite3.Error as error:
                raise OutboxError(f"The outbox {self.path} cannot be used: {_advice(error)}") from error
            finally:
                if database is not None:
                    database.close()  # rolls back


def _advice(error: sqlite3.Error) -> str:
    text = str(error)
    if "full" in text:
        return f"it has reached {LARGEST_FILE_BYTES // 1024**2} MiB, or its disk is full. Send or discard what it holds"
    if "locked" in text:
        return "other processes write to it. Try again"
    if "malformed" in text or "not a database" in text:
        return f"it is damaged ({text}). Move it away, and pass another path"
    return f"{text}. Check that the file exists, and its permissions"


def _item(row: Row) -> OutboxItem:
    write = row.write
    queued_at = datetime.fromtimestamp(row.queued_at, timezone.utc)
    body: Mapping[str, Any] = json.loads(write.body)
    session_id = "" if write.session.startswith(OF_USER) else write.session
    return OutboxItem(row.id, session_id, write.operation, body, write.key, queued_at, row.error)
