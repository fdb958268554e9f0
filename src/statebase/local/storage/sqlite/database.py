"""The connections to SQLite: who may use which one when, and what becomes of them over a fork."""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
import time
import weakref
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Callable, Optional, Sequence

from ...._base.locks import FrameLock, Owner, calling_frame, is_on_stack
from ...errors import EngineError, busy
from . import schema
from .backup import Identity, note_open, put_in_place, write_copy
from .connection import MEMORY, connect, is_busy, make_private, translated

logger = logging.getLogger("statebase.local")

_BUSY_SECONDS = 10.0
"""How long a write waits for other threads and processes, unless its caller's time ends before."""
_PATIENCE_MS = 50
"""How long SQLite itself waits before a write, at a time."""
_IDLE_READERS = 8
"""Connections for reading that are kept for the next reads."""
_PAUSE_SECONDS = 0.001

_databases: weakref.WeakSet[Database] = weakref.WeakSet()


class Database:
    """A store's connections to SQLite, shared by the threads of a process.

    Reads and writes are `with database.read():` and `with database.write():`; errors of SQLite leave them as
    `EngineError`. One thread writes at a time, in a transaction; those that wait get their turn in order. A read sees
    the store as it is when its first statement runs, on a connection of its own: it waits for no write and no other
    read. (In memory there is one connection, so that reads wait for their turn as well.) A read within a write, or
    within a read, of the same thread is a part of it.

    No block may be left by `yield` or `await`. Whatever exception strikes wherever: the next block finds what an
    interrupted one has left, and rolls it back; `settle` does so at once.

    Over a fork a file is closed and opened anew, in the parent and in the child, each when it next needs it: a child
    that used the library's record of locks that only its parent holds could destroy the file.
    """

    def __init__(self, path: str, durability: str) -> None:
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
        self.current = _Current()
        """The innermost block of this thread."""
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
        _databases.add(self)
        note_open(self)

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

    def read(self) -> _Block:
        """Return what a `with` statement needs to read; all of its statements see the same state of the store."""
        return _Turn(self) if self.in_memory else _Block(self)

    def write(self, deadline: Optional[float] = None) -> _Block:
        """Return what a `with` statement needs to write: a transaction, all or nothing.

        Args:
            deadline: The `time.monotonic()` at which waiting for other threads and processes ends; in 10 seconds at
                the latest.
        """
        return _Write(self, deadline)

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> sqlite3.Cursor:
        """Run one statement; only within `read` or `write`."""
        return self.acquired().execute(sql, parameters)

    def execute_many(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        """Run one statement for each of the rows; only within `write`."""
        self.acquired().executemany(sql, rows)

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
        block = self.current.block
        if block is None or block.connection is None:
            raise RuntimeError("a statement outside of read() and write()")
        return block.connection

    def settle(self) -> None:
        """Roll back and give back what interrupted blocks of this thread have left, if any did."""
        block = self.current.block
        while block is not None and not block.is_running:
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


class _Current(threading.local):
    """The innermost block of each thread."""

    block: Optional[_Block] = None


class _Block:
    """What `read` and `write` return: a block that reads on a connection of its own."""

    is_write = False

    def __init__(self, database: Database, deadline: Optional[float] = None) -> None:
        self._database = database
        self._deadline = deadline
        self._frame: Optional[FrameType] = None
        self._is_part = False
        self.thread = 0
        self.connection: Optional[sqlite3.Connection] = None
        self.outer: Optional[_Block] = None
        """The block of this thread that goes on when this one is over."""

    @property
    def is_running(self) -> bool:
        """Whether its `with` statement is on the stack of its thread."""
        return is_on_stack(self._frame, self.thread)

    def __enter__(self) -> None:
        self.enter(calling_frame())

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self.leave(error)

    def enter(self, frame: FrameType) -> None:
        """Begin.

        Args:
            frame: The frame that runs the `with` statement.
        """
        current = self._database.current
        if current.block is not None:
            self._database.settle()
        outer = current.block
        if outer is not None and outer.connection is not None and not self.is_write:
            self._is_part = True
            return
        self.outer = outer
        self.thread = threading.get_ident()
        self._frame = frame
        current.block = self
        try:
            self._begin(frame)
        except BaseException as error:
            self._end()
            if isinstance(error, sqlite3.Error):
                raise translated(error) from error
            raise

    def leave(self, error: Optional[BaseException]) -> None:
        """End.

        Args:
            error: What the block raised, if it did: then a transaction is rolled back.
        """
        if self._is_part or self._frame is None:
            return
        try:
            if error is None and self.is_write and self.connection is not None:
                self.connection.execute("COMMIT")
        except sqlite3.Error as failure:
            error = failure
        finally:
            self._end()
        if isinstance(error, sqlite3.Error):
            raise translated(error) from error

    def _begin(self, frame: FrameType) -> None:
        self.connection = self._database.take_reader(self)
        self.connection.execute("BEGIN")

    def _end(self) -> None:
        """Give the connection back, without what was not committed."""
        try:
            if self.connection is not None:
                _rolled_back(self.connection)
            self._database.give_back_reader(self)
        finally:
            self._frame = None
            self._database.current.block = self.outer


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
        try:
            if self._owner is not None:
                self._database.give_back_writer(self._owner)
        finally:
            self._frame = None
            self._database.current.block = self.outer


class _Write(_Turn):
    """A block with a transaction that writes."""

    is_write = True


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


_fork_lock = FrameLock()
_forks: list[tuple[Owner, list[Database]]] = []
"""The fork under way, and the databases that wait for it."""


def _before_fork() -> None:
    frame = calling_frame()
    owner = _fork_lock.acquire(frame)
    databases = sorted(_databases, key=id)
    if owner is not None:
        _forks.append((owner, databases))
    for database in databases:
        database.before_fork(frame)


def _after_fork() -> None:
    owner, databases = _forks.pop()
    for database in databases:
        database.after_fork()
    _fork_lock.release(owner)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)
