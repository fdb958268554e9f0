"""A pool goes through the proxy that it was given, with its credentials."""

from __future__ import annotations

import base64
from typing import Any, Callable

import httpx
import pytest

CREDENTIALS = "Basic " + base64.b64encode(b"user:secret").decode()


def with_credentials(url: str) -> str:
    return url.replace("://", "://user:secret@")


def test_http_is_forwarded(server: Any, make_caller: Callable[..., Any]) -> None:
    """For an http service, the proxy gets the whole URL."""
    caller = make_caller("http://origin.invalid", proxy=with_credentials(server.url))

    answers = [caller.get("/v1", id=number) for number in range(2)]

    assert answers == [{"id": "0", "connection": 1}, {"id": "1", "connection": 1}]
    assert server.targets == ["http://origin.invalid/v1"] * 2
    assert server.headers[0]["proxy-authorization"] == CREDENTIALS


def test_https_is_tunnelled(server: Any, tls_server: Any, make_caller: Callable[..., Any], ca_file: str) -> None:
    """For an https service, the proxy only connects."""
    caller = make_caller(tls_server.url, verify=ca_file, proxy=with_credentials(server.url))

    answers = [caller.get(id=number) for number in range(2)]

    assert answers == [{"id": "0", "connection": 1}, {"id": "1", "connection": 1}]
    assert server.targets == [f"127.0.0.1:{tls_server.port}"]
    assert server.headers[0]["proxy-authorization"] == CREDENTIALS
    assert "proxy-authorization" not in tls_server.headers[0]


def test_http2_through_a_tunnel(server: Any, http2_server: Any, make_caller: Callable[..., Any], ca_file: str) -> None:
    """Requests share one connection through the proxy, too."""
    caller = make_caller(http2_server.url, verify=ca_file, http2=True, proxy=server.url)
    caller.get()
    exchanges = [caller.start("/hold", id=number) for number in range(5)]
    http2_server.wait_until(lambda: http2_server.held == 5)
    http2_server.let_all_go()

    for exchange in exchanges:
        assert exchange.result().status_code == 200

    assert http2_server.opened == 1
    assert server.targets == [f"127.0.0.1:{http2_server.port}"]


def test_proxy_may_speak_tls(tls_server: Any, make_caller: Callable[..., Any], ca_file: str) -> None:
    """The certificate of an https proxy is checked against the same authorities as the service's."""
    trusting = make_caller("http://origin.invalid", verify=ca_file, proxy=tls_server.url)
    wary = make_caller("http://origin.invalid", proxy=tls_server.url)

    assert trusting.get(id="mine")["id"] == "mine"
    with pytest.raises(httpx.ConnectError, match="certificate verify failed"):
        wary.get()


def test_proxy_that_refuses(server: Any, make_caller: Callable[..., Any]) -> None:
    """A proxy that is not there is a failure to connect, and frees the place of the request."""
    caller = make_caller("http://origin.invalid", proxy=server.url)
    server.close()

    with pytest.raises(httpx.ConnectError):
        caller.get()

    assert caller.pool.active == 0
