"""`StateBase`, the synchronous client.

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

    from ._call.drivers import SyncAPIClient, SyncConnection
    from ._call.hooks import EventHooks
    from ._call.options import ClientOptions, RequestOptions
    from ._generated.models import HealthStatus
    from ._generated.raw import WithRawResponse
    from ._generated.transport.dashboard import DashboardTransport
    from ._generated.transport.entities import EntitiesTransport
    from ._generated.transport.state import StateTransport
    from ._generated.transport.system import SystemTransport
    from ._generated.transport.traces import TracesTransport
    from ._namespaces.memory import Memory
    from ._namespaces.memory import Memory as MemoryClient
    from ._namespaces.sessions import Sessions
    from ._namespaces.sessions import Sessions as SessionsClient
    from .local.engine import Durability, EmbedFunction
    from .local.search.embedder import Embedder

__all__ = ["MemoryClient", "SessionsClient", "StateBase"]


class StateBase:
    """The client for scripts, notebooks and threaded servers. Threads may share one.

    Nothing is opened until the first call. Close it with `close()` or a `with` block.

    Args:
        api_key: The key of the service; without it, the environment variable `STATEBASE_API_KEY`.
        base_url: The address of the service, or a region: `"us"`, `"eu"`, `"apac"`; without it, the environment
            variable `STATEBASE_BASE_URL`, else the region us.
        timeout: Seconds that connecting, sending, and each wait for data may take; None for ever. 30.0 without it.
        max_retries: How often a failed attempt is repeated; 2 without it.
        deadline: Seconds that a whole call may take, its attempts and waits together; no limit without it.
        max_response_bytes: The largest response to accept, in bytes, decompressed. None: no limit. Default: 64 MiB.
        default_headers: Headers to send with every request.
        http2: Speak HTTP/2 with the service; needs the extra `statebase[http2]`. All calls then share one connection,
            of which HTTP/1.1 opens up to 100: it helps where connections are scarce, and is no faster.
        proxy: The proxy to go through, such as `"http://localhost:3128"`; without it, what the environment says.
        verify: True to trust the usual authorities, False to trust anyone, a file of authorities, or an `SSLContext`.
        http_client: An `httpx.Client` to send through, with its own TLS, proxies and limits; you close it.
        transport: An httpx transport to send through, in place of the network; closed with the client.
        event_hooks: Functions to call around each attempt; see `EventHooks`.
        allow_insecure_http: True to send the key unencrypted to another machine.

    Raises:
        ConfigurationError: An option cannot work; the message says what to do.

    Example:
        >>> with StateBase.local() as client:
        ...     session = client.sessions.create("support-bot", initial_state={"plan": "basic"})
        ...     client.sessions.add_turn(session.id, "hi", "hello").turn_number
        1
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
        http_client: Optional[httpx.Client] = None,
        transport: Optional[httpx.BaseTransport] = None,
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
        """Make a client of an engine that runs in this process, on SQLite: no server, no key, no network.

        Args:
            path: The file of the store, made if it is not there; `":memory:"` for one that lives as long as the client.
                Clients of one file in one process share an engine; other processes may open it too.
            embedder: Turns texts into vectors for search by meaning; without it, the one of `statebase[local]` where
                that is installed, else search finds words.
            durability: `"full"`: what was answered survives a loss of power. `"normal"`: it survives a crash of the
                process; faster.
            default_ttl_seconds: How long a session lives that does not say, 1 to 2,592,000 seconds (30 days).
            clock: Tells the engine the time, as an aware datetime; the machine's without it.

        Raises:
            ConfigurationError: The store cannot be opened; the message says why.

        Example:
            >>> with StateBase.local() as client:
            ...     client.sessions.create("support-bot").state
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
    def _connection(self) -> SyncConnection:
        from .connect import connect

        return connect(self._settings, closed=self._closed)

    @cached_property
    def _api(self) -> SyncAPIClient:
        from ._call.drivers import SyncAPIClient

        return SyncAPIClient(self._settings, self._owner._connection)

    @cached_property
    def sessions(self) -> Sessions:
        """Conversations of agents: their life, their turns, their state."""
        from ._namespaces.sessions import Sessions

        return Sessions(self._api)

    @cached_property
    def state(self) -> StateTransport:
        """The state of sessions: versions, rollback, context."""
        from ._generated.transport.state import StateTransport

        return StateTransport(self._api)

    @cached_property
    def memory(self) -> Memory:
        """Texts that are found again by meaning."""
        from ._namespaces.memory import Memory

        return Memory(self._api)

    @property
    def memories(self) -> Memory:
        """Another name for `memory`."""
        return self.memory

    @cached_property
    def traces(self) -> TracesTransport:
        """The audit trail: one trace for each change."""
        from ._generated.transport.traces import TracesTransport

        return TracesTransport(self._api)

    @cached_property
    def entities(self) -> EntitiesTransport:
        """Things that a session knows, each with attributes."""
        from ._generated.transport.entities import EntitiesTransport

        return EntitiesTransport(self._api)

    @cached_property
    def dashboard(self) -> DashboardTransport:
        """Figures of the whole service, and its API keys."""
        from ._generated.transport.dashboard import DashboardTransport

        return DashboardTransport(self._api)

    @cached_property
    def _system(self) -> SystemTransport:
        from ._generated.transport.system import SystemTransport

        return SystemTransport(self._api)

    def health(self, **options: Unpack[RequestOptions]) -> HealthStatus:
        """Ask how the service and its parts are doing.

        Example:
            >>> client.health().status
            'healthy'
        """
        return self._system.health(**options)

    def ready(self, **options: Unpack[RequestOptions]) -> Dict[str, Any]:
        """Ask whether the service can take requests.

        Raises:
            InternalServerError: It cannot.

        Example:
            >>> client.ready()
            {'status': 'ready'}
        """
        return self._system.ready(**options)

    def live(self, **options: Unpack[RequestOptions]) -> Dict[str, Any]:
        """Ask whether the service runs at all.

        Example:
            >>> client.live()
            {'status': 'alive'}
        """
        return self._system.live(**options)

    def info(self, **options: Unpack[RequestOptions]) -> Dict[str, Any]:
        """Ask the service what it is: its name, version and status.

        Example:
            >>> client.info()["name"]
            'statebase'
        """
        return self._system.info(**options)

    @cached_property
    def with_raw_response(self) -> WithRawResponse:
        """The namespaces of this client, each method with the whole answer: an `APIResponse`.

        Example:
            >>> answer = client.with_raw_response.sessions.get(session.id)
            >>> answer.status_code, answer.parse().state
            (200, {'step': 1})
        """
        from ._call.drivers import SyncAPIClient
        from ._generated.raw import WithRawResponse

        return WithRawResponse(SyncAPIClient(self._settings, self._owner._connection, raw=True))

    def with_options(self, **changes: Unpack[ClientOptions]) -> Self:
        """Make a view of this client with other options: it shares the connections, and closing it does nothing.

        Args:
            **changes: `timeout`, `max_retries`, `deadline`, `max_response_bytes`, `default_headers` or
                `event_hooks`.

        Example:
            >>> patient = client.with_options(timeout=120, max_retries=5)
            >>> patient.sessions.get(session.id).state
            {'step': 1}
        """
        view = object.__new__(type(self))
        view._settings = self._settings.replace(**changes)
        view._owner = self._owner
        return view

    def close(self) -> None:
        """Give back all connections; further calls fail. A second time does nothing."""
        if self._owner is not self:
            return
        self._closed = True
        if "_connection" in self.__dict__:
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: Optional[Type[BaseException]],
        exc: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(base_url={self.base_url!r})"


def __getattr__(name: str) -> object:
    """Return a namespace by its name in statebase 0.4: code written for that imports it from here."""
    if name == "MemoryClient":
        from ._namespaces.memory import Memory

        return Memory
    if name == "SessionsClient":
        from ._namespaces.sessions import Sessions

        return Sessions
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
