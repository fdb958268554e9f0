"""The errors that a call can raise.

The class tree, with the HTTP status of each:

    StateBaseError
    ├── ConfigurationError             an option of a client is invalid; also a ValueError
    ├── OutboxError                    the file of the outbox cannot be read or written
    ├── InvalidRequestError            an argument of a call is invalid, nothing was sent; also a ValueError
    ├── MergeConflictError             two sessions changed the same values of a state; nothing was written
    ├── APIConnectionError             no complete response arrived; also an httpx.TransportError
    │   ├── APITimeoutError            no complete response arrived in time; also an httpx.TimeoutException
    │   └── CircuitOpenError           not sent, since the service did not answer an earlier call
    ├── APIResponseValidationError     a response does not match the API's schema
    ├── ResponseTooLargeError          a response is larger than max_response_bytes
    └── APIStatusError                 the service returned an error status; also an httpx.HTTPStatusError
        ├── BadRequestError            400
        ├── AuthenticationError        401
        ├── PermissionDeniedError      403
        ├── NotFoundError              404
        ├── ConflictError              409
        │   └── StateConflictError     409, or 200: the state had another version than expected
        ├── PayloadTooLargeError       413
        ├── UnprocessableEntityError   422
        ├── RateLimitError             429
        └── InternalServerError        5xx

Those that are errors of httpx are in `http_errors`: without httpx, the first call takes a tenth less time.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Mapping, Optional

Outcome = Literal["not_sent", "rejected", "unknown"]
"""The outcome of a request that failed.

`not_sent`: it never reached the service. `rejected`: the service refused it and changed nothing. `unknown`: it may have
been applied; the response was lost, could not be read, or was a 5xx.
"""

Phase = Literal["connect", "send", "receive", "answer"]
"""The last phase that an attempt reached; `answer`: a complete response arrived."""


@dataclass(frozen=True)
class Attempt:
    """One attempt to send a request."""

    started_at: datetime
    """The time it began, in UTC."""
    elapsed_seconds: float
    """Its duration."""
    phase: Phase
    """The last phase that it reached."""
    status_code: Optional[int] = None
    """The HTTP status of the response; None if there was no response."""
    request_id: Optional[str] = None
    """The id of this attempt in the service's logs; None if no response had it."""
    error: Optional[str] = None
    """The name of the exception; None if there was a response."""


class StateBaseError(Exception):
    """The base class of every error of the SDK.

    An error holds plain data and no connection, so that it can be pickled, copied and kept.

    Example:
        >>> from statebase import StateBaseError
        >>> try:
        ...     client.sessions.get("sess_000000000000")
        ... except StateBaseError as error:
        ...     print(error.status_code, error.code, error.outcome, len(error.attempts))
        404 session_not_found rejected 1
    """

    message: str
    """The error in one line."""
    hint: str = ""
    """Advice on what to do next; empty if there is none."""
    status_code: Optional[int] = None
    """The HTTP status of the response; None if there was no response."""
    code: Optional[str] = None
    """The service's error code, such as `session_not_found`."""
    param: Optional[str] = None
    """The argument that the error is about; None if it is not about one."""
    request_id: Optional[str] = None
    """The id of the request in the service's logs: quote it to support."""
    headers: Mapping[str, str]
    """The response headers, with names in lower case; empty if there was no response."""
    body: Any = None
    """The response body: the parsed JSON, or the text if it is not JSON. None if there was no body."""
    outcome: Outcome = "not_sent"
    """Whether the request was applied: `not_sent`, `rejected` or `unknown`."""
    attempts: tuple[Attempt, ...] = ()
    """Every attempt of the call, first to last."""
    idempotency_key: Optional[str] = None
    """The idempotency key of the write: repeat the call with it, and the service applies the write once."""
    retry_after: Optional[float] = None
    """Seconds to wait before the next call, as requested by the service; None if it did not say."""

    def __init__(self, message: str, **details: Any) -> None:
        Exception.__init__(self, message)
        self.message = message
        self.headers = {}
        self.__dict__.update(details)

    def __str__(self) -> str:
        if not self.hint:
            return self.message
        return f"{self.message}{'' if self.message[-1:] in '.?!)' else '.'} {self.hint}"


class ConfigurationError(StateBaseError, ValueError):
    """An option of a client is invalid. Nothing was sent."""


class OutboxError(StateBaseError):
    """The file of the outbox cannot be read or written: its disk is full, or it is damaged. Nothing was sent."""


class InvalidRequestError(StateBaseError, ValueError):
    """An argument of a call is invalid. Nothing was sent."""


class MergeConflictError(StateBaseError):
    """Two sessions changed the same values of a state. Nothing was written.

    Example:
        >>> from statebase import MergeConflictError
        >>> fork = client.sessions.fork(session.id)
        >>> _ = client.state.update_state(fork.id, {"step": 2})
        >>> _ = client.state.update_state(session.id, {"step": 3})
        >>> try:
        ...     client.state.merge(session.id, fork.id)
        ... except MergeConflictError as error:
        ...     for conflict in error.conflicts:
        ...         print(conflict.path, conflict.base, conflict.ours, conflict.theirs)
        step 1 3 2
    """

    conflicts: tuple[Any, ...] = ()
    """The values, each a `MergeConflict` with `keys`, `path`, `base`, `ours` and `theirs`."""


class APIResponseValidationError(StateBaseError):
    """A response does not match the API's schema; `path` names the first wrong field."""

    path: Optional[str] = None
    """The JSON path of the first wrong field, such as `$.data[0].id`; None if the body is not JSON."""


class ResponseTooLargeError(StateBaseError):
    """A response is larger than `max_response_bytes`. The rest was not read, and the connection was closed.

    `status_code` and `headers` are those of the response. The `outcome` of a 2xx is `unknown`, as for any response that
    could not be read: the write was applied if the response came from the service and not from a proxy.
    """


# Tracebacks and pickles name the module that users import the errors from.
for _value in [*globals().values()]:
    if isinstance(_value, type) and issubclass(_value, StateBaseError):
        _value.__module__ = __name__.partition(".")[0]
