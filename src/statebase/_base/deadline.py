"""Timeouts that shrink while a call runs: what a socket may wait for is counted anew for each wait."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING, Callable, List, Optional, TypeVar

if TYPE_CHECKING:
    from .clock import Clock

T = TypeVar("T")

_SHORTEST_SECONDS = 0.001  # a socket takes 0 for "do not block"


class TimeLeft(float):
    """A timeout in seconds that ends with a deadline.

    HTTP libraries read a timeout once and use it for many waits. As a number, this is what was left when it was made;
    `seconds_left` returns what is left now.
    """

    __slots__ = ("_clock", "_deadline_at", "_timeout")

    _clock: Clock
    _deadline_at: float
    _timeout: Optional[float]

    def __new__(cls, timeout: Optional[float], deadline_at: float, clock: Clock) -> TimeLeft:
        """Make a timeout.

        Args:
            timeout: Seconds that one wait may take. None: as long as the deadline allows.
            deadline_at: When the last wait ends, on the clock that only goes forward.
            clock: Tells the time.
        """
        self = super().__new__(cls, max(_shorter(timeout, deadline_at - clock.monotonic()), _SHORTEST_SECONDS))
        self._timeout = timeout
        self._deadline_at = deadline_at
        self._clock = clock
        return self

    def count(self) -> float:
        """Return the seconds that a wait may take which begins now; 0 or less after the deadline."""
        return _shorter(self._timeout, self._deadline_at - self._clock.monotonic())


def seconds_left(timeout: Optional[float]) -> Optional[float]:
    """Return the seconds that a wait of a socket may take which begins now; None for no limit.

    Raises:
        socket.timeout: The deadline has passed. A socket that always has something to read would never notice.
    """
    if not isinstance(timeout, TimeLeft):
        return timeout
    left = timeout.count()
    if left <= 0:
        raise socket.timeout("the deadline has passed")
    return left


def _shorter(timeout: Optional[float], left: float) -> float:
    return left if timeout is None else min(timeout, left)


def within(seconds: float, work: Callable[[], T]) -> T:
    """Do something that has no time limit of its own, such as asking for an address.

    Work that exceeds the limit continues in a daemon thread.

    Raises:
        TimeoutError: It is not done in time.
        Exception: What the work raises.
    """
    results: List[T] = []
    errors: List[Exception] = []

    def run() -> None:
        try:
            results.append(work())
        except Exception as error:
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if errors:
        raise errors[0]
    if not results:
        raise TimeoutError(f"not done in {seconds:g} seconds")
    return results[0]
