"""`AsyncStateBase`, the asynchronous client: the twin of `StateBase` in `client.py`.

This module imports nothing that takes time: httpx, pydantic and the models are loaded when a namespace is first used.
"""

from __future__ import annotations

from ._base.lazy import cached_property, importing
from ._call.client import BaseClient
from ._call.settings import (
    DEFAULT_MAX_RESPONSE_BYTES,
    DEFAULT_MAX_RETRIES,
    DEFAULT_TIMEOUT_SECONDS,
    Secret,
    Settings,
    configuration_error,
)
from ._generated.namespaces import AsyncNamespaces

TYPE_CHECKING = False  # typing takes milliseconds to import; type checkers take this name for true
if TYPE_CHECKING:
    import ssl
    from datetime import datetime
    from os import PathLike
    from types import TracebackType
    from typing import Callable, Mapping, Optional, Type, Union

    import httpx
    from typing_extensions import Self

    from ._call.drivers import AsyncAPIClient, AsyncConnection
    from ._call.hooks import EventHooks
    from ._generated.raw import AsyncWithRawResponse
    from ._namespaces.memory import AsyncMemory
    from ._namespaces.memory import AsyncMemory as AsyncMemoryClient
    from ._namespaces.sessions import AsyncSessions as AsyncSessionsClient
    from .local.engine import Durability, EmbedFunction
    from .local.search.embedder import Embedder

__all__ = ["AsyncMemoryClient", "AsyncSessionsClient", "AsyncStateBase"]


class AsyncStateBase(AsyncNamespaces, BaseClient):
    """The client for asyncio and trio. Event loops may share one; each gets connections of its own.

    The arguments are those of `StateBase`, with async kinds of `http_client` and `transport`.

    Example:
        >>> async def main():
        ...     async with AsyncStateBase.local() as client:
        ...         session = await client.sessions.create("support-bot")
        ...         turn = await client.sessions.add_turn(session.id, "hi", "hello")
        ...         return turn.turn_number
    """

    def __init__(
        self,
        api_key: Optional[str] = None,
        base_url: Optional[str] = None,
        timeout: Union[float, httpx.Timeout, None] = DEFAULT_TIMEOUT_SECONDS,
        *,
        max_retries: int = DEFAULT_MAX_RETRIES,
        deadline: Optional[float] = None,
        max_response_bytes: Optional[int] = DEFAULT_MAX_RESPONSE_BYTES,
        default_headers: Optional[Mapping[str, str]] = None,
        http2: bool = False,
        proxy: Optional[str] = None,
        verify: Union[bool, str, ssl.SSLContext] = True,
        http_client: Optional[httpx.AsyncClient] = None,
        transport: Optional[httpx.AsyncBaseTransport] = None,
        event_hooks: Optional[EventHooks] = None,
        allow_insecure_http: bool = False,
    ) -> None:
        key = Secret(api_key)
        del api_key  # error trackers report the local variables of each frame
        try:
            self._settings = Settings(
                api_key=key,
                base_url=base_url,
                timeout=timeout,
                max_retries=max_retries,
                deadline=deadline,
                max_response_bytes=max_response_bytes,
                default_headers=default_headers,
                event_hooks=event_hooks,
                http2=http2,
                proxy=proxy,
                verify=verify,
                http_client=http_client,
                transport=transport,
                allow_insecure_http=allow_insecure_http,
            )
        except ValueError as error:  # a ConfigurationError
            del base_url, default_headers, proxy  # there may be passwords in them
            raise error.with_traceback(None) from error.__cause__
        self._owner = self
        self._closed = False
        if http_client is not None or transport is not None:
            _ = self._connection  # refuses one of the wrong kind now, and is there to be closed

    @classmethod
    def local(
        cls,
        path: Union[str, PathLike[str]] = ":memory:",
        *,
        embedder: Union[Embedder, EmbedFunction, None] = None,
        durability: Durability = "full",
        default_ttl_seconds: int = 86400,
        clock: Optional[Callable[[], datetime]] = None,
    ) -> Self:
        """Make a client of an engine that runs in this process; its arguments are those of `StateBase.local`.

        Raises:
            ConfigurationError: The store cannot be opened; the message says why.

        Example:
            >>> async with AsyncStateBase.local() as client:
            ...     (await client.sessions.create("support-bot")).state
            {}
        """
        with importing:
            from .local.errors import EngineError
            from .local.http.transport import open_transport

        try:
            transport = open_transport(
                path, embedder=embedder, durability=durability, default_ttl_seconds=default_ttl_seconds, clock=clock
            )
        except (EngineError, ImportError, TypeError, ValueError) as error:
            raise configuration_error(str(error)) from error
        return cls("local", "http://localhost", transport=transport, max_response_bytes=None)

    @cached_property
    def _connection(self) -> AsyncConnection:
        from .connect import connect_async

        return connect_async(self._settings, closed=self._closed)

    @cached_property
    def _api(self) -> AsyncAPIClient:
        from ._call.drivers import AsyncAPIClient

        return AsyncAPIClient(self._settings, self._owner._connection)

    @property
    def memories(self) -> AsyncMemory:
        """Another name for `memory`."""
        return self.memory

    @cached_property
    def with_raw_response(self) -> AsyncWithRawResponse:
        """The namespaces of this client, each method with the whole answer: an `APIResponse`.

        Example:
            >>> answer = await client.with_raw_response.sessions.get(session.id)
            >>> answer.status_code, answer.parse().state
            (200, {'step': 1})
        """
        from ._call.drivers import AsyncAPIClient
        from ._generated.raw import AsyncWithRawResponse

        return AsyncWithRawResponse(AsyncAPIClient(self._settings, self._owner._connection, raw=True))

    async def close(self) -> None:
        """Give back all connections; further calls fail. A second time does nothing."""
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


def __getattr__(name: str) -> object:
    """Return a namespace by its name in statebase 0.4: code written for that imports it from here."""
    if name == "AsyncMemoryClient":
        from ._namespaces.memory import AsyncMemory

        return AsyncMemory
    if name == "AsyncSessionsClient":
        from ._namespaces.sessions import AsyncSessions

        return AsyncSessions
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
