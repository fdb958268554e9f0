"""The errors that a call can raise.

The tree, with the status that each stands for:

    StateBaseError
    ├── ConfigurationError             a client was given options that cannot work; also a ValueError
    ├── InvalidRequestError            an argument was refused before anything was sent; also a ValueError
    ├── APIConnectionError             no answer came, or half of one; also an httpx.TransportError
    │   └── APITimeoutError            no answer came in time; also an httpx.TimeoutException
    ├── APIResponseValidationError     an answer came that is not what the API promises
    ├── ResponseTooLargeError          an answer came that is larger than the client takes
    └── APIStatusError                 the service said no; also an httpx.HTTPStatusError
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
been carried out; the answer was lost, unreadable, or a 5xx.
"""

Phase = Literal["connect", "send", "receive", "answer"]
"""The last phase that an attempt reached; `answer`: a complete response arrived."""


@dataclass(frozen=True)
class Attempt:
    """One try at sending a request."""

    started_at: datetime
    """When it began, in UTC."""
    elapsed_seconds: float
    """Its duration."""
    phase: Phase
    """The last phase that it reached."""
    status_code: Optional[int] = None
    """The status of the answer; None where none came."""
    request_id: Optional[str] = None
    """The id of this attempt in the service's logs; None if no response had it."""
    error: Optional[str] = None
    """The name of the failure; None if there was a response."""


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
    """What happened, in one line."""
    hint: str = ""
    """What to do next; None if there is no advice."""
    status_code: Optional[int] = None
    """The status of the answer; None where none came."""
    code: Optional[str] = None
    """The service's word for the error, such as `session_not_found`."""
    param: Optional[str] = None
    """The argument that the error is about, where the service names one."""
    request_id: Optional[str] = None
    """The id of the request in the service's logs: quote it to support."""
    headers: Mapping[str, str]
    """The headers of the answer, in lower case; empty where none came."""
    body: Any = None
    """The body of the answer: parsed where it was JSON, else its text; None where none came."""
    outcome: Outcome = "not_sent"
    """Whether the request was carried out."""
    attempts: tuple[Attempt, ...] = ()
    """Every try of the call, first to last."""
    idempotency_key: Optional[str] = None
    """The key that the write carried: send it again with this key, and the service applies it once."""
    retry_after: Optional[float] = None
    """Seconds after which the service asked to be called again; None where it did not say."""

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
    """A client was given options that cannot work. Nothing was sent."""


class InvalidRequestError(StateBaseError, ValueError):
    """An argument of a call was refused before anything was sent."""


class _AboutRequest:
    """The request of an httpx error, as plain data."""

    method: str = "GET"
    """The method of the request."""
    url: str = ""
    """The address of the request without its query."""

    def _bare_request(self) -> httpx.Request:
        return httpx.Request(self.method, self.url)


class APIConnectionError(StateBaseError, _AboutRequest, httpx.TransportError):
    """No complete answer came. `outcome` says whether the request may have been carried out.

    It is an `httpx.TransportError` as well, so that code written for statebase 0.4 catches it. Which one httpx raised,
    such as an `httpx.ConnectError`, is its `__cause__`.
    """

    @property
    def request(self) -> httpx.Request:
        """The request without its headers and its body, which may hold secrets."""
        return self._bare_request()

    @request.setter
    def request(self, request: httpx.Request) -> None:
        """Keep its own: an httpx client that the error passes through, such as that of a test, sets another."""


class APITimeoutError(APIConnectionError, httpx.TimeoutException):
    """No complete answer came in time. `outcome` says whether the request may have been carried out.

    It is an `httpx.TimeoutException` as well.
    """


class APIResponseValidationError(StateBaseError):
    """An answer came that is not what the API promises; `path` says where in the JSON."""

    path: Optional[str] = None
    """The place in the answer's JSON, such as `$.data[0].id`; None where the answer was no JSON."""


class ResponseTooLargeError(StateBaseError):
    """A response is larger than `max_response_bytes`. The rest was not received, and its connection was closed.

    `status_code` and `headers` are those of the response. A write that was answered with 2xx was carried out, if the
    response came from the service: `outcome` is `unknown`, as for any response that cannot be read.
    """


class APIStatusError(StateBaseError, _AboutRequest, httpx.HTTPStatusError):
    """The service answered with an error status.

    It is an `httpx.HTTPStatusError` as well, so that code written for statebase 0.4 catches it.
    """

    status_code: int  # pyright: ignore[reportIncompatibleVariableOverride]

    @property
    def request(self) -> httpx.Request:
        """The request without its headers and its body, which may hold secrets."""
        return self._bare_request()

    @request.setter
    def request(self, request: httpx.Request) -> None:
        raise AttributeError("the request of a status error cannot be replaced")

    @property
    def response(self) -> httpx.Response:
        """The answer, as httpx would show it."""
        coding = ("content-encoding", "content-length", "transfer-encoding")
        headers = [(name.encode(), value.encode()) for name, value in self.headers.items() if name not in coding]
        response = httpx.Response(self.status_code, headers=headers, content=_content(self.body), request=self.request)
        response.encoding = "utf-8"  # whatever the headers say of the original
        return response

    @response.setter
    def response(self, response: httpx.Response) -> None:
        raise AttributeError("the response of a status error cannot be replaced")


def _content(body: Any) -> bytes:
    if body is None:
        return b""
    return body.encode() if isinstance(body, str) else pydantic_core.to_json(body)


class BadRequestError(APIStatusError):
    """400: the service refuses the request as not valid."""


class AuthenticationError(APIStatusError):
    """401: the API key is missing, wrong, expired or revoked."""


class PermissionDeniedError(APIStatusError):
    """403: the API key may not do this."""


class NotFoundError(APIStatusError):
    """404: there is no such thing; an expired session answers so as well."""


class ConflictError(APIStatusError):
    """409: the thing exists already, or the idempotency key was used for something else."""


class StateConflictError(ConflictError):
    """The state did not have the version that the change was meant for: somebody else changed it in between.

    Read the state again, then decide and repeat the change with its version; `client.state.modify` does that by itself.

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
    """The version that the change was meant for."""
    current_version: Optional[int] = None
    """The version that the state has; None if the service did not return it."""
    state: Optional[dict[str, Any]] = None
    """The state that has this version; None if the service did not return it."""
    was_applied: bool = False
    """Whether the change was made all the same: by a service that does not know `expected_version`. `client.state`
    has the history of the state, and can roll it back."""


class PayloadTooLargeError(APIStatusError):
    """413: the body or a text in it is larger than the service takes."""


class UnprocessableEntityError(APIStatusError):
    """422: a parameter or the body breaks its schema; the message lists field and reason."""


class RateLimitError(APIStatusError):
    """429: too many requests; `retry_after` says when to come back."""


class InternalServerError(APIStatusError):
    """5xx: the service failed. A write may have been carried out: see `outcome`."""


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
    """Return the class of error for a status of 400 or more."""
    if status_code >= 500:
        return InternalServerError
    return _BY_STATUS.get(status_code, APIStatusError)


# Tracebacks and pickles name the errors by where users import them from, whatever module has them.
for _value in [*globals().values()]:
    if isinstance(_value, type) and issubclass(_value, StateBaseError):
        _value.__module__ = __name__.partition(".")[0]
