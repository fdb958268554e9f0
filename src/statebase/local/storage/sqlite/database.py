"""The connections to SQLite: who may use which one when, and what becomes of them over a fork."""

from __future__ import annotations

import logging
import os
import sqlite3
import time
from pathlib import Path
from types import FrameType
from typing import Any, Callable, Optional, Sequence, cast

from ...._base.locks import FrameLock, Owner, calling_frame
from ...errors import EngineError, busy
from .. import database, forks
from . import schema
from .backup import Identity, note_open, put_in_place, write_copy
from .connection import MEMORY, connect, is_busy, make_private, translated

logger = logging.getLogger("statebase.local")

_BUSY_SECONDS = 10.0
"""How long a write waits for other threads and processes, unless its caller's time ends before."""
_PATIENCE_MS = 50
"""How long SQLite itself waits before a write, at a time."""
_LOG_PATIENCE_MS = 1000
"""How long cutting the write-ahead log waits for reads."""
_IDLE_READERS = 8
"""Connections for reading that are kept for the next reads."""
_PAUSE_SECONDS = 0.001


class Database(database.Database):
    """A store's connections to SQLite, shared by the threads of a process.

    One thread writes at a time, in a transaction; those that wait get their turn in order. A read sees the store as it
    is when its first statement runs, on a connection of its own: it waits for no write and no other read. (In memory
    there is one connection, so that reads wait for their turn as well.)

    Over a fork a file is closed and opened anew, in the parent and in the child, each when it next needs it: a child
    that used the library's record of locks that only its parent holds could destroy the file.
    """

    unindexed = "+"

    def __init__(self, path: str, durability: str) -> None:
        super().__init__()
        self.path = path
        self._file = Path(path)
        self._durability = durability
        self._lock = FrameLock()
        self._backup_lock = FrameLock()
        self._backup_owner: Optional[Owner] = None
        self._closed = False
        self._told_of_damage = False
        self._reads: set[_Block] = set()
        """The reads under way, of all threads."""
        self._idle: list[sqlite3.Connection] = []
        self._fork: Optional[Owner] = None
        """Whose fork reads wait for."""
        self._fork_owner: Optional[Owner] = None
        if not self.in_memory:
            make_private(path)
        self._identity = self._identity_now()
        try:
            self._writer: Optional[sqlite3.Connection] = self._open_writer()
        except sqlite3.Error as error:
            raise translated(error) from error
        forks.register(self)
        note_open(self)

    @property
    def name(self) -> str:
        """The path."""
        return self.path

    @property
    def in_memory(self) -> bool:
        """Whether there is no file."""
        return self.path == MEMORY

    @property
    def open_file(self) -> Identity:
        """The file that it has open; None for memory, and once it is closed."""
        return None if self._closed else self._identity

    @property
    def is_intact(self) -> bool:
        """Whether the file is still the one that was opened: neither removed nor replaced."""
        return self._identity_now() == self._identity

    @property
    def reads_at_once(self) -> bool:
        """Whether a read that begins now waits for no other thread; in memory, a write likewise."""
        return not self.in_memory or self._lock.is_free

    def read(self, *, snapshot: bool = True) -> _Block:
        """Return what a `with` statement needs to read; all of its statements see the same state of the store."""
        return _Turn(self) if self.in_memory else _Block(self)

    def write(self, deadline: Optional[float] = None) -> _Block:
        """Return what a `with` statement needs to write: a transaction, all or nothing."""
        return _Write(self, deadline)

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> sqlite3.Cursor:
        """Run one statement; only within `read` or `write`."""
        return self.acquired().execute(sql, parameters)

    def execute_many(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        """Run one statement for each of the rows; only within `write`."""
        self.acquired().executemany(sql, rows)

    def insert(self, sql: str, parameters: Sequence[Any]) -> int:
        """Insert a row, and return the number that it got; only within `write`."""
        return self.acquired().execute(sql, parameters).lastrowid or 0

    def lock(self, sql: str, parameters: Sequence[Any]) -> None:
        """Do nothing: a transaction that writes has the store to itself."""

    def last(self) -> None:
        """Do nothing: the end of a read waits for nothing."""

    def attempt(self, part: Callable[[], object]) -> None:
        """Do a part of a transaction that may be left for later; only within `write`.

        If it finds the store damaged, what it did is rolled back, and the transaction goes on.
        """
        connection = self.acquired()
        connection.execute("SAVEPOINT part")
        try:
            part()
        except (EngineError, sqlite3.DatabaseError) as error:
            # A subclass tells of something else: a full disk, a lock.
            is_damage = isinstance(error, EngineError) or type(error) is sqlite3.DatabaseError
            if not is_damage or not connection.in_transaction:
                raise
            connection.execute("ROLLBACK TO part")
            if not self._told_of_damage:
                self._told_of_damage = True
                logger.error(
                    "The store %s is damaged: what was deleted is not removed from it", self.path, exc_info=error
                )
        connection.execute("RELEASE part")

    def acquired(self) -> sqlite3.Connection:
        """Return the connection of this thread's block."""
        # isinstance would cost more: a class with abstract methods asks its metaclass.
        block = cast("Optional[_Block]", self.current.block)
        if block is None or block.connection is None:
            raise RuntimeError("a statement outside of read() and write()")
        return block.connection

    def size(self) -> int:
        """Return how many bytes the store takes."""
        pages = self.execute("PRAGMA page_count").fetchone()[0]
        page_size = self.execute("PRAGMA page_size").fetchone()[0]
        return int(pages * page_size)

    def settle(self) -> None:
        """Roll back and give back what interrupted blocks of this thread have left, if any did."""
        block = self.current.block
        while isinstance(block, _Block) and not block.is_running:
            self.give_back_reader(block)
            block = self.current.block = block.outer
        if self._lock.was_abandoned_here():
            # Another thread may find it at this moment as well: whoever gets the lock has to roll back.
            owner = self._lock.acquire(calling_frame(), time.monotonic())
            if owner is not None:
                try:
                    self._clean_writer()
                finally:
                    self._lock.release(owner)

    def empty_log(self) -> bool:
        """Move the write-ahead log into the file and cut it; return False if another read kept that from happening."""
        if self.in_memory:
            return True
        try:
            with self._backup_lock.held():  # as for a backup
                self._check()
                connection = connect(self.path, self._durability, read_only=True)
                try:
                    connection.execute(f"PRAGMA busy_timeout = {_LOG_PATIENCE_MS}")
                    return not connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
                finally:
                    connection.close()
        except sqlite3.Error as error:
            if is_busy(error):
                return False
            raise translated(error) from error

    def backup(self, path: str) -> None:
        """Copy everything that is committed to a new file, while others go on reading and writing.

        The copy appears under its name once it is complete; a file that is there is replaced.
        """
        if Path(path).exists() and os.path.realpath(path) == os.path.realpath(self.path):
            raise EngineError(400, "invalid_request", f"{path} is the store itself: pass another file.", "path")
        if Path(path).is_dir():
            raise EngineError(400, "invalid_request", f"{path} is a directory: pass the path of a file.", "path")
        partial = Path(f"{path}.{os.getpid()}.partial")
        try:
            # A fork waits for this lock: SQLite must not be at work in another thread while the process forks.
            with self._backup_lock.held():
                if self.in_memory:
                    with self.read():
                        write_copy(self.acquired(), partial)
                else:
                    self._check()
                    source = connect(self.path, self._durability, read_only=True)
                    try:
                        write_copy(source, partial)
                    finally:
                        source.close()
                put_in_place(partial, Path(path))
        except sqlite3.Error as error:
            raise translated(error) from error
        except OSError as error:
            message = (
                f"Cannot write the backup {path}: {error.strerror}. Pass the path of a file that no process has open."
            )
            raise EngineError(500, "internal_error", message, "path") from error
        finally:
            partial.unlink(missing_ok=True)

    def close(self) -> None:
        """Close the connections for good, once the write under way is over; reads under way end by themselves."""
        with self._lock.held():
            self._closed = True
            self._close_connections()

    def take_writer(self, frame: FrameType, deadline: float) -> tuple[Owner, sqlite3.Connection]:
        """Wait for the writing connection.

        Args:
            frame: The frame that is to have it.
            deadline: When to give up.

        Returns:
            What `give_back_writer` takes, and the connection, with no transaction open.
        """
        owner = self._lock.acquire(frame, deadline)
        if owner is None:
            raise busy("The store is busy with other writes: try again.")
        try:
            self._check()
            self._clean_writer()
            if self._writer is None:
                self._writer = self._open_writer()
            return owner, self._writer
        except BaseException:
            self._lock.release(owner)
            raise

    def give_back_writer(self, owner: Owner) -> None:
        """Let the next one write; within the frame that has the connection."""
        self._clean_writer()
        self._lock.release(owner)

    def take_reader(self, read: _Block) -> sqlite3.Connection:
        """Return a connection that is used by no other caller until it is given back."""
        self._reads.add(read)
        while self._fork is not None and self._fork.thread != read.thread and not self._fork.is_gone:
            self._reads.discard(read)
            time.sleep(_PAUSE_SECONDS)
            self._reads.add(read)
        self._check()
        try:
            return self._idle.pop()
        except IndexError:
            self._sweep()
        connection = connect(self.path, self._durability, read_only=True)
        self._check()
        return connection

    def give_back_reader(self, read: _Block) -> None:
        """Take the connection of a read back; without effect the second time."""
        try:
            self._reads.remove(read)
        except KeyError:
            return
        connection = read.connection
        if connection is None:
            return
        if self._closed or len(self._idle) >= _IDLE_READERS or not _rolled_back(connection):
            connection.close()
        else:
            self._idle.append(connection)

    def before_fork(self, frame: FrameType) -> None:
        """Let no thread be at work while the process forks, and leave the child nothing of a file.

        Args:
            frame: The frame that forks.
        """
        self._backup_owner = self._backup_lock.acquire(frame)
        self._fork = Owner(frame)
        self._fork_owner = self._lock.acquire(frame)
        while any(read.thread != self._fork.thread and read.is_running for read in list(self._reads)):
            time.sleep(_PAUSE_SECONDS)
        self._sweep()
        if not self.in_memory and self._fork_owner is not None:
            self._close_connections()

    def after_fork(self) -> None:
        """Go on, in the parent or in the child."""
        self._fork = None
        if self._fork_owner is not None:
            self._lock.release(self._fork_owner)
        if self._backup_owner is not None:
            self._backup_lock.release(self._backup_owner)

    def _check(self) -> None:
        """Raise an error if there is nothing to work on."""
        if self._closed:
            raise _closed()
        if not self.is_intact:
            message = (
                f"The store {self.path} was removed or replaced while it was open, and nothing is written to it any "
                "more: close it, and open it again."
            )
            raise EngineError(500, "internal_error", message, "path")

    def _identity_now(self) -> Identity:
        if self.in_memory:
            return None
        try:
            status = self._file.stat()
        except OSError:
            return (-1, -1)
        return status.st_dev, status.st_ino

    def _open_writer(self) -> sqlite3.Connection:
        connection = connect(self.path, self._durability)
        try:
            schema.migrate(connection, self.path)
            connection.execute(f"PRAGMA busy_timeout = {_PATIENCE_MS}")
        except BaseException:
            connection.close()
            raise
        return connection

    def _close_connections(self) -> None:
        self._sweep()
        while self._idle:
            self._idle.pop().close()
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()

    def _clean_writer(self) -> None:
        """Roll back what is left of a transaction; a connection that cannot do so is opened anew by the next write."""
        writer = self._writer
        if writer is not None and not _rolled_back(writer):
            self._writer = None
            writer.close()

    def _sweep(self) -> None:
        """Take back the connections of reads that were interrupted."""
        for read in list(self._reads):
            if not read.is_running:
                self.give_back_reader(read)


class _Block(database.Block):
    """What `read` and `write` return: a block that reads on a connection of its own."""

    def __init__(self, owner: Database, deadline: Optional[float] = None, *, is_write: bool = False) -> None:
        super().__init__(owner, is_write=is_write)
        self._database = owner
        self._deadline = deadline
        self.connection: Optional[sqlite3.Connection] = None

    @property
    def is_connected(self) -> bool:
        """Whether it has a connection."""
        return self.connection is not None

    def _begin(self, frame: FrameType) -> None:
        self.connection = self._database.take_reader(self)
        self.connection.execute("BEGIN")

    def _finish(self) -> None:
        if self.is_write and self.connection is not None:
            self.connection.execute("COMMIT")

    def _end(self) -> None:
        if self.connection is not None:
            _rolled_back(self.connection)
        self._database.give_back_reader(self)

    def _translated(self, error: BaseException) -> Optional[EngineError]:
        return translated(error) if isinstance(error, sqlite3.Error) else None


class _Turn(_Block):
    """A block that has the writing connection to itself."""

    _owner: Optional[Owner] = None

    def _begin(self, frame: FrameType) -> None:
        deadline = time.monotonic() + _BUSY_SECONDS
        if self._deadline is not None:
            deadline = min(deadline, self._deadline)
        self._owner, self.connection = self._database.take_writer(frame, deadline)
        if self.is_write:
            _begin_immediate(self.connection, deadline)

    def _end(self) -> None:
        if self._owner is not None:
            self._database.give_back_writer(self._owner)


class _Write(_Turn):
    """A block with a transaction that writes."""

    def __init__(self, owner: Database, deadline: Optional[float]) -> None:
        super().__init__(owner, deadline, is_write=True)


def _begin_immediate(connection: sqlite3.Connection, deadline: float) -> None:
    """Begin a transaction that writes, once no other process does.

    SQLite waits a little at a time, for meanwhile Python runs no handler of a signal.
    """
    while True:
        try:
            # IMMEDIATE, for a transaction that starts by reading cannot wait its turn to write: it fails at once.
            connection.execute("BEGIN IMMEDIATE")
            return
        except sqlite3.OperationalError as error:
            if not is_busy(error) or time.monotonic() >= deadline:
                raise


def _rolled_back(connection: sqlite3.Connection) -> bool:
    """End a transaction if there is one; return whether that worked."""
    try:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
    except sqlite3.Error:
        return False
    return True


def _closed() -> EngineError:
    return EngineError(503, "service_unavailable", "The engine is closed: open it again.")
