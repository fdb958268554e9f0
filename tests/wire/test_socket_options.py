"""Each socket notices a peer that has vanished, and sends what it has at once."""

from __future__ import annotations

import contextlib
import os
import socket
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest


@contextlib.contextmanager
def socket_to(port: int) -> Iterator[socket.socket]:
    """A duplicate of the only socket of this process that is connected to a port."""
    for descriptor in [int(path.name) for path in Path("/dev/fd").iterdir()]:
        with contextlib.suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as duplicate:
            if duplicate.getpeername()[1:2] == (port,):
                assert not os.get_inheritable(descriptor)
                yield duplicate
                return
    raise AssertionError("no socket is connected to the port")


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

    with socket_to(server.port if "proxy" in way else origin.port) as connected:
        options = {name: connected.getsockopt(getattr(socket, level), getattr(socket, name)) for name, level in OPTIONS}
    assert options.pop("SO_KEEPALIVE") != 0
    assert options.pop("TCP_NODELAY") != 0
    assert options == {name: seconds for name, seconds in EXPECTED.items() if hasattr(socket, name)}


EXPECTED = {"TCP_KEEPIDLE": 60, "TCP_KEEPINTVL": 15, "TCP_KEEPCNT": 4}
OPTIONS = [("SO_KEEPALIVE", "SOL_SOCKET"), ("TCP_NODELAY", "IPPROTO_TCP")] + [
    (name, "IPPROTO_TCP") for name in EXPECTED if hasattr(socket, name)
]
