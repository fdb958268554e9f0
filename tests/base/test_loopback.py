"""One definition says which hosts are this machine; client and server use it, and what is dialled is that host."""

from __future__ import annotations

import ipaddress
import socket
from typing import Any

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from statebase import AsyncStateBase, ConfigurationError, StateBase
from statebase._base.loopback import is_loopback
from statebase.local import Engine
from statebase.server import create_app

THIS_MACHINE = [
    "localhost",
    "LOCALHOST",
    "api.localhost",
    "a-b.c_d.localhost",
    "127.0.0.1",
    "127.1.2.3",
    "127.255.255.255",
    "::1",
    "0:0:0:0:0:0:0:1",
    "0000::0001",
    "::ffff:127.0.0.1",
    "::ffff:7f00:1",
]
OTHERS = [
    "",
    ".",
    "localhost.",
    ".localhost",
    "a..localhost",
    "a b.localhost",
    "-..localhost",
    "é.localhost",
    "localhost.evil.com",
    "localhost.localdomain",
    "notlocalhost",
    "localhost%00.evil.com",
    "\u24d4localhost",
    "localho\u017ft",
    "127",
    "127.1",
    "127..1",
    "127.0.1",
    "127.0.0.1.5",
    "127.0.0.1.",
    "127.0.0.256",
    "127.0.0.1.evil.com",
    "127.0.0.1 ",
    " 127.0.0.1",
    "127.0.0.1\n",
    "127.0.0.01",
    "0127.0.0.1",
    "0177.0.0.1",
    "0x7f.0.0.1",
    "0x7f000001",
    "2130706433",
    "\u0661\u0662\u0667.0.0.1",
    "\uff11\uff12\uff17.0.0.1",
    "127\u30020.0.1",
    "0.0.0.0",
    "0",
    "10.0.0.1",
    "128.0.0.1",
    "126.255.255.255",
    "::",
    "::2",
    "1::1",
    "[::1]",
    "::1%lo",
    "::1%25lo",
    "::ffff:10.0.0.1",
    "::ffff:127.0.0.1%1",
    "::127.0.0.1",
    "fe80::1",
    "64:ff9b::7f00:1",
]


@pytest.mark.parametrize("host", THIS_MACHINE)
def test_this_machine(host: str) -> None:
    """The name, names below it, and addresses in their usual form."""
    assert is_loopback(host)


@pytest.mark.parametrize("host", OTHERS)
def test_any_other_host(host: str) -> None:
    """Whatever else, also what a resolver may take for a loopback address, is not."""
    assert not is_loopback(host)


@given(
    st.one_of(
        st.text(max_size=30),
        st.text("0123456789.x:af%-[]", max_size=20),
        st.lists(st.sampled_from(["127", "0", "1", "0177", "0x7f", "", "localhost", "evil", "com"]), max_size=6).map(
            ".".join
        ),
        st.ip_addresses().map(str),
    )
)
@example("127.0.0.1")
@example("::ffff:127.0.0.1")
def test_what_is_dialled_is_this_machine(host: str) -> None:
    """Whatever counts as this machine is dialled as such: httpx reads the same host, and numbers are loopback numbers."""
    if not is_loopback(host):
        return

    url = httpx.URL(f"http://[{host}]:80/" if ":" in host else f"http://{host}:80/")

    assert url.host == host.lower()
    if not host.lower().endswith("localhost"):
        (found, *_) = socket.getaddrinfo(host, 80, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
        address = ipaddress.ip_address(found[4][0])
        assert getattr(address, "ipv4_mapped", None) or address.is_loopback


@pytest.mark.parametrize("client_class", [StateBase, AsyncStateBase])
@pytest.mark.parametrize("host", ["127.0.0.1.5", "127..1", "127.1", "0177.0.0.1", "[::2]", "localhost.evil.com"])
def test_client_sends_no_key_in_clear_text_elsewhere(client_class: Any, host: str) -> None:
    """A client refuses the address of what only looks like this machine."""
    with pytest.raises(ConfigurationError, match="unencrypted"):
        client_class("sb_test", f"http://{host}:8000")


@pytest.mark.parametrize(
    ("host", "status"), [("127.0.0.1.5", 403), ("127..1", 403), ("127.1.2.3", 200), ("[::1]", 200)]
)
def test_server_without_a_key_uses_the_same_definition(host: str, status: int, event_loop_for_clients: Any) -> None:
    """A server without a key answers those hosts that a client sends its key to in clear text."""

    async def ask(app: Any) -> int:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=f"http://{host}") as client:
            return (await client.get("/health/live")).status_code

    engine = Engine.open()
    try:
        assert event_loop_for_clients.run_until_complete(ask(create_app(engine))) == status
    finally:
        engine.close()
