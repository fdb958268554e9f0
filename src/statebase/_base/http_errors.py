"""The errors that are errors of httpx as well, so that code written for statebase 0.4 catches them."""

from typing import Any, Optional

import httpx
import pydantic_core

from .errors import StateBaseError


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


class CircuitOpenError(APIConnectionError):
    """Not sent, since the service did not answer an earlier call; `retry_after` is the time until a call is sent again.

    Raised by clients with `circuit_breaker=True`.
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


_BY_STATUS: dict[int, type[APIStatusError]] = {
    400: BadRequestError,
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    409: ConflictError,
    413: PayloadTooLargeError,
    422: UnprocessableEntityError,
    429: RateLimitError,
}


def status_error_class(status_code: int) -> type[APIStatusError]:
    """Return the error class of an HTTP status of 400 or more."""
    if status_code >= 500:
        return InternalServerError
    return _BY_STATUS.get(status_code, APIStatusError)


# Tracebacks and pickles name the module that users import the errors from.
for _value in [*globals().values()]:
    if isinstance(_value, type) and issubclass(_value, StateBaseError):
        _value.__module__ = __name__.partition(".")[0]
