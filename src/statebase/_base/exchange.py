"""The interface between calls and connections: an exchange takes a request and returns a whole reply.

The connection pools, the adapter for httpx transports and clients, and the embedded engine implement it.
"""

from __future__ import annotations

from typing import Callable, Mapping, Optional, Sequence, Tuple

from typing_extensions import Protocol

from .lazy import httpx

RawHeaders = Sequence[Tuple[bytes, bytes]]
"""Names and values of headers in their order; names of requests are in lower case, those of replies as they came."""


def _no_deadline() -> None:
    pass


class Request:
    """The HTTP request of one attempt.

    Args:
        method: The HTTP method.
        target: Path and query, percent-encoded, beginning with a slash.
        headers: All headers; names in lower case.
        content: The body; empty for a request without one.
        timeouts: Seconds for connect, read, write and pool; None: no limit. Each ends with the deadline at the latest.
        max_response_bytes: The maximum decompressed size of the response body in bytes; None: no limit.
        check_deadline: Raises an error if the deadline has passed.
    """

    __slots__ = (
        "body_was_used",
        "check_deadline",
        "content",
        "headers",
        "max_response_bytes",
        "method",
        "target",
        "timeouts",
    )

    def __init__(
        self,
        method: str,
        target: str,
        headers: RawHeaders,
        content: bytes = b"",
        *,
        timeouts: Mapping[str, Optional[float]],
        max_response_bytes: Optional[int] = None,
        check_deadline: Callable[[], None] = _no_deadline,
    ) -> None:
        self.method = method
        self.target = target
        self.headers = headers
        self.content = content
        self.timeouts = timeouts
        self.max_response_bytes = max_response_bytes
        self.check_deadline = check_deadline
        self.body_was_used = False
        """Whether part of the body may have been sent. Set by an exchange whose error classes do not tell."""


class Reply:
    """A complete HTTP response.

    Args:
        status_code: The HTTP status.
        raw_headers: Its headers.
        content: Its body, decompressed.
        is_too_large: Whether the body exceeded `max_response_bytes`; the rest was not received, and `content` is empty.
    """

    __slots__ = ("_headers", "content", "is_too_large", "raw_headers", "status_code")

    def __init__(
        self, status_code: int, raw_headers: RawHeaders, content: bytes, *, is_too_large: bool = False
    ) -> None:
        self.status_code = status_code
        self.raw_headers = raw_headers
        self.content = content
        self.is_too_large = is_too_large
        self._headers: Optional[httpx.Headers] = None

    @property
    def headers(self) -> httpx.Headers:
        """The headers; names are case-insensitive."""
        if self._headers is None:
            self._headers = httpx.Headers(list(self.raw_headers))
        return self._headers

    @property
    def is_success(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status_code < 300

    @property
    def request_id(self) -> Optional[str]:
        """The id that the service gave the request."""
        for name, value in self.raw_headers:
            if name.lower() == b"x-request-id":
                return value.decode() if value.isascii() else self.headers["x-request-id"]
        return None


class Exchange(Protocol):
    """Sends requests; threads may share one."""

    def exchange(self, request: Request) -> Reply:
        """Send a request and read the whole reply.

        Raises:
            httpx.TransportError: The request failed; a `PoolTimeout` if no connection became free in time.
            httpx.DecodingError: The body is not compressed as its headers say.
            RuntimeError: The pool was closed, or no event loop is running.
            Exception: Any exception of the caller's transport or client.
        """
        ...

    def close(self) -> None:
        """Close all connections."""
        ...


class AsyncExchange(Protocol):
    """Sends requests without blocking the event loop."""

    async def exchange_async(self, request: Request) -> Reply:
        """Send a request and read the whole reply; raises the same as `Exchange.exchange`."""
        ...

    async def aclose(self) -> None:
        """Close all connections."""
        ...
