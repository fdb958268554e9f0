"""The connections of a process to its database.

A pool of our own, not psycopg-pool: of that, a connection is lost for good if the handler of a signal raises between
`getconn` and the block that returns it, and its threads do not survive a fork. Here a connection stands in a slot with
a lock that belongs to the frame that uses it; the next frame to get the slot of one that was interrupted rolls back.
"""

from __future__ import annotations

import contextlib
import os
import select
import sys
import threading
import time
from types import FrameType
from typing import Any, Optional

import psycopg
from psycopg import pq

from ...._base.locks import FrameLock, Owner, calling_frame
from ...errors import EngineError, busy
from ..location import Location
from .errors import connection_failed, interruption_of

MOST = 16
"""Connections of a process at most: a server allows 100 unless it is told otherwise, and several processes share it."""
_LOOK_SECONDS = 0.05
_CANCEL_SECONDS = 2.0

Connection = psycopg.Connection[Any]


class Slot:
    """A place for a connection, and who uses it."""

    def __init__(self) -> None:
        self.lock = FrameLock()
        self.connection: Optional[Connection] = None
        self.process = 0
        """The process that made the connection."""

    def clean(self) -> None:
        """Roll back what is left of a transaction; a connection that cannot do so is closed."""
        connection = self.connection
        if connection is None:
            return
        if self.process != os.getpid():
            self.connection = None
            _leave_to_parent(connection)
        elif not _rolled_back(connection):
            self.connection = None
            _discard(connection)

    @property
    def is_usable(self) -> bool:
        """Whether the connection is there, and the server has not closed it."""
        return self.connection is not None and not _has_something_to_say(self.connection)


class Pool:
    """At most `MOST` connections, made when they are needed. Those who wait for one get it in order.

    Args:
        location: The database.
    """

    def __init__(self, location: Location) -> None:
        self._location = location
        self._slots = [Slot() for _ in range(MOST)]
        self._queue = FrameLock()
        self._wake = threading.Lock()
        """Released to wake the first who waits."""
        self._closed = False

    def take(self, frame: FrameType, deadline: float) -> tuple[Slot, Owner]:
        """Wait for a slot, and connect it.

        Args:
            frame: The frame that is to have it.
            deadline: The `time.monotonic()` at which to give up.

        Raises:
            EngineError: 503, if no connection became free, or none could be made.
        """
        slot, owner = self._taken(frame, deadline)
        try:
            if self._closed:
                raise EngineError(503, "service_unavailable", "The engine is closed: open it again.")
            slot.clean()
            if not slot.is_usable:
                broken, slot.connection = slot.connection, None
                if broken is not None:
                    _discard(broken)
                slot.connection = self.connect()
                slot.process = os.getpid()
            return slot, owner
        except BaseException:
            self.give_back(slot, owner)
            raise

    def give_back(self, slot: Slot, owner: Owner) -> None:
        """Return a slot to the pool, without what was not committed."""
        try:
            slot.clean()
            if self._closed and slot.connection is not None:
                connection, slot.connection = slot.connection, None
                connection.close()
        finally:
            slot.lock.release(owner)
            # Not suppress(), whose __exit__ the handler of a signal could interrupt, with the RuntimeError under way.
            if self._wake.locked():
                try:  # noqa: SIM105
                    self._wake.release()
                except RuntimeError:
                    pass  # another thread has released it meanwhile

    def settle(self) -> None:
        """Clean what frames of this thread have left that were interrupted before they could."""
        for slot in self._slots:
            if slot.lock.was_abandoned_here():
                owner = slot.lock.acquire(calling_frame(), time.monotonic())
                if owner is not None:
                    self.give_back(slot, owner)

    def close(self) -> None:
        """Close the connections that are not in use; the others are closed when they are given back."""
        self._closed = True
        for slot in self._slots:
            owner = slot.lock.acquire(calling_frame(), time.monotonic())
            if owner is not None:
                self.give_back(slot, owner)

    def leave_to_parent(self) -> None:
        """Leave the parent's connections to the parent."""
        for slot in self._slots:
            connection, slot.connection = slot.connection, None
            if connection is not None:
                _leave_to_parent(connection)

    def connect(self) -> Connection:
        """Make a connection.

        Raises:
            EngineError: 503, if that fails.
        """
        before = sys.exc_info()[1]
        try:
            # prepare_threshold: pgbouncer in transaction mode gives each transaction another session.
            return psycopg.connect(
                **self._location.parameters,
                autocommit=True,
                prepare_threshold=None,
                cursor_factory=psycopg.RawCursor,
            )
        except psycopg.Error as error:
            failure: BaseException = interruption_of(error, before) or connection_failed(error, self._location.name)
        raise failure

    def _taken(self, frame: FrameType, deadline: float) -> tuple[Slot, Owner]:
        queue = self._queue.acquire(calling_frame(-1), deadline)
        if queue is None:
            raise _none_free()
        try:
            looks = True
            while True:
                for slot in self._slots:
                    # Looking at the stack of a frame takes long, and few of those that use a slot were interrupted.
                    if slot.lock.is_free or looks:
                        owner = slot.lock.acquire(frame, time.monotonic())
                        if owner is not None:
                            return slot, owner
                left = min(_LOOK_SECONDS, deadline - time.monotonic())
                if left <= 0:
                    raise _none_free()
                looks = not self._wake.acquire(timeout=left)
        finally:
            self._queue.release(queue)


def _none_free() -> EngineError:
    return busy(f"All {MOST} connections to the database are in use: try again.")


def _has_something_to_say(connection: Connection) -> bool:
    """Return whether a connection is closed, or has news although nothing was asked: that the server closes it."""
    if connection.closed:
        return True
    descriptor = connection.fileno()
    if hasattr(select, "poll"):
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        return bool(poll.poll(0))
    return bool(select.select([descriptor], [], [], 0)[0])


def _rolled_back(connection: Connection) -> bool:
    """End a transaction if there is one; return whether that worked."""
    link = connection.pgconn
    if link.status != pq.ConnStatus.OK or link.pipeline_status != pq.PipelineStatus.OFF:
        return False
    if connection.lock.locked():
        return False  # by a call that was interrupted: whoever used the connection would wait for it without end
    status = link.transaction_status
    if status == pq.TransactionStatus.IDLE:
        return True
    if status not in (pq.TransactionStatus.INTRANS, pq.TransactionStatus.INERROR):
        return False
    try:
        connection.execute("ROLLBACK")
    except psycopg.Error:
        return False
    return True


def _discard(connection: Connection) -> None:
    """Close a connection; the statement that it may be at is cancelled first, so that it holds no lock."""
    if connection.pgconn.status == pq.ConnStatus.OK:
        with contextlib.suppress(psycopg.Error):
            connection.cancel_safe(timeout=_CANCEL_SECONDS)
    with contextlib.suppress(psycopg.Error):
        connection.close()


def _leave_to_parent(connection: Connection) -> None:
    """Close this process's copy of the socket, without a word to the server: the parent goes on with it."""
    with contextlib.suppress(psycopg.Error, OSError):
        os.close(connection.fileno())
