"""`AsyncStateBase`, the asynchronous client: the twin of `StateBase` in `client.py`.

This module imports nothing that takes time: httpx, pydantic and the models are loaded when a namespace is first used.
"""

from __future__ import annotations

from ._base.lazy import cached_property, importing
from ._call.settings import (
    DEFAULT_MAX_RESPONSE_BYTES,
    DEFAULT_MAX_RETRIES,
    DEFAULT_TIMEOUT_SECONDS,
    Secret,
    Settings,
    configuration_error,
)

TYPE_CHECKING = False  # typing takes milliseconds to import; type checkers take this name for true
if TYPE_CHECKING:
    import ssl
    from datetime import datetime
    from os import PathLike
    from types import TracebackType
    from typing import Any, Callable, Dict, Mapping, Optional, Type, Union

    import httpx
    from typing_extensions import Self, Unpack

    from ._call.drivers import AsyncAPIClient, AsyncConnection
    from ._call.hooks import EventHooks
    from ._call.options import ClientOptions, RequestOptions
    from ._generated.models import HealthStatus
    from ._generated.raw import AsyncWithRawResponse
    from ._generated.transport.dashboard import AsyncDashboardTransport
    from ._generated.transport.entities import AsyncEntitiesTransport
    from ._generated.transport.state import AsyncStateTransport
    from ._generated.transport.system import AsyncSystemTransport
    from ._generated.transport.traces import AsyncTracesTransport
    from ._namespaces.memory import AsyncMemory
    from ._namespaces.memory import AsyncMemory as AsyncMemoryClient
    from ._namespaces.sessions import AsyncSessions
    from ._namespaces.sessions import AsyncSessions as AsyncSessionsClient
    from .local.engine import Durability, EmbedFunction
    from .local.search.embedder import Embedder

__all__ = ["AsyncMemoryClient", "AsyncSessionsClient", "AsyncStateBase"]


class AsyncStateBase:
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

    @property
    def base_url(self) -> str:
        """The address of the service, without a slash at the end."""
        return self._settings.base_url

    @property
    def timeout(self) -> Union[float, httpx.Timeout, None]:
        """Seconds that connecting, sending, and each wait for data may take; None for ever."""
        return self._settings.timeout

    @cached_property
    def _connection(self) -> AsyncConnection:
        from .connect import connect_async

        return connect_async(self._settings, closed=self._closed)

    @cached_property
    def _api(self) -> AsyncAPIClient:
        from ._call.drivers import AsyncAPIClient

        return AsyncAPIClient(self._settings, self._owner._connection)

    @cached_property
    def sessions(self) -> AsyncSessions:
        """Conversations of agents: their life, their turns, their state."""
        from ._namespaces.sessions import AsyncSessions

        return AsyncSessions(self._api)

    @cached_property
    def state(self) -> AsyncStateTransport:
        """The state of sessions: versions, rollback, context."""
        from ._generated.transport.state import AsyncStateTransport

        return AsyncStateTransport(self._api)

    @cached_property
    def memory(self) -> AsyncMemory:
        """Texts that are found again by meaning."""
        from ._namespaces.memory import AsyncMemory

        return AsyncMemory(self._api)

    @property
    def memories(self) -> AsyncMemory:
        """Another name for `memory`."""
        return self.memory

    @cached_property
    def traces(self) -> AsyncTracesTransport:
        """The audit trail: one trace for each change."""
        from ._generated.transport.traces import AsyncTracesTransport

        return AsyncTracesTransport(self._api)

    @cached_property
    def entities(self) -> AsyncEntitiesTransport:
        """Things that a session knows, each with attributes."""
        from ._generated.transport.entities import AsyncEntitiesTransport

        return AsyncEntitiesTransport(self._api)

    @cached_property
    def dashboard(self) -> AsyncDashboardTransport:
        """Figures of the whole service, and its API keys."""
        from ._generated.transport.dashboard import AsyncDashboardTransport

        return AsyncDashboardTransport(self._api)

    @cached_property
    def _system(self) -> AsyncSystemTransport:
        from ._generated.transport.system import AsyncSystemTransport

        return AsyncSystemTransport(self._api)

    async def health(self, **options: Unpack[RequestOptions]) -> HealthStatus:
        """Ask how the service and its parts are doing.

        Example:
            >>> (await client.health()).status
            'healthy'
        """
        return await self._system.health(**options)

    async def ready(self, **options: Unpack[RequestOptions]) -> Dict[str, Any]:
        """Ask whether the service can take requests.

        Raises:
            InternalServerError: It cannot.

        Example:
            >>> await client.ready()
            {'status': 'ready'}
        """
        return await self._system.ready(**options)

    async def live(self, **options: Unpack[RequestOptions]) -> Dict[str, Any]:
        """Ask whether the service runs at all.

        Example:
            >>> await client.live()
            {'status': 'alive'}
        """
        return await self._system.live(**options)

    async def info(self, **options: Unpack[RequestOptions]) -> Dict[str, Any]:
        """Ask the service what it is: its name, version and status.

        Example:
            >>> (await client.info())["name"]
            'statebase'
        """
        return await self._system.info(**options)

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

    def with_options(self, **changes: Unpack[ClientOptions]) -> Self:
        """Make a view of this client with other options: it shares the connections, and closing it does nothing.

        Args:
            **changes: `timeout`, `max_retries`, `deadline`, `max_response_bytes`, `default_headers` or
                `event_hooks`.

        Example:
            >>> patient = client.with_options(timeout=120, max_retries=5)
            >>> (await patient.sessions.get(session.id)).state
            {'step': 1}
        """
        view = object.__new__(type(self))
        view._settings = self._settings.replace(**changes)
        view._owner = self._owner
        return view

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

    def __repr__(self) -> str:
        return f"{type(self).__name__}(base_url={self.base_url!r})"


def __getattr__(name: str) -> object:
    """Return a namespace by its name in statebase 0.4: code written for that imports it from here."""
    if name == "AsyncMemoryClient":
        from ._namespaces.memory import AsyncMemory

        return AsyncMemory
    if name == "AsyncSessionsClient":
        from ._namespaces.sessions import AsyncSessions

        return AsyncSessions
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
