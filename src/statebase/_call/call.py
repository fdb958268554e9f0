"""One logical call: its requests, and the decision after each attempt: success, retry or error.

A call does no I/O. Both clients drive it in the same way: send `next_request()`, pass the result to `answered()` or
`failed()`, and wait for the returned delay.
"""

from __future__ import annotations

import random
from datetime import datetime
from typing import Any, Iterator, Mapping, NamedTuple, Optional

from .._base.clock import Clock
from .._base.deadline import TimeLeft
from .._base.errors import Attempt, Outcome, Phase, ResponseTooLargeError, StateBaseError
from .._base.exchange import Reply, Request
from .._base.lazy import http_errors
from .._base.operation import Operation
from .breaker import Breaker
from .hooks import AttemptEnded, AttemptStarted, EventHooks
from .log_lines import log_attempt, wants_log_lines
from .outcome import (
    DeadlineExceeded,
    Wire,
    describe,
    is_timeout,
    may_pass,
    not_of_connection,
    phase_of,
    says_unavailable,
    what_to_do,
    without_library_frames,
    without_secrets,
)
from .response import invalid_response_error, retry_after, status_error, too_large_error
from .retry import (
    RETRIED_STATUSES,
    STATUSES_BEFORE_THE_KEY,
    UNAVAILABLE_STATUSES,
    Failure,
    RetryBudget,
    RetryPolicy,
)
from .settings import Secret

_POOL = Wire()
_CREDENTIALS = (b"x-api-key", b"authorization", b"cookie")


class Service(NamedTuple):
    """The address of the service."""

    origin: str
    """Scheme, host and port: `https://api.statebase.org`."""
    peer: str
    """Host and port, as in error messages and in the header Host."""


class PreparedRequest(NamedTuple):
    """The parts of a request that are the same in every attempt of a call."""

    service: Service
    path: str
    """The path, including that of the base URL, percent-encoded."""
    query: str
    headers: list[tuple[bytes, bytes]]
    """All headers except the API key, so that the repr of a prepared request does not contain it."""
    api_key: Optional[Secret]
    """The API key; None if the options of the call contain the header."""
    content: bytes
    timeouts: Mapping[str, Optional[float]]
    """The timeout in seconds of each of httpx's phases: connect, read, write, pool."""
    idempotency_key: Optional[str]

    @property
    def url(self) -> str:
        """The URL without the query, which may contain user content."""
        return self.service.origin + self.path

    def all_headers(self) -> list[tuple[bytes, bytes]]:
        """Return the headers of an attempt, including the API key."""
        if self.api_key is None:
            return self.headers
        return [*self.headers, (b"x-api-key", self.api_key.reveal().encode())]


