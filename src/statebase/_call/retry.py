"""When to send a request again: a value and a budget, no I/O and no clock."""

from __future__ import annotations

from typing import NamedTuple, Optional

RETRIED_STATUSES = frozenset({408, 429, 500, 502, 503, 504})
"""Another attempt may succeed."""

STATUSES_BEFORE_THE_KEY = frozenset({401, 403, 408, 429})
"""The service sends these before it looks at the idempotency key: they do not tell what an earlier attempt did."""


class Failure(NamedTuple):
    """The result of an attempt that did not succeed."""

    retryable: bool
    """Whether this kind of failure may pass when tried again."""
    retry_after: Optional[float] = None
    """Seconds that the service asked to wait; None where it did not say."""


class RetryPolicy(NamedTuple):
    """The number of retries, and the delay before each."""

    max_retries: int
    """Attempts beyond the first."""
    initial_seconds: float = 0.5
    """The longest wait before the second attempt; it doubles with each further one."""
    cap_seconds: float = 8.0
    """The longest wait that grows from doubling."""
    patience_seconds: float = 60.0
    """The longest wait that the service may ask for."""

    def delay(
        self, attempt: int, failure: Failure, *, jitter: float, remaining_seconds: Optional[float] = None
    ) -> Optional[float]:
        """Return the delay before the next attempt.

        Args:
            attempt: Attempts made so far, counted from 1.
            failure: What came of the last one.
            jitter: A random number from 0 to 1: full jitter keeps clients that failed together from returning together.
            remaining_seconds: What is left until the call's deadline; None without one.

        Returns:
            Seconds to wait, never less than the service asked for; None to stop.
        """
        if not failure.retryable or attempt > self.max_retries:
            return None
        # 2.0 ** 1024 overflows; beyond 30 doublings the cap has long been reached.
        wait = jitter * min(self.cap_seconds, self.initial_seconds * 2.0 ** min(attempt - 1, 30))
        if failure.retry_after is not None:
            if failure.retry_after > self.patience_seconds:
                return None
            wait += failure.retry_after
        if remaining_seconds is not None and wait >= remaining_seconds:
            return None
        return wait


class RetryBudget:
    """A bucket of tokens that retries take from, so that clients do not storm a service that is down.

    Each retry takes `COST` tokens, each success gives one back: a hundred retries may follow each other, then one
    retry for five successes.
    """

    CAPACITY = 500
    COST = 5

    def __init__(self) -> None:
        # No lock: in the child of a fork, one may be held for ever. Threads that collide here miscount by a token.
        self._tokens = self.CAPACITY

    def take(self) -> bool:
        """Take what a retry costs, and say whether there was enough."""
        if self._tokens < self.COST:
            return False
        self._tokens -= self.COST
        return True

    def give_back(self) -> None:
        """Count a success."""
        self._tokens = min(self.CAPACITY, self._tokens + 1)
