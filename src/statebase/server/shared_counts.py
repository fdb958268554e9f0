"""Counts of requests that the workers of one server share, so that a rate limit holds over all of them. POSIX only."""

from __future__ import annotations

import fcntl
import hashlib
import mmap
import os
import struct
import sys
import tempfile
from typing import IO

from .._base.locks import FrameLock
from ..local.http.counts import is_over

_SLOTS = 16_384
_PROBES = 64
_WINDOW = struct.Struct("=Q")
_SLOT = struct.Struct("=QQ")
"""The digest of a key, not 0, and its count."""


def _shared_file() -> IO[bytes]:
    """Return a file without a name, in memory where the system can do that."""
    if sys.platform == "linux":
        return os.fdopen(os.memfd_create("statebase-rate-limit"), "r+b")
    return tempfile.TemporaryFile()


class SharedCounts:
    """Counts the requests of a process and of those that it forks afterwards.

    The counts are in memory that the processes share, in a fixed number of slots. A lock of the operating system, which
    a killed process does not keep, lets one process at a time count. Only if more than about 10,000 keys are used
    in one window, two keys may share a count.
    """

    def __init__(self) -> None:
        self._file = _shared_file()
        self._file.truncate(_WINDOW.size + _SLOTS * _SLOT.size)
        self._memory = mmap.mmap(self._file.fileno(), 0)
        self._lock = FrameLock()

    def add(self, window: int, key: str) -> int:
        """Count a request; see `Counts.add`."""
        # POSIX locks are the process's: its threads take turns by a lock of their own.
        with self._lock.held():
            fcntl.lockf(self._file, fcntl.LOCK_EX)
            try:
                return self._add(window, key)
            finally:
                fcntl.lockf(self._file, fcntl.LOCK_UN)

    def close(self) -> None:
        """Release the memory; the processes that were forked keep theirs."""
        self._memory.close()
        self._file.close()

    def _add(self, window: int, key: str) -> int:
        (current,) = _WINDOW.unpack_from(self._memory)
        if is_over(current, window):
            self._memory[_WINDOW.size :] = bytes(_SLOTS * _SLOT.size)
            # Last: a process that is killed before it leaves the old window, and the next one clears again.
            _WINDOW.pack_into(self._memory, 0, window)
        digest = int.from_bytes(hashlib.blake2b(key.encode(), digest_size=_WINDOW.size).digest(), "little") or 1
        offset = 0
        for probe in range(_PROBES):
            offset = _WINDOW.size + (digest + probe) % _SLOTS * _SLOT.size
            found, count = _SLOT.unpack_from(self._memory, offset)
            if found in (0, digest):
                _SLOT.pack_into(self._memory, offset, digest, count + 1)
                return int(count) + 1
        found, count = _SLOT.unpack_from(self._memory, offset)
        _SLOT.pack_into(self._memory, offset, found, count + 1)
        return int(count) + 1
