"""`StateBase`, the synchronous client.

This module imports nothing that takes time: httpx, pydantic and the models are loaded when a namespace is first used.
"""

from __future__ import annotations

from ._base.lazy import cached_property
from ._generated.namespaces import Namespaces
from .base_client import BaseClient

TYPE_CHECKING = False  # typing takes milliseconds to import; type checkers take this name for true
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Optional, Type

    import httpx  # noqa: F401  # the class statement names it in strings
    from typing_extensions import Self

    from ._call.drivers import SyncAPIClient, SyncConnection
    from ._generated.transport.memory import Memory as MemoryClient
    from ._generated.transport.sessions import Sessions as SessionsClient

__all__ = ["MemoryClient", "SessionsClient", "StateBase"]


class StateBase(Namespaces, BaseClient["httpx.Client", "httpx.BaseTransport"]):
    """The client for scripts, notebooks and threaded servers. Threads may share one.

    Nothing is opened until the first call. Close it with `close()` or a `with` block.

    Args:
        api_key: The key of the service. Default: the environment variable `STATEBASE_API_KEY`.
        base_url: The address of the service, or a region: `"us"`, `"eu"`, `"apac"`. Default: the environment
            variable `STATEBASE_BASE_URL`, else the region us.
        timeout: Seconds that connecting, sending, and each wait for data may take. None: no limit. Default: 30.0.
        max_retries: Retries after a failed attempt. Default: 2.
        deadline: Seconds that a whole call may take, its attempts and waits together. Default: no limit.
        max_response_bytes: The largest response to accept, in bytes, decompressed. None: no limit. Default: 64 MiB.
        default_headers: Headers to send with every request.
        http2: Speak HTTP/2 with the service; needs the extra `statebase[http2]`. All calls then share one connection,
            of which HTTP/1.1 opens up to 100: it helps where connections are scarce, and is not faster.
        http_backend: The library that sends requests: `"httpcore"`, or `"aiohttp"` for `AsyncStateBase` only, which
            needs the extra `statebase[aiohttp]`: less than half the CPU a call, asyncio only, HTTP/1.1 only, no
            SOCKS proxies.
        proxy: The proxy to go through, such as `"http://localhost:3128"`. Default: what the environment says.
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

    @cached_property
    def _connection(self) -> SyncConnection:
        from .connect import connect

        return connect(self._settings, closed=self._closed)

    def _make_api(self, *, raw: bool = False) -> SyncAPIClient:
        from ._call.drivers import SyncAPIClient

        return SyncAPIClient(self._settings, self._owner._connection, raw=raw)

    def close(self) -> None:
        """Close all connections; further calls fail. Calling it again has no effect."""
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
        from ._generated.transport.memory import Memory

        return Memory
    if name == "SessionsClient":
        from ._generated.transport.sessions import Sessions

        return Sessions
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
