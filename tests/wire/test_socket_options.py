"""Each socket notices a peer that has vanished, and sends what it has at once."""

from __future__ import annotations

import contextlib
import os
import socket
from typing import Any, Callable, Iterator

import pytest


@contextlib.contextmanager
def socket_of(caller: Any) -> Iterator[socket.socket]:
    """A duplicate of the socket of a pool's only connection."""
    (state,) = caller.pool._all_states()
    (connection,) = state.connections
    (descriptor,) = connection.sockets.descriptors()
    assert not os.get_inheritable(descriptor)
    with socket.socket(fileno=os.dup(descriptor)) as duplicate:
        yield duplicate


@pytest.mark.parametrize("way", ["http", "https", "http over a proxy", "https over a proxy"])
def test_options_of_sockets(
    way: str, server: Any, tls_server: Any, make_caller: Callable[..., Any], ca_file: str
) -> None:
    """Keep-alive probes after an idle minute, four in the next; no delay of small packets; not inherited.

    Programs that this process starts can neither use the sockets nor keep them open.
    """
    origin = tls_server if way.startswith("https") else server
    caller = make_caller(origin.url, verify=ca_file, proxy=server.url if "proxy" in way else None)

    caller.get()

    with socket_of(caller) as connected:
        options = {name: connected.getsockopt(getattr(socket, level), getattr(socket, name)) for name, level in OPTIONS}
    assert options.pop("SO_KEEPALIVE") != 0
    assert options.pop("TCP_NODELAY") != 0
    assert options == {name: seconds for name, seconds in EXPECTED.items() if hasattr(socket, name)}


EXPECTED = {"TCP_KEEPIDLE": 60, "TCP_KEEPINTVL": 15, "TCP_KEEPCNT": 4}
OPTIONS = [("SO_KEEPALIVE", "SOL_SOCKET"), ("TCP_NODELAY", "IPPROTO_TCP")] + [
    (name, "IPPROTO_TCP") for name in EXPECTED if hasattr(socket, name)
]
