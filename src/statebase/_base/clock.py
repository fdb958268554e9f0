"""The clock of the clients. Tests pass in another one, so that they need not wait."""

from __future__ import annotations

import time
from datetime import datetime, timezone

import anyio


class Clock:
    """The system clock."""

    def now(self) -> datetime:
        """Return the current time in UTC."""
        return datetime.now(timezone.utc)

    def monotonic(self) -> float:
        """Return the seconds since a fixed point; this clock never goes backwards."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait, blocking the thread."""
        time.sleep(seconds)

    async def sleep_async(self, seconds: float) -> None:
        """Wait without blocking the event loop."""
        await anyio.sleep(seconds)
