"""Transactions on PostgreSQL, and the statements in them.

A statement is sent when its result is looked at, with all those before it whose result nothing has read: they take one
round trip together. What only writes goes with the commit. So the same tables take 15 statements for a turn, and three
round trips.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from functools import lru_cache
from types import FrameType
from typing import Any, Callable, Iterator, Optional, Sequence

import psycopg

from ...._base.locks import Owner
from ...errors import EngineError, busy
from .. import database, forks
from ..location import read_location
from . import schema
from .errors import interruption_of, presentable, translated
from .pool import Connection, Pool, Slot

logger = logging.getLogger("statebase.local")

_BUSY_SECONDS = 10.0
"""How long a block waits for a connection, and a write for each lock, unless its caller's time ends before."""
_SNAPSHOT = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_WRITE = "BEGIN ISOLATION LEVEL READ COMMITTED"
_SETTINGS = "SELECT set_config('lock_timeout', ?, true)"
_READ_SETTINGS = f"SELECT set_config('lock_timeout', '{_BUSY_SECONDS:g}s', true)"
"""Within the transaction, or with the one statement that is sent together with it: a pipeline is a transaction."""
_SETTINGS_WITHOUT_WAIT = f"{_SETTINGS}, set_config('synchronous_commit', 'off', true)"


