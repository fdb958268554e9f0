"""The error that the engine raises, with the fields of an HTTP error response."""

from __future__ import annotations

from typing import Mapping, Optional, Sequence, Union

Location = Sequence[Union[str, int]]

_LONGEST_SHOWN = 64


class EngineError(Exception):
    """An operation failed, and nothing was changed.

    Attributes:
        status: The HTTP status.
        code: The error code of the API, such as `session_not_found`.
        message: The reason, and what to do.
        param: The parameter that the error is about; None if it is not about one.
        retry_after: Seconds after which a retry may succeed; None if it cannot.
        location: The location of the invalid value in the body; None for statuses other than 422.
        details: Further fields of the response, by name.

    Example:
        >>> from statebase.local import Engine, EngineError
        >>> engine = Engine.open()
        >>> try:
        ...     engine.get_session("sess_000000000000")
        ... except EngineError as error:
        ...     print(error.status, error.code, error.param)
        404 session_not_found session_id
        >>> engine.close()
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        param: Optional[str] = None,
        retry_after: Optional[int] = None,
        location: Optional[Location] = None,
        details: Optional[Mapping[str, object]] = None,
    ) -> None:
        super().__init__(status, code, message, param, retry_after, location, details)
        self.status = status
        self.code = code
        self.message = message
        self.param = param
        self.retry_after = retry_after
        self.location = location
        self.details = details

    def __str__(self) -> str:
        return self.message


def invalid_request(message: str, param: Optional[str]) -> EngineError:
    """Return the error for a request that matches its schema but is not valid."""
    return EngineError(400, "invalid_request", message, param)


def invalid_value(message: str, *location: Union[str, int]) -> EngineError:
    """Return the error for a value of the body that violates its schema in a way that the model does not check."""
    return EngineError(422, "value_error", message, location=location)


def not_found(kind: str, identifier: str) -> EngineError:
    """Return the error for a session, turn, memory, trace or entity that does not exist."""
    hint = "check the id; it may have expired or been deleted" if kind == "session" else "check the id"
    message = f"There is no {kind} {_shown(identifier)}: {hint}."
    return EngineError(404, f"{kind}_not_found", message, f"{kind}_id")


def state_conflict(expected: int, current: int, state: object) -> EngineError:
    """Return the error for a change that was meant for another version of the state."""
    message = (
        f"The state has version {current}, not the expected version {expected}: read the state again, then repeat the "
        "change."
    )
    details = {"expected_version": expected, "current_version": current, "state": state}
    return EngineError(409, "state_conflict", message, "expected_version", details=details)


def unknown_cursor(identifier: str) -> EngineError:
    """Return the error for a `starting_after` that is not in the list."""
    message = (
        f"starting_after {_shown(identifier)} is not in this list: pass the id of the last item of the previous page."
    )
    return invalid_request(message, "starting_after")


def damaged() -> EngineError:
    """Return the error for a store whose content cannot be read."""
    message = "The store is damaged: something in it cannot be read. Restore a backup."
    return EngineError(500, "internal_error", message)


BUSY = 503
"""The status of a temporary error."""


def busy(message: str) -> EngineError:
    """Return the error for a store that is temporarily not available."""
    return EngineError(BUSY, "service_unavailable", message, retry_after=1)


def _shown(identifier: str) -> str:
    """Return an id for a message, cut to a length."""
    return repr(identifier if len(identifier) <= _LONGEST_SHOWN else identifier[:_LONGEST_SHOWN] + "...")
