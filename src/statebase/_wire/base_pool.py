"""The parts that all pools share: their options, and the handling of forks.

httpx's own pool looks through all of its requests and connections at each step. The pools here hold the connections
themselves, at a cost that does not grow with load. They also work after a fork and, async, in several event loops.
"""

from __future__ import annotations

import os
import warnings
from typing import Callable, List, NoReturn, Optional
from weakref import WeakSet

from .._base.address import Address
from .._base.exchange import Request
from .._base.lazy import httpx, importing
from .._base.locks import FrameLock
from .pool_state import CLOSED, PooledConnection, PoolState
from .tls import Verify

MAX_CONNECTIONS = 100
"""The maximum number of requests that a pool sends at a time; others wait."""

KEEPALIVE_EXPIRY = 30.0
"""Seconds that an idle connection is kept: enough for an agent to think between two calls, and well below the 55 to 75
after which common load balancers (Heroku, AWS, nginx) close one, perhaps just when a request is sent."""


class BasePool:
    """A pool of either flavour.

    Args:
        base_url: Scheme, host and port of the service; every request goes there.
        verify: Which certificate authorities (CAs) to trust: True for the default ones, False to check no
            certificate, the path of a file or directory of CA certificates, or a TLS context.
        http2: Whether to send all requests over one connection if an https server agrees to HTTP/2. More connections
            than one are not faster: the CPU limits them.
        proxy: URL of a proxy (http, https, socks5), with the credentials for it.
        max_connections: The maximum number of connections; with HTTP/2, of requests at a time.
        keepalive_expiry: Seconds after which an idle connection is closed.

    Raises:
        ValueError: `max_connections` is below 1.
    """

    _closed = True

    def __init__(
        self,
        base_url: str,
        *,
        verify: Verify = True,
        http2: bool = False,
        proxy: Optional[str] = None,
        max_connections: int = MAX_CONNECTIONS,
        keepalive_expiry: float = KEEPALIVE_EXPIRY,
    ) -> None:
        if max_connections < 1:
            raise ValueError(f"max_connections must be at least 1, got {max_connections}")
        self._url = Address.of(base_url)
        self._verify: Verify = verify
        self._proxy = None if proxy is None else httpx.URL(proxy)
        self._multiplexed = http2 and self._url.scheme == "https"
        self._limit = max_connections
        self._keepalive_expiry = keepalive_expiry
        self._make: Optional[Callable[[], PooledConnection]] = None
        self._start_over()
        self._closed = False
        _pools.add(self)

    @property
    def active(self) -> int:
        """The number of requests that have a connection."""
        return sum(state.active for state in self._all_states())

    @property
    def waiting(self) -> int:
        """The number of requests that wait for a connection."""
        return sum(state.waiting for state in self._all_states())

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.active} of {self._limit} active, {self.waiting} waiting>"

    def renew(self) -> None:
        """Leave all connections to the parent; to be called in the child of a fork."""
        self._lock = FrameLock()  # a thread that does not exist here may hold the old one
        self._leave_to_parent([each for state in self._all_states() for each in state.inherit()])
        self._start_over()

    def __del__(self) -> None:
        if not self._closed and any(state.connections for state in self._all_states()):
            warnings.warn(f"unclosed {self!r}", ResourceWarning, source=self, stacklevel=2)

    def _start_over(self) -> None:
        self._process = os.getpid()
        self._lock = FrameLock()

    def _notice_fork(self) -> None:
        if self._process != os.getpid():  # it did not run the hooks of Python
            self.renew()

    def _all_states(self) -> List[PoolState]:
        raise NotImplementedError

    def _leave_to_parent(self, connections: List[PooledConnection]) -> None:
        raise NotImplementedError

    def _connection_maker(self) -> Callable[[], PooledConnection]:
        raise NotImplementedError

    def _make_state(self) -> PoolState:
        if self._closed:
            raise RuntimeError(CLOSED)
        if self._make is None:
            with importing:
                self._make = self._connection_maker()
        return PoolState(
            self._make, limit=self._limit, multiplexed=self._multiplexed, keepalive_expiry=self._keepalive_expiry
        )

    def _raise_pool_timeout(self, state: PoolState, request: Request) -> NoReturn:
        if state.closed:
            raise RuntimeError(CLOSED)
        raise httpx.PoolTimeout(
            f"No connection became free within {request.timeouts['pool']} s: "
            f"{self._limit} requests are in progress, which is the limit of this client"
        )


_pools: WeakSet[BasePool] = WeakSet()


def _renew_all() -> None:
    for pool in list(_pools):
        pool.renew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_all)
