"""The parts of a URL are those that httpx reads, also where httpx is not asked."""

from __future__ import annotations

import httpx
import pytest

from statebase._base.address import Address

URLS = [
    "https://api.statebase.org",
    "https://api.statebase.org/",
    "https://api.statebase.org/base/v0",
    "https://api.statebase.org/base/",
    "http://localhost:8000",
    "http://localhost:80",
    "http://127.0.0.1:65535/a",
    "https://h:443/x",
    "https://h:80",
    "http://h:443",
    "http://h:0080",
    "HTTPS://API.StateBase.org/Base",
    "https://api.example.com/a/../b/./c",
    "https://api.example.com/..a/.b",
    "https://api.example.com/a//b",
    "https://api.example.com/%7Ea/%2f",
    "https://api.example.com/~a/b c",
    "https://[::1]:8443/base",
    "http://[::1]",
    "https://xn--bcher-kva.example/x",
    "https://a.xn--bcher-kva.example",
    "https://host-1.example.co.uk",
    "https://1.2.3.4.example",
]


@pytest.mark.parametrize("url", URLS)
def test_parts_are_those_of_httpx(url: str) -> None:
    """Scheme, host, port, what goes into the header Host, and the path."""
    read = httpx.URL(url)

    assert Address.of(url) == (read.scheme, read.raw_host, read.port, read.netloc, read.raw_path.decode())
