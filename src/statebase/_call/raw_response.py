"""An answer together with what the wire said about it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Awaitable, Callable, Generic, Mapping, Optional, TypeVar, cast

from typing_extensions import ParamSpec

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


@dataclass(frozen=True)
class RateLimit:
    """Where the caller stands with the service's rate limit; None for what the answer did not say."""

    limit: Optional[int]
    """Requests a minute."""
    remaining: Optional[int]
    """Requests left in this window."""
    reset_at: Optional[datetime]
    """When the window ends, in UTC."""


class APIResponse(Generic[T]):
    """A successful answer: status, headers, bytes, and on request the model.

    Example:
        >>> answer = client.with_raw_response.sessions.get(session.id)
        >>> answer.status_code, answer.headers["Content-Type"], len(answer.attempts)
        (200, 'application/json', 1)
        >>> answer.parse().agent_id
        'support-bot'
    """

    def __init__(self, call: Call, reply: Reply, read: Callable[[Reply], T]) -> None:
        self._call = call
        self._reply = reply
        self._read = read

    @property
    def status_code(self) -> int:
        """The HTTP status."""
        return self._reply.status_code

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers; names are found in upper and lower case."""
        return self._reply.headers

    @property
    def content(self) -> bytes:
        """The body as it came, decompressed."""
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
        """The duration of the attempt that brought this response."""
        return self._call.attempts[-1].elapsed_seconds

    @property
    def idempotency_key(self) -> Optional[str]:
        """The key that the write carried; None for a read."""
        return self._call.idempotency_key

    @property
    def rate_limit(self) -> RateLimit:
        """Where the caller stands with the service's rate limit."""
        limit, remaining, reset = (
            None if value is None else int(value)
            for value in (number(self.headers.get(f"x-ratelimit-{name}")) for name in ("limit", "remaining", "reset"))
        )
        return RateLimit(limit, remaining, None if reset is None else _from_unix_time(reset))

    def parse(self) -> T:
        """Read the body.

        Returns:
            What the method returns without `with_raw_response`.

        Raises:
            APIResponseValidationError: The body is not what the API promises.
        """
        try:
            return self._read(self._reply)
        except StateBaseError as error:
            error.status_code, error.request_id = self.status_code, self.request_id
            raise self._call.complete(error) from None

    def __repr__(self) -> str:
        return f"APIResponse(status_code={self.status_code}, request_id={self.request_id!r})"


def _from_unix_time(seconds: int) -> Optional[datetime]:
    try:
        return datetime.fromtimestamp(seconds, timezone.utc)
    except (ValueError, OverflowError, OSError):  # no time that there is
        return None
