"""Each socket notices a peer that has vanished, and sends what it has at once."""

from __future__ import annotations

import os
import socket
from typing import Any, Callable

import pytest


@pytest.mark.parametrize("way", ["http", "https", "http over a proxy", "https over a proxy"])
def test_sockets_are_told(
    way: str, server: Any, tls_server: Any, make_caller: Callable[..., Any], ca_file: str
) -> None:
    """Keep-alive probes after a minute without a word, four in the next; no waiting for more to send."""
    origin = tls_server if way.startswith("https") else server
    caller = make_caller(tls=origin is tls_server, verify=ca_file, proxy=server.url if "proxy" in way else None)

    response = caller.start(origin.url)

    connection = response.extensions["network_stream"].get_extra_info("socket")
    told = {name: connection.getsockopt(getattr(socket, level), getattr(socket, name)) for name, level in OPTIONS}
    caller.drop(response)
    assert told.pop("SO_KEEPALIVE") != 0
    assert told.pop("TCP_NODELAY") != 0
    assert told == {name: seconds for name, seconds in EXPECTED.items() if hasattr(socket, name)}


@pytest.mark.parametrize("way", ["http", "https"])
def test_sockets_are_closed_in_programs_that_are_started(
    way: str, server: Any, tls_server: Any, make_caller: Callable[..., Any], ca_file: str
) -> None:
    """A program that this process starts does not get the connections, so it can neither use them nor keep them open."""
    origin = tls_server if way == "https" else server
    caller = make_caller(tls=way == "https", verify=ca_file)

    response = caller.start(origin.url)

    connection = response.extensions["network_stream"].get_extra_info("socket")
    inheritable = os.get_inheritable(connection.fileno())
    caller.drop(response)
    assert not inheritable


EXPECTED = {"TCP_KEEPIDLE": 60, "TCP_KEEPINTVL": 15, "TCP_KEEPCNT": 4}
OPTIONS = [("SO_KEEPALIVE", "SOL_SOCKET"), ("TCP_NODELAY", "IPPROTO_TCP")] + [
    (name, "IPPROTO_TCP") for name in EXPECTED if hasattr(socket, name)
]