class Database(database.Database):
    """A store's connections to PostgreSQL.

    Writes go on at the same time, each in a transaction that locks what it goes by: the session first. A read of one
    statement is a statement; one of several is a transaction that sees one state of the store. Nothing belongs to a
    session of the server for longer than a transaction, so that pgbouncer may stand in between.

    Args:
        url: The database.
        durability: `full` to wait at every commit until the disk has it, `normal` not to.
    """

    writes_at_once = True
    unless_locked = " FOR UPDATE OF s SKIP LOCKED"

    def __init__(self, url: str, durability: str) -> None:
        super().__init__()
        self._location = read_location(url)
        self._pool = Pool(self._location)
        self._waits_for_disk = durability == "full"
        with self._single() as connection:
            self.facts = schema.prepare(connection, self._location.name)
        self._process = os.getpid()
        forks.register(self)

    @property
    def name(self) -> str:
        """The URL, without its password."""
        return self._location.name

    @property
    def in_memory(self) -> bool:
        """False: the database outlives the process."""
        return False

    @property
    def is_intact(self) -> bool:
        """True: there is no file that may be replaced."""
        return True

    @property
    def reads_at_once(self) -> bool:
        """False: a read waits for the network."""
        return False

    def read(self, *, snapshot: bool = True) -> _Block:
        """Return what a `with` statement needs to read."""
        begin = [_SNAPSHOT, _READ_SETTINGS] if snapshot else [_READ_SETTINGS]
        return _Block(self, self._pool, begin, is_transaction=snapshot)

    def write(self, deadline: Optional[float] = None) -> _Block:
        """Return what a `with` statement needs to write: a transaction, all or nothing."""
        return _Write(self, self._pool, deadline, waits_for_disk=self._waits_for_disk)

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> Statement:
        """Add a statement to the block; it runs when its result is looked at, or at the end of the block."""
        return self._block().add(sql, parameters)

    def execute_many(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        """Add one statement for each of the rows to the block."""
        block = self._block()
        for row in rows:
            block.add(sql, row)

    def insert(self, sql: str, parameters: Sequence[Any]) -> int:
        """Insert a row, and return the number that it got."""
        return int(self._block().add(f"{sql} RETURNING seq", parameters).fetchone()[0])

    def lock(self, sql: str, parameters: Sequence[Any]) -> None:
        """Lock the rows that a transaction goes by; nothing in a read."""
        block = self._block()
        if block.is_write:
            block.add(sql, parameters)

    def last(self) -> None:
        """Declare that nothing follows the statements up to the next result: the commit shares their round trip."""
        self._block().is_last = True

    def attempt(self, part: Callable[[], object]) -> None:
        """Do a part of a transaction that may be left for later."""
        block = self._block()
        block.add("SAVEPOINT part", ())
        try:
            part()
            block.flush()
        except (EngineError, psycopg.DatabaseError) as error:
            if isinstance(error, psycopg.OperationalError):
                raise
            block.forget()
            block.add("ROLLBACK TO part", ())
            logger.error("The store %s is damaged: something is left for later", self.name, exc_info=error)
        block.add("RELEASE part", ())

    def settle(self) -> None:
        """Roll back and give back what interrupted blocks of this thread have left, if any did."""
        block = self.current.block
        while isinstance(block, _Block) and not block.is_running:
            block.give_back()
            block = self.current.block = block.outer
        self._pool.settle()

    def size(self) -> int:
        """Return how many bytes the tables of the store take, with their indexes."""
        row = self.execute(
            "SELECT sum(pg_total_relation_size(oid)) FROM pg_class"
            " WHERE relkind = 'r' AND relnamespace = ?::regnamespace::oid",
            (self.facts.quoted_schema,),
        ).fetchone()
        return int(row[0] or 0)

    def backup(self, path: str) -> None:
        """Raise an error: databases have a tool for this.

        Raises:
            EngineError: 400.
        """
        message = f"{self.name} is a database: back it up with pg_dump, and restore it with pg_restore."
        raise EngineError(400, "invalid_request", message, "path")

    def close(self) -> None:
        """Close the connections; blocks that are running keep theirs until they end."""
        self._pool.close()

    def before_fork(self, frame: FrameType) -> None:
        """Do nothing: what other threads are at goes on in the parent.

        Args:
            frame: The frame that forks.
        """

    def after_fork(self) -> None:
        """Leave the parent's connections to the parent, if this is a child."""
        if self._process != os.getpid():
            self._process = os.getpid()
            self._pool.leave_to_parent()

    def _block(self) -> _Block:
        block = self.current.block
        if not isinstance(block, _Block) or not block.is_connected:
            raise RuntimeError("a statement outside of read() and write()")
        return block

    def _single(self) -> _Single:
        return _Single(self._pool)


class Statement:
    """A statement, and its result once it has run."""

    __slots__ = ("_block", "cursor", "parameters", "sql")

    def __init__(self, block: _Block, sql: bytes, parameters: Sequence[Any]) -> None:
        self._block = block
        self.sql = sql
        self.parameters = parameters
        self.cursor: Optional[psycopg.Cursor[Any]] = None

    @property
    def rowcount(self) -> int:
        """How many rows it changed."""
        return self._ran().rowcount

    def fetchone(self) -> Any:
        """Return the next row, None if there is none."""
        return self._ran().fetchone()

    def fetchall(self) -> list[Any]:
        """Return all rows that are left."""
        return self._ran().fetchall()

    def __iter__(self) -> Iterator[Any]:
        return iter(self._ran())

    def _ran(self) -> psycopg.Cursor[Any]:
        if self.cursor is None:
            self._block.flush()
        if self.cursor is None:
            raise RuntimeError("the statement has not run: its transaction was rolled back")
        return self.cursor


class _Block(database.Block):
    """A read or a write."""

    def __init__(
        self,
        owner: Database,
        pool: Pool,
        begin: Sequence[str],
        deadline: Optional[float] = None,
        *,
        is_transaction: bool = True,
        is_write: bool = False,
    ) -> None:
        super().__init__(owner, is_write=is_write)
        self._pool = pool
        self._waiting = [Statement(self, sql.encode(), ()) for sql in begin]
        self._preface = len(begin)
        """How many statements wait before the first one of the block's own."""
        self._is_transaction = is_transaction
        self._has_begun = False
        self.is_last = False
        """Whether the next round trip ends a transaction that reads."""
        self._deadline = deadline
        self._process = os.getpid()
        self._slot: Optional[Slot] = None
        self._owner: Optional[Owner] = None
        self._connection: Optional[Connection] = None

    @property
    def is_connected(self) -> bool:
        """Whether it has a connection."""
        return self._connection is not None

    def add(self, sql: str, parameters: Sequence[Any]) -> Statement:
        """Add a statement."""
        statement = Statement(self, numbered(sql), parameters)
        self._waiting.append(statement)
        return statement

    def flush(self) -> None:
        """Run the statements that wait, in one round trip."""
        connection = self._connection
        if connection is None or self._process != os.getpid():
            raise busy("The process was forked within a transaction, which only its parent can go on with: try again.")
        waiting, self._waiting = self._waiting, []
        if self.is_last and self._is_transaction and not self.is_write:
            waiting.append(Statement(self, b"COMMIT", ()))
            self._is_transaction = False
        self._has_begun = self._has_begun or (self._is_transaction and bool(waiting))
        before = sys.exc_info()[1]
        try:
            if len(waiting) == 1:
                _run(connection, waiting[0])
                return
            with connection.pipeline():
                for statement in waiting:
                    _run(connection, statement)
        except psycopg.Error as error:
            interruption = interruption_of(error, before)
            if interruption is not None:
                raise interruption from interruption.__cause__
            raise

    def forget(self) -> None:
        """Leave out the statements that wait."""
        self._waiting.clear()

    def give_back(self) -> None:
        """Return the connection to the pool; without effect the second time."""
        owner, self._owner = self._owner, None
        self._connection = None
        if owner is not None and self._slot is not None:
            self._pool.give_back(self._slot, owner)

    def _begin(self, frame: FrameType) -> None:
        now = time.monotonic()
        deadline = now + _BUSY_SECONDS
        if self._deadline is not None:
            deadline = min(deadline, self._deadline)
        self._slot, self._owner = self._pool.take(frame, deadline)
        self._connection = self._slot.connection

    def _finish(self) -> None:
        if not self._is_transaction or not (self._has_begun or len(self._waiting) > self._preface):
            return
        commit = Statement(self, b"COMMIT", ())
        self._waiting.append(commit)
        self.flush()
        if commit.cursor is None or commit.cursor.statusmessage != "COMMIT":
            raise EngineError(500, "internal_error", "The database rolled a transaction back: try again.")

    def _end(self) -> None:
        self.give_back()

    def _translated(self, error: BaseException) -> Optional[EngineError]:
        if not isinstance(error, psycopg.Error):
            return None
        failure = translated(error)
        failure.__cause__ = presentable(error)
        return failure


class _Write(_Block):
    """A transaction that writes."""

    def __init__(self, owner: Database, pool: Pool, deadline: Optional[float], *, waits_for_disk: bool) -> None:
        super().__init__(owner, pool, [_WRITE], deadline, is_write=True)
        self._settings = _SETTINGS if waits_for_disk else _SETTINGS_WITHOUT_WAIT

    def _begin(self, frame: FrameType) -> None:
        super()._begin(frame)
        left = _BUSY_SECONDS if self._deadline is None else min(_BUSY_SECONDS, self._deadline - time.monotonic())
        self.add(self._settings, (f"{max(1, int(left * 1000))}ms",))
        self._preface = len(self._waiting)


class _Single:
    """A connection for `with`, for what is done before there are tables."""

    def __init__(self, pool: Pool) -> None:
        self._connection = pool.connect()

    def __enter__(self) -> Connection:
        return self._connection

    def __exit__(self, *error: object) -> None:
        self._connection.close()


@lru_cache(maxsize=1024)
def numbered(sql: str) -> bytes:
    """Return a statement with `$1`, `$2`, ... in place of its question marks."""
    parts = sql.split("?")
    return "".join(part if number == 0 else f"${number}{part}" for number, part in enumerate(parts)).encode()


def _run(connection: Connection, statement: Statement) -> None:
    cursor = connection.cursor()
    cursor.execute(statement.sql, statement.parameters)
    statement.cursor = cursor
