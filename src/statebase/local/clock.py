"""The time of the engine: integer microseconds since 1970, in UTC."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any, Callable

Clock = Callable[[], datetime]
"""Returns the current time as an aware datetime; the engine has no other source of time."""

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MICROSECOND = timedelta(microseconds=1)


def machine_clock() -> datetime:
    """Return the time of the system clock."""
    return datetime.now(timezone.utc)


def read(clock: Clock) -> int:
    """Read a clock, in microseconds since 1970.

    Raises:
        TypeError: The clock did not return an aware datetime.
    """
    moment: Any = clock()
    if not isinstance(moment, datetime) or moment.utcoffset() is None:
        kind = "a naive datetime" if isinstance(moment, datetime) else type(moment).__name__
        raise TypeError(f"clock must return an aware datetime, got {kind}: use datetime.now(timezone.utc).")
    return to_microseconds(moment)


def to_microseconds(moment: datetime) -> int:
    """Return an aware datetime as microseconds since 1970."""
    return (moment - _EPOCH) // _MICROSECOND


def to_datetime(microseconds: int) -> datetime:
    """Return microseconds since 1970 as a datetime in UTC."""
    return _EPOCH + timedelta(microseconds=microseconds)


def to_text(microseconds: int) -> str:
    """Return microseconds since 1970 as RFC 3339 text in UTC, the format of responses."""
    text = to_datetime(microseconds).isoformat(timespec="microseconds")
    return text.replace("+00:00", "Z")
