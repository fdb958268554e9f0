"""Errors of psycopg as those of the engine. A message never shows a value of a row, nor a password."""

from __future__ import annotations

import re
from typing import Optional

import psycopg
from psycopg import errors

from ...errors import EngineError, busy, invalid_value

_REASONS = (
    (r"password authentication failed|no password supplied|SASL", "the password is missing or wrong: check it"),
    (r"no pg_hba\.conf entry", "the server does not allow this user from this host: check its pg_hba.conf"),
    (r'role "[^"]*" does not exist', "the server has no such user: check the name, or create it"),
    (r'database "[^"]*" does not exist', "the server has no such database: create it, or check the name"),
    (
        r"Connection refused|No such file or directory",
        "nothing listens there: check host and port, and start the server",
    ),
    (r"resolve|translate host name|getaddrinfo", "the host name is not known: check it"),
    (r"timeout|timed out", "the server does not answer: check host, port and firewall"),
    (r"starting up|shutting down|recovery mode|not yet accepting", "the server is starting or stopping: try again"),
    (
        r"too many connections for (role|database)",
        "the user or the database has no free connection: raise its limit, or run fewer workers",
    ),
    (r"too many (clients|connections)|connection slots", "the server has no free connection: raise max_connections"),
    (r"certificate|SSL|TLS", "TLS failed: check sslmode and sslrootcert"),
)
_TRY_AGAIN = (
    errors.LockNotAvailable,
    errors.QueryCanceled,
    errors.DeadlockDetected,
    errors.SerializationFailure,
    errors.TooManyConnections,
)
_TIMEOUTS = ("25P03", "25P04")
"""Of a transaction, and of one that was idle, such as while the process was stopped."""
_HIDDEN_CLASSES = (psycopg.DataError, psycopg.IntegrityError)
"""Their messages quote values of rows."""


def connection_failed(error: psycopg.Error, name: str) -> EngineError:
    """Return the error for a server that no connection could be made to.

    Args:
        error: The error of psycopg.
        name: The database, as messages show it.
    """
    text = str(error)
    reason = next((reason for pattern, reason in _REASONS if re.search(pattern, text)), None)
    if reason is None:
        reason = f"{type(error).__name__}: check the URL and the log of the server"
    failed = busy(f"Cannot connect to {name}: {reason}.")
    failed.__cause__ = None
    return failed


def translated(error: psycopg.Error) -> EngineError:
    """Return what the engine says about an error of PostgreSQL."""
    if isinstance(error, _TRY_AGAIN):
        return busy("The store is busy with other writes: try again.")
    if error.sqlstate in _TIMEOUTS:
        return busy("The database ended a transaction that took too long: try again.")
    if isinstance(error, errors.OutOfMemory):
        return busy("The database has no memory left: try again, or give it more.")
    if isinstance(error, errors.DiskFull):
        return EngineError(500, "internal_error", "The disk of the database is full: make room on it.")
    if isinstance(error, (errors.ReadOnlySqlTransaction, errors.InsufficientPrivilege)):
        message = (
            "The database does not allow this write: connect to the primary server, as a user who may write to the "
            "tables of statebase."
        )
        return EngineError(500, "internal_error", message)
    if "NUL" in str(error) and isinstance(error, psycopg.DataError) and error.sqlstate is None:
        return invalid_value("must not contain the character U+0000")
    if isinstance(error, psycopg.OperationalError) and (error.sqlstate is None or error.sqlstate[:2] in ("08", "57")):
        return busy("The database closed the connection: try again.")
    message = f"The database failed ({type(error).__name__}, SQLSTATE {error.sqlstate}): check its log."
    return EngineError(500, "internal_error", message)


def presentable(error: psycopg.Error) -> BaseException:
    """Return the cause that a log may show: the error itself, or one without the values that it quotes."""
    if isinstance(error, _HIDDEN_CLASSES):
        return RuntimeError(f"{type(error).__name__}, SQLSTATE {error.sqlstate}")
    return error


def interruption_of(error: psycopg.Error, before: Optional[BaseException]) -> Optional[BaseException]:
    """Return what the handler of a signal raised while psycopg was at work, which then failed to tidy up.

    Args:
        error: The failure of psycopg.
        before: What was being handled before it was at work.
    """
    cause = error.__context__
    while cause is not None and cause is not before:
        if not isinstance(cause, psycopg.Error):
            return cause
        cause = cause.__context__
    return None
