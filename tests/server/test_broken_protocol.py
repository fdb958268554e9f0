"""Clients that break the protocol, or speak another one, do not disturb the server: no traceback, no failure of others."""

from __future__ import annotations

import socket
import ssl
from typing import Any, Callable, List, Tuple

import httpx
import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection

pytestmark = pytest.mark.slow

Serve = Callable[..., Any]
HOST = b"Host: localhost\r\n"


def http2(path: bytes, more: Tuple[Tuple[bytes, bytes], ...] = (), count: int = 1) -> bytes:
    """Return requests of HTTP/2 as bytes, however wrong they are."""
    config = H2Configuration(header_encoding=None, validate_outbound_headers=False, normalize_outbound_headers=False)
    connection = H2Connection(config)
    connection.initiate_connection()
    head: List[Tuple[bytes, bytes]] = [
        (b":method", b"GET"),
        (b":scheme", b"http"),
        (b":authority", b"localhost"),
        (b":path", path),
        *more,
    ]
    for number in range(count):
        connection.send_headers(1 + 2 * number, head, end_stream=True)
    return connection.data_to_send()


def continuations() -> bytes:
    """Return a head of HTTP/2 that goes on without an end."""
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\x04\0\0\0\0\0"
    return preface + b"\0\0\x01\x01\x01\0\0\0\x01\x82" + b"\0\0\x01\x09\0\0\0\0\x01\x84" * 100_000


BROKEN = {
    "a null in the path": b"GET /\0 HTTP/1.1\r\n" + HOST + b"\r\n",
    "a path beyond ASCII": b"GET /v1/\xc3\xa4 HTTP/1.1\r\n" + HOST + b"\r\n",
    "CONNECT": b"CONNECT localhost:80 HTTP/1.1\r\n" + HOST + b"\r\n",
    "a length of 26 digits": b"POST /v1/sessions HTTP/1.1\r\n" + HOST + b"Content-Length: " + b"9" * 26 + b"\r\n\r\n",
    "a chunk that is none": b"POST /v1/sessions HTTP/1.1\r\n"
    + HOST
    + b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "a WebSocket": b"GET /v1/sessions HTTP/1.1\r\n" + HOST + b"Connection: upgrade\r\nUpgrade: websocket\r\n\r\n",
    "HTTP/2 settings that are none": b"GET / HTTP/1.1\r\n"
    + HOST
    + b"Connection: upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: !!!\r\n\r\n",
    "HTTP/2: a path beyond ASCII": http2(b"/v1/\xc3\xa4"),
    "HTTP/2: no path": http2(b""),
    "HTTP/2: two paths": http2(b"/v1/sessions", ((b":path", b"/x"),)),
    "HTTP/2: two hosts": http2(b"/v1/sessions", ((b"host", b"elsewhere"),)),
    "HTTP/2: too many streams": http2(b"/v1/sessions", count=300),
    "HTTP/2: a head without an end": continuations(),
    "HTTP/2: data of no stream": http2(b"/health/live") + b"\0\0\x01\0\0\0\0\0\x63x",
    "noise": bytes(range(256)) * 100,
}


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "TLS"])
def test_what_breaks_the_protocol_disturbs_nobody(serve: Serve, tls: bool) -> None:
    """After each of them the server answers others, and its log stays empty."""
    serving = serve(*(["--tls"] if tls else []))
    trust = ssl.create_default_context(cafile=serving.start["ca_file"])
    trust.set_alpn_protocols(["h2", "http/1.1"])
    address = ("127.0.0.1", httpx.URL(serving.url).port or 0)

    with httpx.Client(verify=trust, base_url=serving.url, trust_env=False) as client:
        for name, data in BROKEN.items():
            context = trust if "HTTP/2:" in name else ssl.create_default_context(cafile=serving.start["ca_file"])
            with socket.create_connection(address) as plain:
                connection = context.wrap_socket(plain, server_hostname="127.0.0.1") if tls else plain
                try:
                    connection.sendall(data)
                    connection.recv(1000)
                except OSError:
                    pass  # the server had enough of it
                connection.close()
            assert client.get("/health/live").status_code == 200, name

    assert serving.stop() == 0
    assert serving.stderr == ""


def test_https_asked_of_a_server_that_speaks_http(serve: Serve) -> None:
    """The client gets an error at once, and the server's log stays empty."""
    serving = serve()

    with pytest.raises(httpx.ConnectError):
        httpx.get(serving.url.replace("http:", "https:"), trust_env=False)

    assert httpx.get(f"{serving.url}/health/live", trust_env=False).status_code == 200
    assert serving.stop() == 0
    assert serving.stderr == ""


def test_http_asked_of_a_server_that_speaks_https(serve: Serve) -> None:
    """The same the other way round."""
    serving = serve("--tls")

    with pytest.raises(httpx.TransportError):
        httpx.get(serving.url.replace("https:", "http:"), trust_env=False)

    assert serving.stop() == 0
    assert serving.stderr == ""
