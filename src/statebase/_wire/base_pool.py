"""What the two flavours of connection pools share: their options, and what becomes of them in the child of a fork."""

from __future__ import annotations

import contextlib
import os
import warnings
from typing import Any, Callable, Generic, List, Optional, TypeVar
from weakref import WeakSet

import httpx

from .._base.lazy import importing
from .._base.locks import FrameLock
from .connections import CLOSED, Slots
from .tls import TransportOptions, Verify, transport_options

T = TypeVar("T")

MAX_CONNECTIONS = 100
"""Requests that a pool has under way at a time; more wait."""

KEEPALIVE_EXPIRY = 30.0
"""Seconds that an idle connection is kept: long enough for an agent to think between two calls, and well below the 55
to 75 after which the usual load balancers (Heroku, AWS, nginx) hang up: when they do, a request may be on its way."""


class BasePool(Generic[T]):
    """What both flavours share: their options, and what becomes of them in the child of a fork.

    Args:
        tls: Whether the pool is for https origins; else it is for http origins.
        verify: Whom to trust: True for the usual certificate authorities, False for anybody, the path of a file or
            directory of certificates, or a TLS context.
        http2: Whether to send all requests over one connection where an https server agrees to HTTP/2. More
            connections than one gain nothing: it is the CPU that limits them.
        proxy: URL of a proxy (http, https, socks5), with the credentials for it.
        max_connections: How many connections to open at most; with HTTP/2, how many requests to send at a time.
        keepalive_expiry: Seconds after which an idle connection is closed.

    Raises:
        ImportError: The options need a package that is not installed.
        ValueError: `max_connections` is below 1, or httpx cannot use the proxy.
    """

    _closed = True

    def __init__(
        self,
        *,
        tls: bool,
        verify: Verify = True,
        http2: bool = False,
        proxy: Optional[str] = None,
        max_connections: int = MAX_CONNECTIONS,
        keepalive_expiry: float = KEEPALIVE_EXPIRY,
    ) -> None:
        if max_connections < 1:
            raise ValueError(f"max_connections must be at least 1, got {max_connections}")
        self._scheme = "https" if tls else "http"
        self._verify: Verify = verify
        self._multiplexed = http2 and tls
        self._proxy = proxy
        self._shakes_hands = tls or (proxy or "").startswith("https:")
        self._limit = max_connections
        self._keepalive_expiry = keepalive_expiry
        self._options: Optional[TransportOptions] = None
        self._start_over()
        self._closed = False
        _pools.add(self)

    @property
    def active(self) -> int:
        """How many requests hold a slot."""
        return sum(slots.active for slots in self._all_slots())

    @property
    def waiting(self) -> int:
        """How many requests wait for a slot."""
        return sum(slots.waiting for slots in self._all_slots())

    def __repr__(self) -> str:
        return (
            f"<{type(self).__name__} for {self._scheme}: {self.active} of {self._limit} active, {self.waiting} waiting>"
        )

    def renew(self) -> None:
        """Leave all connections to the parent; to be called in the child of a fork."""
        self._lock = FrameLock()  # a thread that is not there may hold the old one
        for slots in self._all_slots():
            _cut_off(slots)
        self._start_over()

    def _start_over(self) -> None:
        self._lock = FrameLock()
        self._process = os.getpid()

    def _all_slots(self) -> List[Slots[T]]:
        raise NotImplementedError

    def _make_slots(self, transport: Callable[..., T]) -> Slots[T]:
        if self._closed:
            raise RuntimeError(CLOSED)
        if self._options is None:
            # A server that does not agree to HTTP/2 gets as many connections as there are requests.
            connections = self._limit if self._multiplexed else 1
            with importing:
                self._options = transport_options(
                    tls=self._scheme == "https",
                    verify=self._verify,
                    http2=self._multiplexed,
                    proxy=self._proxy,
                    limits=httpx.Limits(max_connections=connections, keepalive_expiry=self._keepalive_expiry),
                )
        options = self._options
        return Slots(
            lambda: transport(**options),
            limit=self._limit,
            multiplexed=self._multiplexed,
            keepalive_expiry=self._keepalive_expiry,
        )

    def _check(self, url: httpx.URL) -> None:
        if url.scheme != self._scheme:
            raise httpx.UnsupportedProtocol(f"The connections are for {self._scheme}:// only, not for {url.scheme}://")
        self._notice_fork()

    def _notice_fork(self) -> None:
        if self._process != os.getpid():  # it did not run the hooks of Python
            self.renew()

    def _in_vain(self, slots: Slots[T], request: httpx.Request) -> Exception:
        if slots.closed:
            return RuntimeError(CLOSED)
        return httpx.PoolTimeout(
            f"No connection became free within {pool_timeout(request)} s: "
            f"{self._limit} requests are under way, which is the limit of this client",
            request=request,
        )

    def __del__(self) -> None:
        if not self._closed and any(slots.lanes for slots in self._all_slots()):
            warnings.warn(f"unclosed {self!r}", ResourceWarning, source=self, stacklevel=2)


def pool_timeout(request: httpx.Request) -> Optional[float]:
    """Return how many seconds a request may wait for a connection; None for no limit."""
    timeout: Optional[float] = request.extensions.get("timeout", {}).get("pool")
    return timeout


def _cut_off(slots: Slots[T]) -> None:
    """Make the sockets that a child inherited lead nowhere.

    To close a socket properly would shut down, or say goodbye in TLS, or deregister from an event loop, and all of that
    would reach the parent's connection. This closes the child's descriptor only, and keeps its number from being given
    to another file while objects of the parent still refer to it.
    """
    null = os.open(os.devnull, os.O_RDWR)
    try:
        for lane in slots.inherit():
            with contextlib.suppress(OSError):
                descriptor = _descriptor(lane.network_stream)
                if descriptor >= 0:
                    os.dup2(null, descriptor, inheritable=False)
    finally:
        os.close(null)


def _descriptor(network_stream: Any) -> int:
    socket = None if network_stream is None else network_stream.get_extra_info("socket")
    descriptor: int = -1 if socket is None else socket.fileno()
    return descriptor


_pools: WeakSet[BasePool[Any]] = WeakSet()


def _renew_all() -> None:
    for pool in list(_pools):
        pool.renew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_all)
