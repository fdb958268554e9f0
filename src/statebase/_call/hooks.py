"""The events that hooks receive around each attempt; they contain no key, no body and no query."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, Optional, Sequence, TypedDict

from .._base.errors import Attempt


@dataclass(frozen=True)
class AttemptStarted:
    """An attempt is about to be sent."""

    operation: str
    """The operation's name: `create_turn`."""
    method: str
    """The HTTP method in capitals."""
    route: str
    """The route with its parameters in braces: no id shows."""
    number: int
    """Which attempt of the call this is, counted from 1."""
    idempotency_key: Optional[str]
    """The key that the write carries; None for a read."""


@dataclass(frozen=True)
class AttemptEnded:
    """An attempt brought an answer, or failed."""

    started: AttemptStarted
    """The event of its start."""
    attempt: Attempt
    """When it was, how long it took, how far it came."""
    retry_in_seconds: Optional[float]
    """After how long it will be sent again; None where this was the last attempt."""


class EventHooks(TypedDict, total=False):
    """Functions to call around each attempt. An exception of theirs ends the call.

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
