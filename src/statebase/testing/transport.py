"""The transport that injects faults between a client and the engine."""

from __future__ import annotations

import httpx

from ..local.http.transport import LocalTransport
from .faults import Faults


class FaultyTransport(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Passes requests on to the engine, and applies faults to them.

    Args:
        transport: The engine's transport; closed with this one.
        faults: The faults.
    """

    def __init__(self, transport: LocalTransport, faults: Faults) -> None:
        self._transport = transport
        self._faults = faults

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Return the response to a request, or apply a fault."""
        fault = self._faults.meet(request)
        if fault is None:
            return self._transport.handle_request(request)
        answer = fault.before(request)
        if answer is None:
            answer = self._transport.handle_request(request)
        return fault.after(request, answer)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Return the response to a request, or apply a fault."""
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
