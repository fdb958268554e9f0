"""`AsyncStateBase`, the asynchronous client: the twin of `StateBase` in `client.py`.

This module imports only cheap modules: httpx, pydantic and the models are imported when a namespace is first used.
"""

from __future__ import annotations

from ._base.lazy import cached_property
from ._clients.base import BaseClient
from ._generated.async_namespaces import AsyncNamespaces

TYPE_CHECKING = False  # importing typing takes milliseconds; type checkers treat this name as true
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Optional, Type

    import httpx  # noqa: F401  # the class statement names it in strings
    from typing_extensions import Self

    from ._call.drivers import AsyncAPIClient, AsyncConnection
    from ._call.outbox import AsyncOutbox
    from ._generated.transport.memory import AsyncMemory as AsyncMemoryClient
    from ._generated.transport.sessions import AsyncSessions as AsyncSessionsClient

__all__ = ["AsyncMemoryClient", "AsyncSessionsClient", "AsyncStateBase"]


class AsyncStateBase(AsyncNamespaces, BaseClient["httpx.AsyncClient", "httpx.AsyncBaseTransport"]):
    """The client for asyncio and trio. Event loops can share one; each has its own connections.

    The arguments are those of `StateBase`; `http_client` is an `httpx.AsyncClient`, `transport` an
    `httpx.AsyncBaseTransport`.

    Example:
        >>> async def main():
        ...     async with AsyncStateBase.local() as client:
        ...         session = await client.sessions.create("support-bot")
        ...         turn = await client.sessions.add_turn(session.id, "hi", "hello")
        ...         return turn.turn_number
    """

    @cached_property
    def _connection(self) -> AsyncConnection:
        from ._clients.connect import connect_async

        return connect_async(self._settings, closed=self._closed)

    def _make_api(self, *, raw: bool = False) -> AsyncAPIClient:
        from ._call.drivers import AsyncAPIClient

        return AsyncAPIClient(self._settings, self._owner._connection, raw=raw)

    @cached_property
    def outbox(self) -> AsyncOutbox:
        """The turns and memories that wait to be sent."""
        from ._call.outbox import AsyncOutbox

        return AsyncOutbox(self._api.outbox)

    async def close(self) -> None:
        """Close all connections; further calls fail. Calling it again has no effect."""
        if self._owner is not self:
            return
        self._closed = True
        if "_connection" in self.__dict__:
            await self._connection.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: Optional[Type[BaseException]],
        exc: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        await self.close()

    if not TYPE_CHECKING:

        def __enter__(self):
            raise TypeError("AsyncStateBase is for asynchronous code: use `async with`, or StateBase with `with`")

        def __exit__(self, *exc_info):
            """Do nothing: `with` looks for it first."""


def __getattr__(name: str) -> object:
    """Return a namespace class by its name in statebase 0.4, for imports in code written for it."""
    if name == "AsyncMemoryClient":
        from ._generated.transport.memory import AsyncMemory

        return AsyncMemory
    if name == "AsyncSessionsClient":
        from ._generated.transport.sessions import AsyncSessions

        return AsyncSessions
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
