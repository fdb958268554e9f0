"""The circuit breaker: calls that fail fast do not wait for a service that did not answer the last call."""

from __future__ import annotations

from typing import NamedTuple, Optional

FIRST_PAUSE_SECONDS = 5.0
LONGEST_PAUSE_SECONDS = 60.0


class _Pause(NamedTuple):
    """The time in which calls are refused."""

    ends_at: float
    """Its end on the monotonic clock; the first call after it is a trial."""
    seconds: float
    trial: list[None]
    """One item: the call that removes it is the trial. `pop` is atomic, and needs no lock, which a fork could copy."""


class Breaker:
    """Closed while the service answers. A call that fails because the service does not answer opens it for 5 seconds.

    After that, one call is the trial (half-open), and others are refused for twice as long, up to 60 seconds. Any
    response closes the breaker. A trial that is interrupted delays the next one by a pause, and has no other effect.
    Times are seconds on the monotonic clock.
    """

    def __init__(self) -> None:
        self._pause: Optional[_Pause] = None

    def seconds_left(self, now: float) -> float:
        """Return the seconds until the next trial. 0: the call may be sent; if the breaker is open, it is the trial."""
        pause = self._pause
        if pause is None:
            return 0.0
        left = round(pause.ends_at - now, 6)  # a sum of times is not exact
        if left > 0:
            return left
        try:
            pause.trial.pop()
        except IndexError:  # another thread was faster
            return pause.seconds
        self._open(now, min(2 * pause.seconds, LONGEST_PAUSE_SECONDS))
        return 0.0

    def answered(self) -> None:
        """Close the breaker: the service has answered."""
        if self._pause is not None:
            self._pause = None

    def failed(self, now: float) -> None:
        """Open the breaker: the service has not answered a call. If it is open, the pause begins again."""
        pause = self._pause
        self._open(now, FIRST_PAUSE_SECONDS if pause is None else pause.seconds)

    @property
    def is_closed(self) -> bool:
        """Whether the service answered the last call."""
        return self._pause is None

    def _open(self, now: float, seconds: float) -> None:
        self._pause = _Pause(now + seconds, seconds, [None])
