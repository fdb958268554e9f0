"""The interface of a database: transactions, statements, and what becomes of both when a call is interrupted.

`sqlite` and `postgres` implement it. The tables execute their statements on it, with `?` for parameters, and know
neither of the two.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from types import FrameType, TracebackType
from typing import Any, Callable, Iterator, Optional, Protocol, Sequence

from ..._base.locks import calling_frame, is_on_stack
from ..errors import EngineError


class Result(Protocol):
    """The result of a statement. A database may run the statement only when its result is looked at."""

    @property
    def rowcount(self) -> int:
        """How many rows it changed."""
        ...

    def fetchone(self) -> Any:
        """Return the next row, None if there is none."""
        ...

    def fetchall(self) -> list[Any]:
        """Return all rows that are left."""
        ...

    def __iter__(self) -> Iterator[Any]: ...


class CurrentBlock(threading.local):
    """The innermost block of each thread."""

    block: Optional[Block] = None


class Database(ABC):
    """A store's connections to its database, shared by the threads of a process.

    Reads and writes are `with database.read():` and `with database.write():`; errors of the database leave them as
    `EngineError`. A read within a write, or within a read, of the same thread is a part of it.

    No block may be left by `yield` or `await`. Wherever an exception is raised: the next block finds what an
    interrupted one has left, and rolls it back; `settle` does so at once.
    """

    writes_at_once = False
    """Whether several transactions write at the same time: then each locks the rows that it goes by."""
    unindexed = ""
    """Stands before a column in a condition that no index should be chosen for."""
    unless_locked = ""
    """Stands behind a query: locks its sessions `s`, and leaves out those that another transaction has locked."""

    def __init__(self) -> None:
        self.current = CurrentBlock()

    @property
    @abstractmethod
    def name(self) -> str:
        """The name of the store in messages, without a password."""

    @property
    @abstractmethod
    def in_memory(self) -> bool:
        """Whether the store is gone with the process."""

    @property
    @abstractmethod
    def is_intact(self) -> bool:
        """Whether the store is still the one that was opened: neither removed nor replaced."""

    @property
    @abstractmethod
    def reads_at_once(self) -> bool:
        """Whether a read that begins now waits for no other thread, process or machine; in memory, a write likewise."""

    @abstractmethod
    def read(self, *, snapshot: bool = True) -> Block:
        """Return what a `with` statement needs to read.

        Args:
            snapshot: Whether all of its statements see the same state of the store; False saves time where one
                statement is all there is.
        """

    @abstractmethod
    def write(self, deadline: Optional[float] = None) -> Block:
        """Return what a `with` statement needs to write: a transaction, all or nothing.

        Args:
            deadline: The `time.monotonic()` at which waiting for others ends; in 10 seconds at the latest.
        """

    @abstractmethod
    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> Result:
        """Run one statement; only within `read` or `write`."""

    @abstractmethod
    def execute_many(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        """Run one statement for each of the rows; only within `write`."""

    @abstractmethod
    def insert(self, sql: str, parameters: Sequence[Any]) -> int:
        """Insert a row, and return the number (`seq`) that it got; only within `write`."""

    @abstractmethod
    def lock(self, sql: str, parameters: Sequence[Any]) -> None:
        """Lock the rows that a transaction goes by, if others write at the same time; nothing in a read."""

    @abstractmethod
    def last(self) -> None:
        """Declare that nothing follows the statements up to the next result, if this is a read.

        Over a network, the end of the read then shares their round trip. A statement that follows all the same may see
        another state of the store.
        """

    @abstractmethod
    def attempt(self, part: Callable[[], object]) -> None:
        """Do a part of a transaction that may be left for later; only within `write`.

        If it finds the store damaged, what it did is rolled back, and the transaction goes on.
        """

    @abstractmethod
    def settle(self) -> None:
        """Roll back and return what interrupted blocks of this thread have left, if any did."""

    def empty_log(self) -> bool:
        """Remove what was deleted from the log of the database as well.

        Returns:
            False if others still read it: then it goes when they are done.
        """
        return True

    @abstractmethod
    def size(self) -> int:
        """Return how many bytes the store takes; only within `read` or `write`."""

    @abstractmethod
    def backup(self, path: str) -> None:
        """Copy everything that is committed to a new file, while others go on reading and writing."""

    @abstractmethod
    def close(self) -> None:
        """Close the connections for good, once the writes under way are over; reads under way end by themselves."""


class Block(ABC):
    """A read or a write, as `read` and `write` return it.

    Args:
        database: The database.
        is_write: Whether it is a transaction that writes.
    """

    def __init__(self, database: Database, *, is_write: bool) -> None:
        self._current = database.current
        self._settle = database.settle
        self.is_write = is_write
        self._frame: Optional[FrameType] = None
        self._is_part = False
        self.thread = 0
        self.outer: Optional[Block] = None
        """The block of this thread that goes on when this one is over."""

    @property
    def is_running(self) -> bool:
        """Whether its `with` statement is on the stack of its thread."""
        return is_on_stack(self._frame, self.thread)

    @property
    @abstractmethod
    def is_connected(self) -> bool:
        """Whether it has a connection."""

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
        current = self._current
        if current.block is not None:
            self._settle()
        outer = current.block
        if outer is not None and not self.is_write and outer.is_connected:
            self._is_part = True
            return
        self.outer = outer
        self.thread = threading.get_ident()
        self._frame = frame
        current.block = self
        try:
            self._begin(frame)
        except BaseException as error:
            self._leave()
            self._raise_translated(error)
            raise

    def leave(self, error: Optional[BaseException]) -> None:
        """End.

        Args:
            error: What the block raised, if it did: then a transaction is rolled back.
        """
        if self._is_part or self._frame is None:
            return
        try:
            if error is None:
                self._finish()
        except Exception as failure:
            error = failure
            if self._translated(failure) is None:
                raise
        finally:
            self._leave()
        if error is not None:
            self._raise_translated(error)

    @abstractmethod
    def _begin(self, frame: FrameType) -> None:
        """Take a connection, and begin a transaction on it."""

    @abstractmethod
    def _finish(self) -> None:
        """Commit what was written."""

    @abstractmethod
    def _end(self) -> None:
        """Return the connection, without what was not committed."""

    @abstractmethod
    def _translated(self, error: BaseException) -> Optional[EngineError]:
        """Return what the engine says about an error of the database; None for another one.

        It may have a cause already, where the error itself must not be shown.
        """

    def _leave(self) -> None:
        try:
            self._end()
        finally:
            self._frame = None
            self._current.block = self.outer

    def _raise_translated(self, error: BaseException) -> None:
        translated = self._translated(error)
        if translated is not None:
            raise translated from translated.__cause__ or error
