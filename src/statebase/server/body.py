"""The body of a request as a server hands it over, read within bounds."""

from __future__ import annotations

from typing import Any, Awaitable, Callable, Mapping, MutableMapping, Optional

import anyio

from ..local.errors import EngineError
from ..local.http.read import check_size
from .limits import Limits, Load

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]


class Disconnected(Exception):
    """The client went away before it had sent all of its request."""


class Body:
    """The body of a request as it comes in; one that is too large, or takes too long, is not read to its end."""

    def __init__(self, receive: Receive, limits: Limits, load: Load, *, may_come: bool) -> None:
        self._receive = receive
        self._limits = limits
        self._load = load
        self._more = may_come
        self._counts = False
        self.size = 0
        """What was read and counted, in bytes."""

    def enter(self) -> None:
        """Count the request as under way."""
        self._counts = True
        self._load.enter()

    def leave(self) -> None:
        """Count the request as answered; calling it again has no effect."""
        if self._counts:
            self._counts = False
            self._load.leave(self.size)

    @property
    def is_complete(self) -> bool:
        """Whether all of it has come."""
        return not self._more

    async def read(self) -> bytes:
        """Read all of it.

        Raises:
            EngineError: It is too large, takes too long, or there is no room for it.
            Disconnected: The client went away.
        """
        parts: list[bytes] = []
        if self._more:
            with anyio.move_on_after(self._limits.body_seconds) as late:
                while self._more:
                    part = await self._next()
                    if part is None:
                        raise Disconnected
                    self.size += len(part)
                    self._load.hold(len(part))
                    check_size(self.size)
                    parts.append(part)
            if late.cancelled_caught:
                self._more = False
                raise EngineError(408, "request_timeout", "The request body took too long to arrive: send it again.")
        return b"".join(parts)

    async def drain(self) -> None:
        """Read what is left of the body, within limits, and keep nothing of it."""
        size = 0
        with anyio.move_on_after(self._limits.drain_seconds):
            while self._more and size <= self._limits.drain_bytes:
                size += len(await self._next() or b"")

    async def _next(self) -> Optional[bytes]:
        """Return the next part; None if the client is gone."""
        message = await self._receive()
        gone = message["type"] == "http.disconnect"
        self._more = not gone and message.get("more_body", False)
        return None if gone else message.get("body", b"")


def may_have_body(scope: Mapping[str, Any], values: Mapping[bytes, bytes]) -> bool:
    """Return whether a body may follow the head; over HTTP/1 a header says so (RFC 9112 6.3)."""
    is_framed = b"content-length" in values or b"transfer-encoding" in values
    return is_framed or scope.get("http_version") not in ("1.0", "1.1")
