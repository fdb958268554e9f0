"""Failures between a client and the engine: a transport before the engine's."""

from __future__ import annotations

import httpx

from ..local.http.transport import LocalTransport
from .faults import Faults


class FaultyTransport(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Passes requests on to the engine, unless they meet a failure.

    Args:
        transport: The engine's transport; closed with this one.
        faults: The failures.
    """

    def __init__(self, transport: LocalTransport, faults: Faults) -> None:
        self._transport = transport
        self._faults = faults

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer a request, or fail as was asked for."""
        fault = self._faults.meet(request)
        if fault is None:
            return self._transport.handle_request(request)
        answer = fault.before(request)
        if answer is None:
            answer = self._transport.handle_request(request)
        return fault.after(request, answer)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer a request, or fail as was asked for."""
        fault = self._faults.meet(request)
        if fault is None:
            return await self._transport.handle_async_request(request)
        answer = fault.before(request)
        if answer is None:
            answer = await self._transport.handle_async_request(request)
        return fault.after(request, answer)

    def close(self) -> None:
        """Close the engine's transport."""
        self._transport.close()

    async def aclose(self) -> None:
        """Close the engine's transport."""
        await self._transport.aclose()
