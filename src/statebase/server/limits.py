"""The limits of a server: for connections, requests and bodies, and for the time that each may take."""

from __future__ import annotations

from typing import NamedTuple

from ..local.errors import busy
from ..local.http.read import LARGEST_BODY


class Limits(NamedTuple):
    """The limits of a server. Times are in seconds, sizes in bytes."""

    head_bytes: int = 128 * 1024
    """Largest request head; the query of a search is part of the URL."""
    idle_seconds: float = 75.0
    """How long a connection may be idle, or take to send a request head. Longer than the clients' own limit."""
    silent_seconds: float = 600.0
    """How long a connection may send nothing, in any phase. hypercorn ignores `idle_seconds` for connections that begin
    with HTTP/2 without TLS, or with a broken WebSocket handshake."""
    handshake_seconds: float = 10.0
    """How long a TLS handshake may take."""
    requests: int = 1000
    """Concurrent requests over all connections. More are rejected with 503."""
    body_seconds: float = 120.0
    """How long a request body may take to arrive; then the request is rejected with 408."""
    held_body_bytes: int = 16 * LARGEST_BODY
    """Total size of the request bodies in memory. A request that exceeds it is rejected with 503."""
    drain_bytes: int = 64 * 1024 * 1024
    """How much of an unread body is read and discarded after the response."""
    drain_seconds: float = 5.0
    """How long that may take."""
    answer_seconds: float = 120.0
    """How long a client may take to read a response; then its connection is closed."""


class Load:
    """Counts the running requests and the size of their bodies.

    Args:
        limits: The limits of the server.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._requests = 0
        self._body_bytes = 0

    def enter(self) -> None:
        """Count a request, even one that exceeds the limit."""
        self._requests += 1

    def leave(self, body_bytes: int) -> None:
        """Stop counting a request and the bytes that were read of its body."""
        self._requests -= 1
        self._body_bytes -= body_bytes

    def check(self) -> None:
        """Reject a request that exceeds the limit.

        Raises:
            EngineError: 503.
        """
        if self._requests > self._limits.requests:
            raise busy("The server has too many requests under way: try again later.")

    def hold(self, size: int) -> None:
        """Count a part of a body, until its request leaves.

        Raises:
            EngineError: 503, if the total exceeds the limit.
        """
        self._body_bytes += size
        if self._body_bytes > self._limits.held_body_bytes:
            raise busy("The server has too many request bodies under way: try again later.")
