"""`StateBase`, the synchronous client.

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
from ._generated.namespaces import Namespaces

TYPE_CHECKING = False  # typing takes milliseconds to import; type checkers take this name for true
if TYPE_CHECKING:
    import ssl
    from datetime import datetime
    from os import PathLike
    from types import TracebackType
    from typing import Callable, Mapping, Optional, Type, Union

    import httpx
    from typing_extensions import Self

    from ._call.drivers import SyncAPIClient, SyncConnection
    from ._call.hooks import EventHooks
    from ._generated.raw import WithRawResponse
    from ._namespaces.memory import Memory
    from ._namespaces.memory import Memory as MemoryClient
    from ._namespaces.sessions import Sessions as SessionsClient
    from .local.engine import Durability, EmbedFunction
    from .local.search.embedder import Embedder

__all__ = ["MemoryClient", "SessionsClient", "StateBase"]


class StateBase(Namespaces, BaseClient):
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

    @cached_property
    def _connection(self) -> SyncConnection:
        from .connect import connect

        return connect(self._settings, closed=self._closed)

    @cached_property
    def _api(self) -> SyncAPIClient:
        from ._call.drivers import SyncAPIClient

        return SyncAPIClient(self._settings, self._owner._connection)

    @property
    def memories(self) -> Memory:
        """Another name for `memory`."""
        return self.memory

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


def __getattr__(name: str) -> object:
    """Return a namespace by its name in statebase 0.4: code written for that imports it from here."""
    if name == "MemoryClient":
        from ._namespaces.memory import Memory

        return Memory
    if name == "SessionsClient":
        from ._namespaces.sessions import Sessions

        return Sessions
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
