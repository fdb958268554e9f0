"""The key goes in clear text to this machine only: no proxy elsewhere sees it, unless the caller allows it."""

from __future__ import annotations

import os
import socket
import threading
from typing import Any, Iterator, List

import httpx
import pytest

from statebase import AsyncStateBase, ConfigurationError, StateBase, StateBaseError

BOTH = pytest.mark.parametrize("client_class", [StateBase, AsyncStateBase])


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


class Listening:
    """A port that notes the first line of what it receives, and answers the same to all."""

    def __init__(self, answer: bytes) -> None:
        self.lines: List[bytes] = []
        self._answer = answer
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                self.lines.append(connection.recv(65536).partition(b"\r\n")[0])
                connection.sendall(self._answer)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


def answer(status: str, body: bytes = b"{}") -> bytes:
    return b"HTTP/1.1 %s\r\nconnection: close\r\ncontent-length: %d\r\n\r\n%s" % (status.encode(), len(body), body)


@pytest.fixture
def service() -> Iterator[Listening]:
    listening = Listening(answer("200 OK"))
    yield listening
    listening.close()


@pytest.fixture
def proxy() -> Iterator[Listening]:
    listening = Listening(answer("407 Proxy Authentication Required"))
    yield listening
    listening.close()


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
def test_proxy_of_the_environment_is_bypassed(
    make_client: Any, service: Listening, proxy: Listening, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    """A request to this machine reaches it directly."""
    monkeypatch.setenv(variable, f"http://{proxy.address}")

    make_client(base_url=f"http://{service.address}").live()

    assert service.lines == [b"GET /health/live HTTP/1.1"]
    assert proxy.lines == []


@BOTH
@pytest.mark.parametrize("proxy_url", ["http://proxy.invalid:3128", "https://proxy.invalid", "http://10.0.0.1:1080"])
def test_proxy_elsewhere_is_refused(client_class: Any, proxy_url: str) -> None:
    """An http address with a proxy that is not this machine needs the word of the caller."""
    address = "http://localhost:8787"

    with pytest.raises(
        ConfigurationError, match="proxy would receive the API key unencrypted.*allow_insecure_http=True"
    ):
        client_class("sb_test", address, proxy=proxy_url)

    client_class("sb_test", address, proxy=proxy_url, allow_insecure_http=True)
    client_class("sb_test", address, proxy="http://127.0.0.1:3128")
    client_class("sb_test", proxy=proxy_url)


@pytest.mark.parametrize("way", ["http_client", "transport"])
def test_http_client_with_a_proxy_is_refused(flavour: str, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An httpx client or transport that goes through a proxy elsewhere, by the environment or not, is refused as well."""
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.invalid:3128")
    monkeypatch.setenv("NO_PROXY", "other.invalid")
    client_class: Any = StateBase if flavour == "sync" else AsyncStateBase
    if way == "http_client":
        given: Any = httpx.Client() if flavour == "sync" else httpx.AsyncClient()
    else:
        kind = httpx.HTTPTransport if flavour == "sync" else httpx.AsyncHTTPTransport
        given = kind(proxy=httpx.Proxy("http://proxy.invalid:3128"))

    with pytest.raises(ConfigurationError, match=f"{way} would send the API key unencrypted through a proxy"):
        client_class("sb_test", "http://localhost:8787", **{way: given})

    client_class("sb_test", "http://localhost:8787", allow_insecure_http=True, **{way: given})
    client_class("sb_test", **{way: given})


@pytest.mark.parametrize(
    "url",
    [
        "http://user:s3cret#word@127.0.0.1:9",
        "http://user:s3cret/word@127.0.0.1:9",
        "http://user:s3cret?word@127.0.0.1:9",
        "http://user:s3cret\\word@127.0.0.1:9",
        "http://user:s3cret@word@127.0.0.1:9",
        "http://user:s3cret word@127.0.0.1:9",
        "http://user:s3cret\n@127.0.0.1:9",
        "http://user:s3cr\u00e9t@127.0.0.1:9",
        "http://user:s3cret@",
        "http://user:s3cret@proxy:port",
        "http://user:s3cret@proxy:99999",
        "http://user:s3cret@proxy:0",
        "http://user:s3cret@[::1",
        "http://user:s3cret@proxy/path",
        "http://user:123/s3cret@proxy:9",
        "s3cret://user@proxy",
        "ftp://user:s3cret@proxy",
    ],
)
def test_proxy_that_is_no_url(flavour: str, monkeypatch: pytest.MonkeyPatch, make_client: Any, url: str) -> None:
    """A proxy is parsed when it is given or read from the environment; its password is in no message."""
    with pytest.raises(ConfigurationError, match="proxy (must be a|is not a valid) URL") as given:
        make_client(proxy=url)
    monkeypatch.setenv("HTTPS_PROXY", url)
    with pytest.raises(ConfigurationError, match="The proxy in the environment (must be a|is not a valid) URL") as read:
        make_client().live()

    assert "s3cr" not in f"{given.value} {read.value} {given.value.__cause__} {read.value.__cause__}"


@pytest.mark.parametrize(
    "url",
    [
        "http://proxy",
        "http://proxy:3128/",
        "https://u:p%23%2F%40@proxy",
        "http://[::1]:3128",
        "http://u:p:q@10.0.0.1:80",
    ],
)
def test_proxy_that_can_work(make_client: Any, url: str) -> None:
    """Proxies that httpx accepts are accepted, and nothing is opened."""
    assert make_client(proxy=url)._connection.wire.proxy.startswith(str(httpx.URL(url).host))


@pytest.mark.parametrize("status", ["407 Proxy Authentication Required", "403 Forbidden", "502 Bad Gateway"])
def test_error_says_that_the_proxy_refused(make_client: Any, status: str) -> None:
    """The response of a proxy to CONNECT is reported as the proxy's, with its address and without its password."""
    listening = Listening(answer(status))
    client = make_client(
        base_url="https://origin.invalid", proxy=f"http://user:s3cret@{listening.address}", max_retries=0
    )

    with pytest.raises(StateBaseError) as caught:
        client.sessions.create("agent")
    listening.close()

    assert f"The proxy {listening.address} refused to connect to origin.invalid ({status})" in str(caught.value)
    assert "s3cret" not in str(caught.value)
    assert caught.value.outcome == "not_sent"
    assert listening.lines == [b"CONNECT origin.invalid:443 HTTP/1.1"]


def test_error_says_that_the_proxy_is_not_there(make_client: Any) -> None:
    """A refused connection is told as one to the proxy."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    client = make_client(base_url="https://origin.invalid", proxy=f"http://user:s3cret@127.0.0.1:{port}", max_retries=0)

    with pytest.raises(StateBaseError, match=f"Cannot connect to the proxy 127.0.0.1:{port} ") as caught:
        client.sessions.create("agent")

    assert "s3cret" not in str(caught.value)
    assert caught.value.outcome == "not_sent"


def test_status_407_comes_from_a_proxy(make_client: Any, proxy: Listening) -> None:
    """A proxy that forwards http, and wants credentials, answers itself; the error says so."""
    client = make_client(
        base_url="http://origin.invalid", proxy=f"http://{proxy.address}", allow_insecure_http=True, max_retries=0
    )

    with pytest.raises(StateBaseError, match="A proxy returned this: pass its user and password in its URL"):
        client.sessions.create("agent")
