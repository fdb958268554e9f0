"""The errors that a call can raise.

The class tree, with the HTTP status of each:

    StateBaseError
    ├── ConfigurationError             an option of a client is invalid; also a ValueError
    ├── InvalidRequestError            an argument of a call is invalid, nothing was sent; also a ValueError
    ├── APIConnectionError             no complete response arrived; also an httpx.TransportError
    │   └── APITimeoutError            no complete response arrived in time; also an httpx.TimeoutException
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
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, Mapping, Optional

import httpx
import pydantic_core

if TYPE_CHECKING:
    from typing import Type

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


class InvalidRequestError(StateBaseError, ValueError):
    """An argument of a call is invalid. Nothing was sent."""


class _AboutRequest:
    """The request of an httpx error, as plain data."""

    method: str = "GET"
    """The method of the request."""
    url: str = ""
    """The URL of the request, without its query."""

    def _bare_request(self) -> httpx.Request:
        return httpx.Request(self.method, self.url)


class APIConnectionError(StateBaseError, _AboutRequest, httpx.TransportError):
    """No complete response arrived. `outcome` says whether the request may have been applied.

    It is also an `httpx.TransportError`, so that code written for statebase 0.4 catches it. The original error, such as
    an `httpx.ConnectError`, is its `__cause__`.
    """

    @property
    def request(self) -> httpx.Request:
        """The request, without its headers and body, which may contain secrets."""
        return self._bare_request()

    @request.setter
    def request(self, request: httpx.Request) -> None:
        """Ignore the assignment: an httpx client that the error passes through would set its own request."""


class APITimeoutError(APIConnectionError, httpx.TimeoutException):
    """No complete response arrived in time. `outcome` says whether the request may have been applied.

    It is also an `httpx.TimeoutException`.
    """


class APIResponseValidationError(StateBaseError):
    """A response does not match the API's schema; `path` names the first wrong field."""

    path: Optional[str] = None
    """The JSON path of the first wrong field, such as `$.data[0].id`; None if the body is not JSON."""


class ResponseTooLargeError(StateBaseError):
    """A response is larger than `max_response_bytes`. The rest was not read, and the connection was closed.

    `status_code` and `headers` are those of the response. The `outcome` of a 2xx is `unknown`, as for any response that
    could not be read: the write was applied if the response came from the service and not from a proxy.
    """


class APIStatusError(StateBaseError, _AboutRequest, httpx.HTTPStatusError):
    """The service returned an error status.

    It is also an `httpx.HTTPStatusError`, so that code written for statebase 0.4 catches it.
    """

    status_code: int  # pyright: ignore[reportIncompatibleVariableOverride]

    @property
    def request(self) -> httpx.Request:
        """The request, without its headers and body, which may contain secrets."""
        return self._bare_request()

    @request.setter
    def request(self, request: httpx.Request) -> None:
        raise AttributeError("the request of a status error cannot be replaced")

    @property
    def response(self) -> httpx.Response:
        """The response, as an `httpx.Response`."""
        coding = ("content-encoding", "content-length", "transfer-encoding")
        headers = [(name.encode(), value.encode()) for name, value in self.headers.items() if name not in coding]
        response = httpx.Response(self.status_code, headers=headers, content=_content(self.body), request=self.request)
        response.encoding = "utf-8"  # the headers may name another one
        return response

    @response.setter
    def response(self, response: httpx.Response) -> None:
        raise AttributeError("the response of a status error cannot be replaced")


def _content(body: Any) -> bytes:
    if body is None:
        return b""
    return body.encode() if isinstance(body, str) else pydantic_core.to_json(body)


class BadRequestError(APIStatusError):
    """400: the request is invalid."""


class AuthenticationError(APIStatusError):
    """401: the API key is missing, wrong, expired or revoked."""


class PermissionDeniedError(APIStatusError):
    """403: the API key has no permission for this operation."""


class NotFoundError(APIStatusError):
    """404: not found. An expired session also returns 404."""


class ConflictError(APIStatusError):
    """409: the resource already exists, or the idempotency key was used with a different body."""


class StateConflictError(ConflictError):
    """409: the state does not have the `expected_version`: another writer has changed it.

    Read the state again, and repeat the update with its version; `client.state.modify` does that.

    Example:
        >>> from statebase import StateConflictError
        >>> _ = client.state.update_state(session.id, {"step": 2})
        >>> try:
        ...     client.state.update_state(session.id, {"step": 3}, expected_version=0)
        ... except StateConflictError as error:
        ...     print(error.expected_version, error.current_version, error.state, error.was_applied)
        0 1 {'step': 2} False
    """

    expected_version: Optional[int] = None
    """The `expected_version` of the update."""
    current_version: Optional[int] = None
    """The current version of the state; None if the service did not return it."""
    state: Optional[dict[str, Any]] = None
    """The current state; None if the service did not return it."""
    was_applied: bool = False
    """Whether the update was applied, because the service does not support `expected_version`. Use the history of the
    state and a rollback to repair it."""


class PayloadTooLargeError(APIStatusError):
    """413: the body, or a string in it, exceeds a size limit of the service."""


class UnprocessableEntityError(APIStatusError):
    """422: a parameter or the body does not match its schema; the message lists each field and the reason."""


class RateLimitError(APIStatusError):
    """429: too many requests; `retry_after` is the number of seconds to wait."""


class InternalServerError(APIStatusError):
    """5xx: the service failed. A write may have been applied: see `outcome`."""


_BY_STATUS: dict[int, Type[APIStatusError]] = {
    400: BadRequestError,
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    409: ConflictError,
    413: PayloadTooLargeError,
    422: UnprocessableEntityError,
    429: RateLimitError,
}


def status_error_class(status_code: int) -> Type[APIStatusError]:
    """Return the error class of an HTTP status of 400 or more."""
    if status_code >= 500:
        return InternalServerError
    return _BY_STATUS.get(status_code, APIStatusError)


# Tracebacks and pickles name the module that users import the errors from.
for _value in [*globals().values()]:
    if isinstance(_value, type) and issubclass(_value, StateBaseError):
        _value.__module__ = __name__.partition(".")[0]
