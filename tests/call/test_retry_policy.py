"""The retry policy is a value: from what happened to how long to wait, or to stop."""

from __future__ import annotations

from typing import Optional

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statebase._call.retry import Failure, RetryBudget, RetryPolicy

PASSING = Failure(retryable=True)


@pytest.mark.parametrize(
    ("attempt", "jitter", "seconds"),
    [(1, 1, 0.5), (2, 1, 1), (3, 1, 2), (4, 1, 4), (5, 1, 8), (6, 1, 8), (2000, 1, 8), (3, 0.25, 0.5), (3, 0, 0)],
)
def test_waits_double_up_to_a_cap(attempt: int, jitter: float, seconds: float) -> None:
    """Half a second, then twice as long each time up to eight, and of that a random part."""
    assert RetryPolicy(max_retries=5000).delay(attempt, PASSING, jitter=jitter) == seconds


@pytest.mark.parametrize(
    ("max_retries", "attempt", "goes_on"),
    [(0, 1, False), (1, 1, True), (1, 2, False), (2, 2, True), (2, 3, False), (5, 5, True), (5, 6, False)],
)
def test_retries_are_counted_beyond_the_first_attempt(max_retries: int, attempt: int, goes_on: bool) -> None:
    """max_retries=2 means three attempts."""
    assert (RetryPolicy(max_retries).delay(attempt, PASSING, jitter=0) is not None) == goes_on


def test_what_will_not_pass_is_not_tried_again() -> None:
    """A failure that another attempt would meet again stops at once."""
    assert RetryPolicy(max_retries=5).delay(1, Failure(retryable=False, retry_after=1), jitter=0) is None


@pytest.mark.parametrize(
    ("asked", "jitter", "seconds"), [(0, 0, 0), (3, 0, 3), (3, 1, 3.5), (60, 0, 60), (60.1, 0, None)]
)
def test_service_says_how_long_at_least(asked: float, jitter: float, seconds: Optional[float]) -> None:
    """The wait that the service asked for is kept, plus a little; over a minute, the caller decides."""
    assert RetryPolicy(max_retries=1).delay(1, Failure(True, asked), jitter=jitter) == seconds


@pytest.mark.parametrize(
    ("remaining", "goes_on"), [(None, True), (3.1, True), (3, False), (2, False), (0, False), (-1, False)]
)
def test_wait_beyond_the_deadline_is_not_begun(remaining: Optional[float], goes_on: bool) -> None:
    """If no time would be left for another attempt, the call ends now."""
    delay = RetryPolicy(max_retries=1).delay(1, Failure(True, 3), jitter=0, remaining_seconds=remaining)

    assert (delay is not None) == goes_on


@given(
    st.integers(0, 10),
    st.integers(1, 12),
    st.one_of(st.none(), st.floats(0, 100)),
    st.floats(0, 1),
    st.one_of(st.none(), st.floats(-10, 100)),
)
def test_delay_keeps_its_promises(
    max_retries: int, attempt: int, asked: Optional[float], jitter: float, remaining: Optional[float]
) -> None:
    """Never more attempts than allowed, never earlier than asked, never past the deadline."""
    policy = RetryPolicy(max_retries)

    delay = policy.delay(attempt, Failure(True, asked), jitter=jitter, remaining_seconds=remaining)

    if delay is None:
        return
    assert attempt <= max_retries
    assert delay >= (asked or 0)
    assert delay <= (asked or 0) + policy.cap_seconds
    assert remaining is None or delay < remaining


def test_budget_ends_a_storm_of_retries() -> None:
    """A hundred retries may follow each other; then there is one for each five successes."""
    budget = RetryBudget()
    at_first = sum(budget.take() for _ in range(200))
    later = []
    for _ in range(10):
        budget.give_back()
        later.append(budget.take())

    assert at_first == 100
    assert later == [False, False, False, False, True] * 2


def test_budget_does_not_grow_beyond_its_size() -> None:
    """A long time of success buys no longer storm."""
    budget = RetryBudget()
    for _ in range(1000):
        budget.give_back()

    assert sum(budget.take() for _ in range(200)) == 100
