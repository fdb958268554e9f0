"""A clock for tests: it stands still until it is told to move, and no test waits for it."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta, timezone

import anyio

from .._base.clock import Clock

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
"""What a `FrozenClock` shows at first."""


class FrozenClock(Clock):
    """Stands still until it is advanced, set, or waited on; a wait takes no time and is written down.

    Called, it tells the time as the engine asks for it: `StateBase.local("agents.db", clock=FrozenClock())`.

    Args:
        start: What it shows at first, with a time zone.

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
    """Seconds of each wait, first to last."""

    def __init__(self, start: datetime = START) -> None:
        self.waits = []
        self._now = _aware(start)
        self._passed_seconds = 0.0
        self._lock = threading.Lock()

    def __call__(self) -> datetime:
        """Return the time of day, in UTC, as the engine asks for it."""
        return self._now

    def __repr__(self) -> str:
        return f"FrozenClock({self._now.isoformat()})"

    def now(self) -> datetime:
        """Return the time of day, in UTC."""
        return self._now

    def monotonic(self) -> float:
        """Return the seconds that have passed; putting the clock back takes none of them away."""
        return self._passed_seconds

    def sleep(self, seconds: float) -> None:
        """Write a wait down, and let its time pass at once."""
        with self._lock:
            self.waits.append(seconds)
            self._pass(timedelta(seconds=seconds), seconds)

    async def sleep_async(self, seconds: float) -> None:
        """Write a wait down, and let its time pass at once; other tasks have their turn."""
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
        """Let time pass; a negative time puts the clock back.

        Example:
            >>> from statebase.testing import FrozenClock
            >>> clock = FrozenClock()
            >>> clock.advance(hours=25)
        """
        duration = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds, microseconds=microseconds)
        with self._lock:
            self._pass(duration, duration.total_seconds())

    def set(self, moment: datetime) -> None:
        """Go to a moment.

        Args:
            moment: The moment, with a time zone; it may lie in the past.

        Raises:
            ValueError: It has no time zone.
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
