"""The retry policy: which failures are retried, after which delay, within which budget. No I/O and no clock."""

from __future__ import annotations

from typing import NamedTuple, Optional

RETRIED_STATUSES = frozenset({408, 429, 500, 502, 503, 504})
"""The statuses after which another attempt may succeed."""

STATUSES_BEFORE_THE_KEY = frozenset({401, 403, 408, 429})
"""The service sends these before it checks the idempotency key: they do not prove what an earlier attempt did."""

UNAVAILABLE_STATUSES = frozenset({502, 503, 504})
"""The statuses that say that the service is not there: they open the circuit breaker. Other responses close it."""


class Failure(NamedTuple):
    """The result of an attempt that did not succeed."""

    retryable: bool
    """Whether another attempt may succeed."""
    retry_after: Optional[float] = None
    """Seconds that the service asked to wait; None if it did not say."""


class RetryPolicy(NamedTuple):
    """The number of retries, and the delay before each."""

    max_retries: int
    """Attempts beyond the first."""
    initial_seconds: float = 0.5
    """The maximum delay before the second attempt; it doubles with each attempt."""
    cap_seconds: float = 8.0
    """The upper limit of the doubling delay."""
    max_retry_after_seconds: float = 60.0
    """The longest `Retry-After` that is obeyed; after a longer one, the call is not retried."""

    def delay(
        self, attempt: int, failure: Failure, *, jitter: float, remaining_seconds: Optional[float] = None
    ) -> Optional[float]:
        """Return the delay before the next attempt.

        Args:
            attempt: Attempts made so far, counted from 1.
            failure: The result of the last attempt.
            jitter: A random number from 0 to 1 that scales the delay, so that many clients do not retry all at once.
            remaining_seconds: The time left until the deadline of the call; None if it has none.

        Returns:
            Seconds to wait, never less than the service asked for; None to stop.
        """
        if not failure.retryable or attempt > self.max_retries:
            return None
        # 2.0 ** 1024 overflows; beyond 30 doublings the cap has long been reached.
        wait = jitter * min(self.cap_seconds, self.initial_seconds * 2.0 ** min(attempt - 1, 30))
        if failure.retry_after is not None:
            if failure.retry_after > self.max_retry_after_seconds:
                return None
            wait += failure.retry_after
        if remaining_seconds is not None and wait >= remaining_seconds:
            return None
        return wait


class RetryBudget:
    """A token bucket that limits retries, so that clients do not overload a service that is down.

    A retry takes `COST` tokens, a success returns one: a hundred retries in a row, then one retry per five successes.
    """

    CAPACITY = 500
    COST = 5

    def __init__(self) -> None:
        # No lock: after a fork, the child could inherit a locked one. A race of threads miscounts by one token.
        self._tokens = self.CAPACITY

    def take(self) -> bool:
        """Take the tokens of a retry. Returns False if there are not enough."""
        if self._tokens < self.COST:
            return False
        self._tokens -= self.COST
        return True

    def give_back(self) -> None:
        """Return one token after a success."""
        self._tokens = min(self.CAPACITY, self._tokens + 1)