class Call:
    """The attempts of one call, and their overall result."""

    _attempt_began: float
    """The start of the attempt on the monotonic clock; `_attempt_began_at` is the time in UTC."""
    _attempt_began_at: datetime

    def __init__(
        self,
        operation: Operation[Any],
        prepared: PreparedRequest,
        *,
        policy: RetryPolicy,
        budget: RetryBudget,
        breaker: Breaker,
        clock: Clock,
        fails_fast: bool = False,
        deadline: Optional[float] = None,
        max_response_bytes: Optional[int] = None,
        hooks: Optional[EventHooks] = None,
        wire: Wire = _POOL,
    ) -> None:
        self.operation = operation
        self.idempotency_key = prepared.idempotency_key
        self.max_response_bytes = max_response_bytes
        self.fails_fast = fails_fast
        """Whether it is refused while the circuit breaker is open."""
        self._prepared = prepared
        self._policy = policy
        self._budget = budget
        self._breaker = breaker
        self._clock = clock
        self._hooks = hooks
        self._wire = wire
        self._deadline_at = None if deadline is None else clock.monotonic() + deadline
        self._endings: list[_Ending] = []
        self._may_have_happened = False
        self._is_trial = False

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """Every attempt so far, first to last."""
        return tuple(map(_attempt, self._endings))

    @property
    def reply_key(self) -> tuple[str, int]:
        """The path, and a hash of the credentials: calls with equal ones may see each other's replies."""
        credentials = [value for name, value in self._prepared.all_headers() if name in _CREDENTIALS]
        return self._prepared.path, hash(tuple(credentials))

    def remaining_seconds(self) -> Optional[float]:
        """Return the seconds left until the deadline; None if there is no deadline."""
        return None if self._deadline_at is None else self._deadline_at - self._clock.monotonic()

    def check_deadline(self) -> None:
        """Check that the deadline has not passed.

        Raises:
            DeadlineExceeded: The deadline has passed.
        """
        remaining = self.remaining_seconds()
        if remaining is not None and remaining <= 0:
            raise DeadlineExceeded

    def check_breaker(self) -> None:
        """Refuse the call if it fails fast, and the service did not answer the last one.

        Raises:
            CircuitOpenError: The circuit breaker is open.
        """
        if self._breaker.is_closed or not self.fails_fast:
            return
        left = self._breaker.seconds_left(self._clock.monotonic())
        if left > 0:
            error = http_errors.CircuitOpenError(
                f"Not sent: {self._prepared.service.peer} did not answer an earlier call. The next one is sent in "
                f"{left:.1f} seconds.",
                method=self.operation.method,
                url=self._prepared.url,
                retry_after=left,
            )
            raise self.complete(error)
        self._is_trial = True

    def next_request(self) -> Request:
        """Return the request of the next attempt."""
        for hook in (self._hooks or {}).get("attempt_started", ()):
            hook(self._started())
        self._attempt_began = self._clock.monotonic()
        self._attempt_began_at = self._clock.now()
        prepared = self._prepared
        return Request(
            self.operation.method,
            f"{prepared.path}?{prepared.query}" if prepared.query else prepared.path,
            prepared.all_headers(),
            prepared.content,
            timeouts=self._timeouts(),
            max_response_bytes=self.max_response_bytes,
            check_deadline=self.check_deadline,
        )

    def answered(self, reply: Reply) -> Optional[float]:
        """Process a complete response.

        Returns:
            None if the call has succeeded, else the delay before the next attempt, in seconds.

        Raises:
            APIStatusError: The service returned an error status, and the call is not retried.
            APIResponseValidationError: The response is a redirect, which the API does not use.
            ResponseTooLargeError: The body is larger than `max_response_bytes`.
        """
        status = reply.status_code
        if status not in UNAVAILABLE_STATUSES:
            self._breaker.answered()
        if reply.is_too_large:
            self._ended("receive", reply=reply, error=ResponseTooLargeError.__name__)
            raise self.complete(too_large_error(reply, self.max_response_bytes))
        lost_delete = status == 404 and self.operation.method == "DELETE" and self._may_have_happened
        if 200 <= status < 300 or lost_delete:
            self._ended("answer", reply=reply)
            self._budget.give_back()
            return None
        if status < 400:
            self._ended("answer", reply=reply)
            target = reply.headers.get("location", "nowhere").partition("?")[0]  # a query may contain user content
            raise self.complete(invalid_response_error(reply, f"is an unexpected redirect, {status} to {target!r}"))
        now = self._clock.now()
        delay = self._delay(Failure(status in RETRIED_STATUSES, retry_after(reply, now)))
        self._ended("answer", reply=reply, retry_in_seconds=delay)
        self._may_have_happened = self._may_have_happened or status >= 500
        if delay is None:
            if status in UNAVAILABLE_STATUSES:
                self._breaker.failed(self._clock.monotonic())
            raise self.complete(status_error(self.operation, self._prepared.url, reply, now))
        return delay

    def failed(self, error: Exception, request: Request) -> float:
        """Process an attempt that raised an exception.

        Args:
            error: The exception.
            request: The request of the attempt.

        Returns:
            The delay before the next attempt, in seconds.

        Raises:
            APIConnectionError: The call is not retried.
            APITimeoutError: The call is not retried, and the last attempt timed out.
            Exception: The exception did not come from the connection; it is raised unchanged.
        """
        without_secrets(error)  # first, since an event hook may raise an error that has this one as its context
        other = not_of_connection(error, self._wire)
        if other is not None:
            context = other.__context__
            try:
                raise other
            finally:
                other.__context__ = context
        without_library_frames(error)
        phase = phase_of(error, self._wire, body_was_used=request.body_was_used)
        delay = self._delay(Failure(may_pass(error)))
        self._ended(phase, error=type(error).__name__, retry_in_seconds=delay)
        self._may_have_happened = self._may_have_happened or phase != "connect"
        if delay is not None:
            return delay
        if says_unavailable(error):
            self._breaker.failed(self._clock.monotonic())
        kind = http_errors.APITimeoutError if is_timeout(error) else http_errors.APIConnectionError
        remaining = self.remaining_seconds()
        too_late = kind is http_errors.APITimeoutError and remaining is not None and remaining <= 0
        reason = DeadlineExceeded() if too_late else error
        failure = kind(
            describe(reason, self._prepared.service.peer, proxy=self._wire.proxy, phase=phase),
            method=self.operation.method,
            url=self._prepared.url,
        )
        raise self.complete(failure) from error

    def complete(self, error: StateBaseError) -> StateBaseError:
        """Add the attempts, the idempotency key, the outcome and the hint of the call to an error."""
        error.attempts = self.attempts
        error.idempotency_key = self.idempotency_key
        error.outcome = self._outcome(error.status_code)
        error.hint = what_to_do(self.operation.retry, error.outcome, error.idempotency_key, error.status_code)
        return error

    def _outcome(self, status_code: Optional[int]) -> Outcome:
        if status_code is None:
            return "unknown" if self._may_have_happened else "not_sent"
        if not 400 <= status_code < 500:
            return "unknown"
        retry = self.operation.retry
        judged = retry == "safe" or (retry == "keyed" and status_code not in STATUSES_BEFORE_THE_KEY)
        return "unknown" if self._may_have_happened and not judged else "rejected"

    def _delay(self, failure: Failure) -> Optional[float]:
        delay = self._policy.delay(
            len(self._endings) + 1,
            failure,
            jitter=random.random(),
            remaining_seconds=self.remaining_seconds(),
        )
        return delay if delay is not None and not self._is_trial and self._budget.take() else None

    def _timeouts(self) -> Mapping[str, Optional[float]]:
        timeouts, deadline_at = self._prepared.timeouts, self._deadline_at
        return timeouts if deadline_at is None else _TimeLeft(timeouts, deadline_at, self._clock)

    def _started(self) -> AttemptStarted:
        operation = self.operation
        return AttemptStarted(
            operation.id, operation.method, operation.path, len(self._endings) + 1, self.idempotency_key
        )

    def _ended(
        self,
        phase: Phase,
        *,
        reply: Optional[Reply] = None,
        error: Optional[str] = None,
        retry_in_seconds: Optional[float] = None,
    ) -> None:
        ending = (self._attempt_began_at, self._clock.monotonic() - self._attempt_began, phase, reply, error)
        if self._hooks or wants_log_lines():
            event = AttemptEnded(self._started(), _attempt(ending), retry_in_seconds)
            log_attempt(event)
            for hook in (self._hooks or {}).get("attempt_ended", ()):
                hook(event)
        self._endings.append(ending)


_Ending = tuple[datetime, float, Phase, Optional[Reply], Optional[str]]


def _attempt(ending: _Ending) -> Attempt:
    """Convert an internal record to an `Attempt`; only done when needed, since few callers read attempts."""
    began_at, elapsed_seconds, phase, reply, error = ending
    if reply is None:
        return Attempt(began_at, elapsed_seconds, phase, error=error)
    return Attempt(began_at, elapsed_seconds, phase, reply.status_code, reply.request_id, error)


class _TimeLeft(Mapping[str, Optional[float]]):
    """The timeouts of the phases of an attempt, computed when httpx reads them, so that none exceeds the deadline."""

    def __init__(self, timeouts: Mapping[str, Optional[float]], deadline_at: float, clock: Clock) -> None:
        self._timeouts = timeouts
        self._deadline_at = deadline_at
        self._clock = clock

    def __getitem__(self, phase: str) -> TimeLeft:
        return TimeLeft(self._timeouts[phase], self._deadline_at, self._clock)

    def __iter__(self) -> Iterator[str]:
        return iter(self._timeouts)

    def __len__(self) -> int:
        return len(self._timeouts)
