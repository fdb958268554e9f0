"""A frozen clock for tests: it moves only when told to, and waits take no time."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta, timezone

import anyio

from .._base.clock import Clock

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
"""The initial time of a `FrozenClock`."""


class FrozenClock(Clock):
    """A clock that moves only by `advance`, `set` and waits; a wait takes no time and is recorded.

    It can be called, as the engine does: `StateBase.local("agents.db", clock=FrozenClock())`.

    Args:
        start: The initial time, with a time zone.

    Raises:
        ValueError: `start` has no time zone.

    Example:
        >>> from statebase.testing import FrozenClock, local_client
        >>> clock = FrozenClock()
        >>> with local_client(clock=clock) as client:
        ...     session = client.sessions.create("support-bot", ttl_seconds=3600)
        ...     clock.advance(hours=2)
        ...     client.sessions.list().data
        []
    """

    waits: list[float]
    """The seconds of each wait, in order."""

    def __init__(self, start: datetime = START) -> None:
        self.waits = []
        self._now = _aware(start)
        self._passed_seconds = 0.0
        self._lock = threading.Lock()

    def __call__(self) -> datetime:
        """Return the time in UTC; the engine calls it."""
        return self._now

    def __repr__(self) -> str:
        return f"FrozenClock({self._now.isoformat()})"

    def now(self) -> datetime:
        """Return the time in UTC."""
        return self._now

    def monotonic(self) -> float:
        """Return the seconds that have passed; setting the clock back does not reduce them."""
        return self._passed_seconds

    def sleep(self, seconds: float) -> None:
        """Record a wait, and advance the clock by it."""
        with self._lock:
            self.waits.append(seconds)
            self._pass(timedelta(seconds=seconds), seconds)

    async def sleep_async(self, seconds: float) -> None:
        """Record a wait, and advance the clock by it; other tasks get to run."""
        self.sleep(seconds)
        await anyio.sleep(0)

    def advance(
        self,
        *,
        days: float = 0,
        hours: float = 0,
        minutes: float = 0,
        seconds: float = 0,
        microseconds: float = 0,
    ) -> None:
        """Advance the clock; a negative duration sets it back.

        Example:
            >>> from statebase.testing import FrozenClock
            >>> clock = FrozenClock()
            >>> clock.advance(hours=25)
        """
        duration = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds, microseconds=microseconds)
        with self._lock:
            self._pass(duration, duration.total_seconds())

    def set(self, moment: datetime) -> None:
        """Set the clock.

        Args:
            moment: The new time, with a time zone; it may be earlier.

        Raises:
            ValueError: `moment` has no time zone.
        """
        with self._lock:
            duration = _aware(moment) - self._now
            self._pass(duration, duration.total_seconds())

    def _pass(self, duration: timedelta, seconds: float) -> None:
        self._now += duration
        self._passed_seconds += max(seconds, 0)


def _aware(moment: datetime) -> datetime:
    if not isinstance(moment, datetime):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ValueError(f"the time of a FrozenClock must be a datetime, got {type(moment).__name__}")
    if moment.tzinfo is None:
        raise ValueError(f"{moment!r} has no time zone: pass datetime(..., tzinfo=timezone.utc)")
    return moment.astimezone(timezone.utc)
