"""A FrozenClock moves when it is told to, and for those who wait on it."""

from __future__ import annotations

import asyncio
import sys
import threading
from datetime import datetime, timedelta, timezone

import pytest

from statebase.testing import FrozenClock

NOON = datetime(2030, 5, 6, 12, tzinfo=timezone.utc)


def test_stands_still() -> None:
    """It shows the same fixed time to clients and engine."""
    clock = FrozenClock()

    assert clock() == clock.now() == datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
    assert clock.monotonic() == 0


def test_starts_where_it_is_told() -> None:
    """A start in any time zone is the same moment in UTC."""
    clock = FrozenClock(NOON.astimezone(timezone(timedelta(hours=5))))

    assert clock.now() == NOON
    assert clock.now().tzinfo is timezone.utc


def test_advances() -> None:
    """Advances add up, and count as elapsed time."""
    clock = FrozenClock(NOON)

    clock.advance(days=1, hours=2, minutes=3, seconds=4, microseconds=5)

    assert clock.now() == NOON + timedelta(days=1, hours=2, minutes=3, seconds=4, microseconds=5)
    assert clock.monotonic() == pytest.approx(93784.000005)
    assert clock.waits == []


def test_is_set() -> None:
    """It goes to a moment, and the time until then has passed."""
    clock = FrozenClock(NOON)

    clock.set(NOON + timedelta(minutes=1))

    assert clock.now() == NOON + timedelta(minutes=1)
    assert clock.monotonic() == 60


def test_is_put_back() -> None:
    """The time of day goes back; what has passed has passed."""
    clock = FrozenClock(NOON)

    clock.advance(seconds=10)
    clock.advance(seconds=-4)
    clock.set(NOON)

    assert clock.now() == NOON
    assert clock.monotonic() == 10


@pytest.mark.parametrize("flavour", ["sync", "async"])
def test_waits_take_no_time(flavour: str) -> None:
    """A wait is written down, and its time is over."""
    clock = FrozenClock(NOON)

    for seconds in (3600.0, 0.25):
        if flavour == "sync":
            clock.sleep(seconds)
        else:
            asyncio.run(clock.sleep_async(seconds))

    assert clock.waits == [3600, 0.25]
    assert clock.now() == NOON + timedelta(seconds=3600.25)
    assert clock.monotonic() == 3600.25


def test_async_wait_lets_others_run() -> None:
    """Tasks take turns while they wait, as they do on a real clock."""
    clock, order = FrozenClock(), list[str]()

    async def wait(name: str) -> None:
        for _ in range(2):
            await clock.sleep_async(1)
            order.append(name)

    async def main() -> None:
        await asyncio.gather(wait("a"), wait("b"))

    asyncio.run(main())

    assert order == ["a", "b", "a", "b"]


def test_threads_lose_no_time() -> None:
    """Threads that wait at once all have their time counted."""
    clock, interval = FrozenClock(NOON), sys.getswitchinterval()
    threads = [threading.Thread(target=lambda: [clock.sleep(1) for _ in range(2000)]) for _ in range(4)]

    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)

    assert len(clock.waits) == 8000
    assert clock.monotonic() == 8000
    assert clock.now() == NOON + timedelta(seconds=8000)


def test_refuses_a_time_without_a_zone() -> None:
    """A naive datetime is refused, and the message says what to pass."""
    with pytest.raises(ValueError, match=r"datetime\(2030, 5, 6, 0, 0\) has no time zone: pass .*timezone\.utc"):
        FrozenClock(datetime(2030, 5, 6))
    with pytest.raises(ValueError, match="has no time zone"):
        FrozenClock().set(datetime(2030, 5, 6))


def test_shows_its_time() -> None:
    """Its repr says what time it is."""
    assert repr(FrozenClock(NOON)) == "FrozenClock(2030-05-06T12:00:00+00:00)"
