"""Event hooks, and the events they receive. Events contain no API key, no body and no query."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, Optional, Sequence, TypedDict

from .._base.errors import Attempt


@dataclass(frozen=True)
class AttemptStarted:
    """The event before an attempt."""

    operation: str
    """The name of the operation, such as `create_turn`."""
    method: str
    """The HTTP method, in upper case."""
    route: str
    """The route, with its parameters in braces: it contains no id."""
    number: int
    """The number of the attempt within the call, from 1."""
    idempotency_key: Optional[str]
    """The key that the write carries; None for a read."""


@dataclass(frozen=True)
class AttemptEnded:
    """The event after an attempt, successful or not."""

    started: AttemptStarted
    """The event before the attempt."""
    attempt: Attempt
    """Start, duration, phase, and status or error of the attempt."""
    retry_in_seconds: Optional[float]
    """The delay before the next attempt; None if this was the last one."""


class EventHooks(TypedDict, total=False):
    """Functions to call before and after each attempt. If one raises an exception, the call ends with it.

    Example:
        >>> def show(event):
        ...     print(event.started.method, event.started.route, event.attempt.status_code)
        >>> watched = client.with_options(event_hooks={"attempt_ended": [show]})
        >>> state = watched.state.get_state(session.id)
        GET /v1/sessions/{session_id}/state 200
    """

    attempt_started: Sequence[Callable[[AttemptStarted], object]]
    """Called before each attempt."""
    attempt_ended: Sequence[Callable[[AttemptEnded], object]]
    """Called after each attempt."""
