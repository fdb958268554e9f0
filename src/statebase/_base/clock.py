"""Time, as the clients see it; another clock can be passed in, so that no test has to wait."""

from __future__ import annotations

import time
from datetime import datetime, timezone

import anyio


class Clock:
    """The time of the machine."""

    def now(self) -> datetime:
        """Return the time of day, in UTC."""
        return datetime.now(timezone.utc)

    def monotonic(self) -> float:
        """Return seconds from some fixed point; never goes back."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait, holding up the thread."""
        time.sleep(seconds)

    async def sleep_async(self, seconds: float) -> None:
        """Wait, leaving the event loop free."""
        await anyio.sleep(seconds)
