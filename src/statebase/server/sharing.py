"""Shares the connections to one socket evenly between the processes of a server."""

from __future__ import annotations

import mmap
import socket
import struct
import time

_COUNT = struct.Struct("=Q")
_PAUSE_SECONDS = 0.0005
_MOST_PAUSES = 10
_UNBALANCED_SECONDS = 0.2
"""How long a process accepts all that comes after another one left it a connection in spite of all pauses."""


class OpenConnections:
    """The number of open connections of each worker, in memory that this process shares with those it forks."""

    def __init__(self, workers: int) -> None:
        self._memory = mmap.mmap(-1, workers * _COUNT.size)
        self._offsets = range(0, workers * _COUNT.size, _COUNT.size)

    def share_of(self, worker: int) -> Share:
        """Return the share of a worker that begins to accept connections; `worker` is its number, from 1."""
        return Share(self._memory, self._offsets, self._offsets[worker - 1])


class Share:
    """The connections of one worker, and whether other workers have fewer. Only its event loop uses it."""

    def __init__(self, memory: mmap.mmap, offsets: range, own: int) -> None:
        self._memory = memory
        self._offsets = offsets
        self._own = own
        self._pauses = 0
        self._unbalanced_until = 0.0
        _COUNT.pack_into(memory, own, 0)

    def add(self, number: int) -> None:
        """Count connections that were opened, or closed if `number` is negative."""
        (count,) = _COUNT.unpack_from(self._memory, self._own)
        _COUNT.pack_into(self._memory, self._own, count + number)

    def leaves_to_others(self) -> bool:
        """Return whether to leave a connection to a worker that has fewer, after a pause in which it can accept it.

        The other worker may be busy or dead, so this ends after a few pauses.
        """
        counts = [_COUNT.unpack_from(self._memory, offset)[0] for offset in self._offsets]
        (own,) = _COUNT.unpack_from(self._memory, self._own)
        if own == min(counts) or time.monotonic() < self._unbalanced_until:
            self._pauses = 0
            return False
        self._pauses += 1
        if self._pauses > _MOST_PAUSES:
            self._pauses = 0
            self._unbalanced_until = time.monotonic() + _UNBALANCED_SECONDS
            return False
        time.sleep(_PAUSE_SECONDS)
        return True


class CountedSocket(socket.socket):
    """A connection that is counted until it is closed.

    Args:
        accepted: The socket to replace.
        share: Counts it.
    """

    def __init__(self, accepted: socket.socket, share: Share) -> None:
        super().__init__(accepted.family, accepted.type, accepted.proto, fileno=accepted.detach())
        self._share = share
        self._is_counted = True
        share.add(1)

    def close(self) -> None:
        """Close the socket."""
        super().close()
        if self._is_counted:
            self._is_counted = False
            self._share.add(-1)
