"""What a server takes on at once, and for how long: everything that a client can hold up has a bound here."""

from __future__ import annotations

from typing import NamedTuple

from ..local.errors import busy
from ..local.http.read import LARGEST_BODY


class Limits(NamedTuple):
    """The bounds of a server. Times are in seconds, sizes in bytes."""

    head_bytes: int = 128 * 1024
    """The largest head of a request; a search has its query in the address."""
    idle_seconds: float = 75.0
    """How long a connection may be idle, or take to send the head of a request; clients should be the ones to close."""
    silent_seconds: float = 600.0
    """How long a connection may send nothing, whatever it waits for. Hypercorn forgets `idle_seconds` for connections
    that begin with HTTP/2 without TLS, or with a broken WebSocket handshake."""
    handshake_seconds: float = 10.0
    """How long a TLS handshake may take."""
    requests: int = 1000
    """Requests that are not answered yet, over all connections. More get 503."""
    body_seconds: float = 120.0
    """How long a body may take to arrive. After that its request gets 408."""
    held_body_bytes: int = 16 * LARGEST_BODY
    """What the bodies of all requests under way may hold in memory. A request that goes over it gets 503."""
    drain_bytes: int = 64 * 1024 * 1024
    """How much of a body that is not wanted is read, and thrown away, after the answer."""
    drain_seconds: float = 5.0
    """How long that may take."""
    answer_seconds: float = 120.0
    """How long a client may take to read its answer. After that its connection is closed."""


class Load:
    """What the requests under way hold at the moment.

    Args:
        limits: What they may hold.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._requests = 0
        self._body_bytes = 0

    def enter(self) -> None:
        """Count a request, even one that is too many."""
        self._requests += 1

    def leave(self, body_bytes: int) -> None:
        """Count a request out, with what was read of its body."""
        self._requests -= 1
        self._body_bytes -= body_bytes

    def check(self) -> None:
        """Refuse a request that is one too many.

        Raises:
            EngineError: 503.
        """
        if self._requests > self._limits.requests:
            raise busy("The server has too many requests under way: try again later.")

    def hold(self, size: int) -> None:
        """Count a part of a body, which counts until its request leaves.

        Raises:
            EngineError: 503, if there is no room for it.
        """
        self._body_bytes += size
        if self._body_bytes > self._limits.held_body_bytes:
            raise busy("The server has too many request bodies under way: try again later.")
