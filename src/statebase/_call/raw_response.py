"""`APIResponse`: a response with its status, headers and attempts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Awaitable, Callable, Generic, Mapping, NoReturn, Optional, TypeVar, cast

from typing_extensions import ParamSpec, TypeGuard

from .._base.errors import Attempt, StateBaseError
from .._base.exchange import Reply
from .._base.headers import number
from .call import Call

P = ParamSpec("P")
T = TypeVar("T")


def raw(method: Callable[P, T]) -> Callable[P, APIResponse[T]]:
    """Return a method of a raw client with the type that it has there: it returns the whole response."""
    return cast("Callable[P, APIResponse[T]]", method)


def raw_async(method: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[APIResponse[T]]]:
    """Return a method of a raw client with the type that it has there: it returns the whole response."""
    return cast("Callable[P, Awaitable[APIResponse[T]]]", method)


def value_of(result: Any) -> Any:
    """Return the result of a call, parsed if the client is a raw one."""
    return result.parse() if _is_response(result) else result


def with_value(result: Any, value: T) -> T:
    """Return the result of a method of several calls: a value, or from a raw client the response that it came with."""
    return cast(T, result.with_result(value)) if _is_response(result) else value


def _is_response(result: object) -> TypeGuard[APIResponse[Any]]:
    return isinstance(result, APIResponse)


@dataclass(frozen=True)
class RateLimit:
    """The state of the service's rate limit. Each value is None if the response does not have it."""

    limit: Optional[int]
    """Requests allowed per minute."""
    remaining: Optional[int]
    """Requests left in the current window."""
    reset_at: Optional[datetime]
    """The end of the window, in UTC."""


class APIResponse(Generic[T]):
    """A successful response: status, headers, content; `parse()` returns the model.

    Example:
        >>> response = client.with_raw_response.sessions.get(session.id)
        >>> response.status_code, response.headers["Content-Type"], len(response.attempts)
        (200, 'application/json', 1)
        >>> response.parse().agent_id
        'support-bot'
    """

    def __init__(self, call: Call, reply: Reply, read: Callable[[Reply], T]) -> None:
        self._call = call
        self._reply = reply
        self._read = read

    def __reduce__(self) -> NoReturn:
        raise TypeError("an APIResponse cannot be pickled or copied: pickle what parse() returns")

    @property
    def status_code(self) -> int:
        """The HTTP status."""
        return self._reply.status_code

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers; names are case-insensitive."""
        return self._reply.headers

    @property
    def content(self) -> bytes:
        """The body in bytes, decompressed."""
        return self._reply.content

    @property
    def request_id(self) -> Optional[str]:
        """The id of the request in the service's logs."""
        return self._reply.request_id

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """Every attempt of the call, the successful one last."""
        return self._call.attempts

    @property
    def elapsed_seconds(self) -> float:
        """The duration of the successful attempt, in seconds."""
        return self._call.attempts[-1].elapsed_seconds

    @property
    def idempotency_key(self) -> Optional[str]:
        """The idempotency key of the write; None for a read."""
        return self._call.idempotency_key

    @property
    def rate_limit(self) -> RateLimit:
        """The state of the service's rate limit."""
        limit, remaining, reset = (
            None if value is None else int(value)
            for value in (number(self.headers.get(f"x-ratelimit-{name}")) for name in ("limit", "remaining", "reset"))
        )
        return RateLimit(limit, remaining, None if reset is None else _from_unix_time(reset))

    def parse(self) -> T:
        """Parse the body.

        Returns:
            The result that the method returns without `with_raw_response`.

        Raises:
            APIResponseValidationError: The body does not match the API's schema.
        """
        try:
            return self._read(self._reply)
        except StateBaseError as error:
            error.status_code, error.request_id = self.status_code, self.request_id
            raise self._call.complete(error) from None

    def with_result(self, value: T) -> APIResponse[T]:
        """Return this response with another result of `parse`."""
        return APIResponse(self._call, self._reply, lambda _: value)

    def __repr__(self) -> str:
        return f"APIResponse(status_code={self.status_code}, request_id={self.request_id!r})"


def _from_unix_time(seconds: int) -> Optional[datetime]:
    try:
        return datetime.fromtimestamp(seconds, timezone.utc)
    except (ValueError, OverflowError, OSError):  # no time that there is
        return None
