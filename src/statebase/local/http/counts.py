"""Counts of requests by key, in windows of time."""

from __future__ import annotations

from typing import Protocol

from ..._base.locks import FrameLock


class Counts(Protocol):
    """Counts the requests of the newest window."""

    def add(self, window: int, key: str) -> int:
        """Count a request.

        Args:
            window: The number of the window; counts of an earlier window are forgotten.
            key: What the request is counted for.

        Returns:
            The number of requests of this key in the window, with this one.
        """
        ...


class ProcessCounts:
    """Counts the requests of one process, for any number of keys."""

    def __init__(self) -> None:
        self._window = 0
        self._counts: dict[str, int] = {}
        self._lock = FrameLock()

    def add(self, window: int, key: str) -> int:
        """Count a request; see `Counts.add`."""
        with self._lock.held():
            if is_over(self._window, window):
                self._window = window
                self._counts.clear()
            count = self._counts.get(key, 0) + 1
            self._counts[key] = count
        return count


def is_over(current: int, window: int) -> bool:
    """Return whether the counts of the current window are forgotten for a request of another one.

    Not for a request that is late by a moment: it is counted in the current window. But if the clock was set back, the
    current window is not one that time comes to soon.
    """
    return window > current or window < current - 1
