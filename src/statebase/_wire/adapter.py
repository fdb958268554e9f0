"""The adapter from an httpx transport or client to an exchange."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Iterator, List, Tuple, cast

import httpx

from .._base.body import Body
from .._base.exchange import Reply, Request

SyncSend = Callable[[httpx.Request], httpx.Response]
AsyncSend = Callable[[httpx.Request], Awaitable[httpx.Response]]


class HttpxExchange:
    """Sends requests through a transport or client of httpx.

    Args:
        send: Sends a request; async for `exchange_async`.
        base_url: Scheme, host and port of the service.
        close: Closes what sends; async for `aclose`.
        is_known: Whether the transport is one of httpx, which sends only what it iterates over.
    """

    def __init__(
        self, send: Callable[[httpx.Request], Any], base_url: str, close: Callable[[], Any], *, is_known: bool
    ) -> None:
        self._send = send
        self._origin = str(httpx.URL(base_url).copy_with(raw_path=b"/")).rstrip("/")
        self.close = self.aclose = close
        self._is_known = is_known

    def exchange(self, request: Request) -> Reply:
        """Send a request and read the whole reply."""
        handed = self._handed(request)
        try:
            response: httpx.Response = self._send(handed)
            try:
                body = _body(response, request)
                if not response.is_stream_consumed:
                    for data in cast("Iterable[bytes]", response.stream):
                        request.check_deadline()
                        if not body.add(data):
                            break
                return body.reply(response.status_code)
            finally:
                response.close()
        finally:
            request.body_was_used = handed.body_was_used(is_known=self._is_known)

    async def exchange_async(self, request: Request) -> Reply:
        """Send a request and read the whole reply."""
        handed = self._handed(request)
        try:
            response: httpx.Response = await self._send(handed)
            try:
                body = _body(response, request)
                if not response.is_stream_consumed:
                    stream = cast("AsyncIterable[bytes]", response.stream).__aiter__()
                    async for data in stream:
                        if not body.add(data):
                            await _close(stream)
                            break
                return body.reply(response.status_code)
            finally:
                await response.aclose()
        finally:
            request.body_was_used = handed.body_was_used(is_known=self._is_known)

    def _handed(self, request: Request) -> HandedRequest:
        address = self._origin + request.target
        # A query is rarely repeated, and may be private: do not cache it.
        url = httpx.URL(address) if "?" in address else _known_url(address)
        handed = HandedRequest(request.method, url, list(request.headers), request.content)
        handed.extensions = {"timeout": request.timeouts}
        return handed


# An agent requests the same few URLs again and again, and parsing one is the most expensive part of a request.
_known_url = lru_cache(maxsize=512)(httpx.URL)


def _body(response: httpx.Response, request: Request) -> Body:
    body = Body(response.headers.raw, request.max_response_bytes)
    if response.is_stream_consumed:  # read before, and decompressed
        body.keep(response.content)
    return body


async def _close(stream: AsyncIterator[bytes]) -> None:
    aclose = getattr(stream, "aclose", None)
    if aclose is not None:  # the garbage collector would end a generator in a task
        await aclose()


class HandedRequest(httpx.Request):
    """A request for the caller's transport: its body is loaded, and its use is recorded."""

    def __init__(self, method: str, url: httpx.URL, headers: List[Tuple[bytes, bytes]], content: bytes) -> None:
        self._watched = _WatchedBody(content)
        self._handed_content = content
        self._content_was_used = False
        super().__init__(method, url, headers=headers, stream=self._watched)

    def body_was_used(self, *, is_known: bool) -> bool:
        """Return whether the body may have been sent.

        Args:
            is_known: Whether the transport is one of httpx, which sends only what it iterates over.
        """
        return self._watched.was_used or (self._content_was_used and not is_known)

    @property
    def content(self) -> bytes:
        """The body."""
        self._content_was_used = True
        return self._handed_content

    def read(self) -> bytes:
        """Return the body."""
        return self.content

    async def aread(self) -> bytes:
        """Return the body."""
        return self.content


class _WatchedBody(httpx.ByteStream):
    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self._pieces = (content,) if content else ()  # an empty piece would cost as much as a full one
        self.was_used = False

    def __iter__(self) -> Iterator[bytes]:
        self.was_used = True
        yield from self._pieces

    async def __aiter__(self) -> AsyncIterator[bytes]:
        self.was_used = True
        for piece in self._pieces:
            yield piece
