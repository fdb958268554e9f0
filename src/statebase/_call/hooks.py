"""What can be watched while a call runs: event hooks, log lines, spans. None of it sees the key, a body or a query."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from typing import Callable, Optional, Sequence, TypedDict

from .._base.errors import Attempt

logger = logging.getLogger("statebase")


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
    """What was told when it began."""
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


def wants_log_lines() -> bool:
    """Say whether anyone reads the line of an attempt."""
    return logger.isEnabledFor(logging.INFO)


def log_attempt(event: AttemptEnded) -> None:
    """Write one line about an attempt: method, route, status, time, request id."""
    attempt, retry_in = event.attempt, event.retry_in_seconds
    logger.log(
        logging.INFO if retry_in is None else logging.WARNING,
        "%s %s %s in %.0f ms, attempt %d, request_id=%s%s",
        event.started.method,
        event.started.route,
        attempt.error or attempt.status_code,
        attempt.elapsed_seconds * 1000,
        event.started.number,
        attempt.request_id,
        "" if retry_in is None else f", again in {retry_in:.2f} s",
    )


def configure_logging() -> None:
    """Obey STATEBASE_LOG: `info` or `debug` sends the SDK's log lines to standard error."""
    level = os.environ.get("STATEBASE_LOG", "").strip().lower()
    if level not in ("info", "debug"):
        return
    logger.setLevel(level.upper())
    if not logger.handlers and not logging.getLogger().handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        logger.addHandler(handler)
