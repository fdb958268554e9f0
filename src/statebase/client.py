"""`StateBase`, the synchronous client.

This module imports only cheap modules: httpx, pydantic and the models are imported when a namespace is first used.
"""

from __future__ import annotations

from ._base.lazy import cached_property
from ._clients.base import BaseClient
from ._generated.namespaces import Namespaces

TYPE_CHECKING = False  # importing typing takes milliseconds; type checkers treat this name as true
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Optional, Type

    import httpx  # noqa: F401  # the class statement names it in strings
    from typing_extensions import Self

    from ._call.drivers import SyncAPIClient, SyncConnection
    from ._call.outbox import Outbox
    from ._generated.transport.memory import Memory as MemoryClient
    from ._generated.transport.sessions import Sessions as SessionsClient

__all__ = ["MemoryClient", "SessionsClient", "StateBase"]


class StateBase(Namespaces, BaseClient["httpx.Client", "httpx.BaseTransport"]):
    """The client for scripts, notebooks and threaded servers. Threads can share one.

    No connection is opened before the first call. Close it with `close()` or a `with` block.

    Args:
        api_key: The API key. Default: the environment variable `STATEBASE_API_KEY`.
        base_url: The URL of the service, or a region: `"us"`, `"eu"`, `"apac"`. Default: the environment variable
            `STATEBASE_BASE_URL`, else the region us.
        timeout: The limit in seconds for connecting, for sending, and for each wait for data. None: no limit.
            Default: 30.0.
        max_retries: Retries after a failed attempt. Default: 2.
        deadline: The limit in seconds for a whole call, including retries and delays. Default: no limit.
        max_response_bytes: The largest response to accept, in bytes, decompressed. None: no limit. Default: 64 MiB.
        default_headers: Headers to send with every request.
        http2: Use HTTP/2; requires the extra `statebase[http2]`. All calls share one connection instead of up to 100.
            Useful where connections are limited; it is not faster.
        http_backend: The library that sends requests: `"httpcore"`, or `"aiohttp"`, which requires `AsyncStateBase` and
            the extra `statebase[aiohttp]`: less than half the CPU per call; asyncio only, HTTP/1.1 only, no SOCKS
            proxies.
        proxy: The URL of a proxy, such as `"http://localhost:3128"`. Default: the proxy that the environment names.
        verify: True to verify certificates with the default CAs, False not to verify them, the path of a CA bundle, or
            an `ssl.SSLContext`.
        http_client: An `httpx.Client` to send requests with its own TLS, proxies and limits. You close it.
        transport: An httpx transport to send requests with instead of the network. It is closed with the client.
        event_hooks: Functions to call before and after each attempt; see `EventHooks`.
        allow_insecure_http: True to allow sending the API key unencrypted to another machine.
        circuit_breaker: True to fail at once, with a `CircuitOpenError`, for 5 to 60 seconds after a call that the
            service did not answer. Calls that go on without the service (`on_unavailable`, `outbox`) always do.
            Default: False, so that a program can wait for a service to start.
        outbox: The path of a file that keeps turns and memories until they are sent, see `client.outbox`; it is created
            if it does not exist. If the service is unavailable, `add_turn`, `add_tool_call` and `memory.add` return a
            `QueuedTurn` or `QueuedMemory` instead of raising an error. Default: None, no outbox.

    Raises:
        ConfigurationError: An option is invalid; the message says what to pass.

    Example:
        >>> with StateBase.local() as client:
        ...     session = client.sessions.create("support-bot", initial_state={"plan": "basic"})
        ...     client.sessions.add_turn(session.id, "hi", "hello").turn_number
        1
    """

    @cached_property
    def _connection(self) -> SyncConnection:
        from ._clients.connect import connect

        return connect(self._settings, closed=self._closed)

    def _make_api(self, *, raw: bool = False) -> SyncAPIClient:
        from ._call.drivers import SyncAPIClient

        return SyncAPIClient(self._settings, self._owner._connection, raw=raw)

    @cached_property
    def outbox(self) -> Outbox:
        """The turns and memories that wait to be sent."""
        from ._call.outbox import Outbox

        return Outbox(self._api.outbox)

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

    if not TYPE_CHECKING:

        async def __aenter__(self):
            raise TypeError("StateBase is for synchronous code: use `with`, or AsyncStateBase with `async with`")

        async def __aexit__(self, *exc_info):
            """Do nothing: `async with` looks for it first."""


def __getattr__(name: str) -> object:
    """Return a namespace class by its name in statebase 0.4, for imports in code written for it."""
    if name == "MemoryClient":
        from ._generated.transport.memory import Memory

        return Memory
    if name == "SessionsClient":
        from ._generated.transport.sessions import Sessions

        return Sessions
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
