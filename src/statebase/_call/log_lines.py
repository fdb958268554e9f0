"""One log line per attempt, and STATEBASE_LOG. Log lines contain no API key, no body and no query."""

from __future__ import annotations

import logging
import os

from .hooks import AttemptEnded

logger = logging.getLogger("statebase")


def wants_log_lines() -> bool:
    """Return whether the log level is enabled for the lines of attempts."""
    return logger.isEnabledFor(logging.INFO)


def log_attempt(event: AttemptEnded) -> None:
    """Log one line about an attempt: method, route, status, duration, request id."""
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
    """Configure logging by STATEBASE_LOG: `info` or `debug` writes the SDK's log lines to standard error."""
    level = os.environ.get("STATEBASE_LOG", "").strip().lower()
    if level not in ("info", "debug"):
        return
    logger.setLevel(level.upper())
    if not logger.handlers and not logging.getLogger().handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        logger.addHandler(handler)
