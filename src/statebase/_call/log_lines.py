"""One log line an attempt, and STATEBASE_LOG. None of it sees the key, a body or a query."""

from __future__ import annotations

import logging
import os

from .hooks import AttemptEnded

logger = logging.getLogger("statebase")


def wants_log_lines() -> bool:
    """Return whether anyone reads the line of an attempt."""
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
