"""A request that may have to connect first, and is cancelled at the worst moment."""

from __future__ import annotations

import ssl
import time
from typing import Any

import anyio
import httpx

from .connections import Lane

WARM_SECONDS = 1.0
"""A connection that was in use so recently is still there, as good as always, and need not be watched."""


async def send(lane: Lane[httpx.AsyncHTTPTransport], request: httpx.Request) -> httpx.Response:
    """Send a request over TLS; if it is cancelled during the handshake, close the socket.

    httpcore does not (1.0.9), and asyncio holds on to the socket until the event loop ends.

    Raises:
        httpx.TransportError: The request failed; a `ConnectError` when the handshake did.
    """
    if lane.network_stream is not None and time.monotonic() < lane.idle_since + WARM_SECONDS:
        return await lane.transport.handle_async_request(request)
    extensions = request.extensions
    watch = _Watch(extensions.get("trace"))
    request.extensions = {**extensions, "trace": watch}
    try:
        return await lane.transport.handle_async_request(request)
    except GeneratorExit:  # this coroutine is garbage: it may not await any more
        raise
    except BaseException as error:
        if watch.connecting is not None:
            with anyio.CancelScope(shield=True):
                await watch.connecting.aclose()
            if isinstance(error, ssl.SSLError):  # httpcore before 1.0 lets this one through
                raise httpx.ConnectError(str(error), request=request) from error
        raise
    finally:
        request.extensions = extensions


class _Watch:
    """A trace extension of httpx that keeps an eye on the connection while its TLS handshake lasts."""

    def __init__(self, trace: Any) -> None:
        self.connecting: Any = None
        self._trace = trace

    async def __call__(self, event: str, info: Any) -> None:
        if event.endswith("connect_tcp.complete"):
            self.connecting = info["return_value"]
        elif event.endswith("start_tls.complete"):
            self.connecting = None
        if self._trace is not None:
            await self._trace(event, info)
