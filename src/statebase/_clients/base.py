"""The shared part of both clients: the constructor, `local()`, their options, and views with other options.

This module imports only cheap modules: httpx, pydantic and the models are imported when a namespace is first used.
"""

from __future__ import annotations

from .._base.lazy import cached_property, importing
from .._call.settings import (
    DEFAULT_HTTP_BACKEND,
    DEFAULT_MAX_RESPONSE_BYTES,
    DEFAULT_MAX_RETRIES,
    DEFAULT_TIMEOUT_SECONDS,
    Secret,
    Settings,
    configuration_error,
)

TYPE_CHECKING = False  # importing typing takes milliseconds; type checkers treat this name as true
if TYPE_CHECKING:
    import ssl
    from datetime import datetime
    from os import PathLike
    from typing import Any, Callable, Generic, Mapping, Optional, TypeVar, Union

    import httpx
    from typing_extensions import Never, Self, Unpack

    from .._call.hooks import EventHooks
    from .._call.options import ClientOptions, HttpBackend
    from ..local.engine import Durability, EmbedFunction
    from ..local.search.embedder import Embedder

    HttpClient = TypeVar("HttpClient")
    Transport = TypeVar("Transport")
else:
    HttpClient = Transport = None

    class Generic:
        """A stand-in for `typing.Generic` as a base class."""

        def __class_getitem__(cls, kinds):
            return cls


def _unknown_option(client: type, name: str) -> TypeError:
    from inspect import signature

    from .._base.suggestions import did_you_mean

    question = did_you_mean(name, [each for each in signature(client).parameters if each != "unknown"])
    return TypeError(f"{client.__name__}() got an unexpected keyword argument {name!r}{question}")


class BaseClient(Generic[HttpClient, Transport]):
    """A client, or a view of a client with other options that shares its connections."""

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
        http_backend: HttpBackend = DEFAULT_HTTP_BACKEND,
        proxy: Optional[str] = None,
        verify: Union[bool, str, ssl.SSLContext] = True,
        http_client: Optional[HttpClient] = None,
        transport: Optional[Transport] = None,
        event_hooks: Optional[EventHooks] = None,
        allow_insecure_http: bool = False,
        circuit_breaker: bool = False,
        outbox: Union[str, PathLike[str], None] = None,
        **unknown: Never,
    ) -> None:
        key = Secret(api_key)
        del api_key  # error trackers report local variables
        if unknown:
            raise _unknown_option(type(self), next(iter(unknown)))
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
                http_backend=http_backend,
                proxy=proxy,
                verify=verify,
                http_client=http_client,
                transport=transport,
                allow_insecure_http=allow_insecure_http,
                circuit_breaker=circuit_breaker,
                outbox=outbox,
            )
        except ValueError as error:  # a ConfigurationError
            del base_url, default_headers, proxy  # they may contain passwords
            raise error.with_traceback(None) from error.__cause__
        self._owner = self
        self._closed = False
        if http_client is not None or transport is not None or http_backend != DEFAULT_HTTP_BACKEND:
            _ = self._connection  # checks its type now, and lets close() close it

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
        """Return a client of an engine that runs in this process, on SQLite or PostgreSQL: no server, no API key.

        Args:
            path: The file of the store, created if it does not exist; `":memory:"` for a store that exists until the
                client is closed. Clients of one file in one process share an engine; other processes may open it too.
                A URL such as `"postgresql://user@host:5432/database"` for a PostgreSQL database, with the extra
                `statebase[postgres]`.
            embedder: Computes the vectors for semantic search. Default: the model of `statebase[local]` if it is
                installed, else keyword search.
            durability: `"full"`: completed writes survive a power failure. `"normal"`: they survive a crash of the
                process, or on PostgreSQL of the engine; faster.
            default_ttl_seconds: The lifetime of sessions created without one, 1 to 2,592,000 seconds (30 days).
            clock: Returns the engine's time, as an aware datetime. Default: the system clock.

        Raises:
            ConfigurationError: The store cannot be opened; the message gives the reason.

        Example:
            >>> with StateBase.local() as client:
            ...     client.sessions.create("support-bot").state
            {}
        """
        with importing:
            from ..local.errors import EngineError
            from ..local.http.transport import open_transport

        try:
            transport: Any = open_transport(
                path, embedder=embedder, durability=durability, default_ttl_seconds=default_ttl_seconds, clock=clock
            )
        except (EngineError, ImportError, TypeError, ValueError) as error:
            raise configuration_error(str(error)) from error
        return cls("local", "http://localhost", transport=transport, max_response_bytes=None)

    if TYPE_CHECKING:
        _owner: Any

        @cached_property
        def _connection(self) -> Any: ...
        def _make_api(self, *, raw: bool = False) -> Any: ...

    @cached_property
    def _api(self) -> Any:
        return self._make_api()

    @property
    def base_url(self) -> str:
        """The URL of the service, without a slash at the end."""
        return self._settings.base_url

    @property
    def timeout(self) -> Union[float, httpx.Timeout, None]:
        """The limit in seconds for connecting, for sending, and for each wait for data. None: no limit."""
        return self._settings.timeout

    def with_options(self, **changes: Unpack[ClientOptions]) -> Self:
        """Return a view of this client with other options. It shares the connections; closing it has no effect.

        Args:
            **changes: `timeout`, `max_retries`, `deadline`, `max_response_bytes`, `default_headers` or
                `event_hooks`.

        Raises:
            ConfigurationError: An option has a wrong value.
            TypeError: The option cannot be changed, or does not exist.

        Example:
            >>> patient = client.with_options(timeout=120, max_retries=5)
            >>> patient.timeout
            120
        """
        view = object.__new__(type(self))
        view._settings = self._settings.replace(**changes)
        view._owner = self._owner
        return view

    def __repr__(self) -> str:
        store = self._store_name()
        made = f"(base_url={self.base_url!r})" if store is None else f".local({store!r})"
        return f"{type(self).__name__}{made}{' <closed>' if self._owner._closed else ''}"

    def _store_name(self) -> Optional[str]:
        """Return the path of the store that `local()` opened, or its URL without a password; None for a service."""
        transport: Any = self._settings.transport
        is_local = type(transport).__module__ == "statebase.local.http.transport"
        return transport.store_name if is_local else None

    if not TYPE_CHECKING:

        def __getattr__(self, name):
            from .._base.suggestions import no_attribute

            raise no_attribute(self, name)
