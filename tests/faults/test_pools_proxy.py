"""A pool goes through the proxy that it was given, with its credentials."""

from __future__ import annotations

import base64
from typing import Any, Callable

import httpx
import pytest
from packaging.version import Version

CREDENTIALS = "Basic " + base64.b64encode(b"user:secret").decode()


def with_credentials(url: str) -> str:
    return url.replace("://", "://user:secret@")


def test_http_is_forwarded(server: Any, make_caller: Callable[..., Any]) -> None:
    """For an http origin, the proxy gets the whole URL."""
    caller = make_caller(tls=False, proxy=with_credentials(server.url))

    answers = [caller.get("http://origin.invalid/v1", id=number) for number in range(2)]

    assert answers == [{"id": "0", "connection": 1}, {"id": "1", "connection": 1}]
    assert server.targets == ["http://origin.invalid/v1"] * 2
    assert server.headers[0]["proxy-authorization"] == CREDENTIALS


def test_https_is_tunnelled(server: Any, tls_server: Any, make_caller: Callable[..., Any], ca_file: str) -> None:
    """For an https origin, the proxy only connects."""
    caller = make_caller(tls=True, verify=ca_file, proxy=with_credentials(server.url))

    answers = [caller.get(tls_server.url, id=number) for number in range(2)]

    assert answers == [{"id": "0", "connection": 1}, {"id": "1", "connection": 1}]
    assert server.targets == [f"127.0.0.1:{tls_server.port}"]
    assert server.headers[0]["proxy-authorization"] == CREDENTIALS
    assert "proxy-authorization" not in tls_server.headers[0]


def test_proxy_may_speak_tls(tls_server: Any, make_caller: Callable[..., Any], ca_file: str, flavour: str) -> None:
    """The certificate of an https proxy is checked against the same authorities as the origin's."""
    if flavour == "async" and Version(httpx.__version__) < Version("0.27.2"):
        pytest.skip("this httpx forgets the TLS context of a proxy")
    trusting = make_caller(tls=False, verify=ca_file, proxy=tls_server.url)
    wary = make_caller(tls=False, proxy=tls_server.url)

    assert trusting.get("http://origin.invalid/", id="mine")["id"] == "mine"
    with pytest.raises(httpx.ConnectError, match="certificate verify failed"):
        wary.get("http://origin.invalid/")
