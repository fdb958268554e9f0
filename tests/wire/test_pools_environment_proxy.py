"""The proxy that the environment names is found as curl and urllib find it."""

from __future__ import annotations

import os
from typing import Dict, Optional

import pytest

from statebase._wire.proxies import environment_proxy


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


@pytest.mark.parametrize(
    ("environment", "url", "proxy"),
    [
        ({}, "https://api.example.com", None),
        ({"HTTPS_PROXY": "http://proxy:3128"}, "https://api.example.com/v1", "http://proxy:3128"),
        ({"https_proxy": "http://user:secret@proxy"}, "https://api.example.com", "http://user:secret@proxy"),
        ({"HTTP_PROXY": "http://proxy:3128"}, "https://api.example.com", None),
        ({"HTTP_PROXY": "proxy:3128"}, "http://api.example.com", "http://proxy:3128"),
        ({"ALL_PROXY": "socks5://proxy"}, "https://api.example.com", "socks5://proxy"),
        ({"ALL_PROXY": "socks5://all", "HTTPS_PROXY": "http://one"}, "https://api.example.com", "http://one"),
        ({"HTTPS_PROXY": ""}, "https://api.example.com", None),
    ],
)
def test_proxy_of_the_scheme(
    monkeypatch: pytest.MonkeyPatch, environment: Dict[str, str], url: str, proxy: Optional[str]
) -> None:
    """There is one for http, one for https, and one for all."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    assert environment_proxy(url) == proxy


@pytest.mark.parametrize(
    ("no_proxy", "url", "bypassed"),
    [
        ("*", "https://api.example.com", True),
        ("api.example.com", "https://api.example.com", True),
        ("example.com", "https://api.example.com", True),
        (".example.com", "https://api.example.com", True),
        ("example.com", "https://notexample.com", False),
        ("other.com, example.com", "https://api.example.com", True),
        ("localhost", "https://localhost:8000", True),
        ("localhost:8000", "https://localhost:8000", True),
        ("localhost:9000", "https://localhost:8000", False),
        ("api.example.com:443", "https://api.example.com", True),
        ("127.0.0.1", "https://127.0.0.1:8000", True),
        ("::1", "https://[::1]:8000", True),
        ("example.com", "https://user:secret@api.example.com", True),
    ],
)
def test_no_proxy_is_honoured(monkeypatch: pytest.MonkeyPatch, no_proxy: str, url: str, bypassed: bool) -> None:
    """NO_PROXY lists hosts and domains, with or without a port."""
    monkeypatch.setenv("ALL_PROXY", "http://proxy")
    monkeypatch.setenv("NO_PROXY", no_proxy)

    assert environment_proxy(url) == (None if bypassed else "http://proxy")


@pytest.mark.parametrize("host", ["localhost", "api.localhost", "127.0.0.1", "127.1.2.3", "[::1]"])
def test_unencrypted_requests_to_this_machine_bypass_it(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    """Clear text is allowed to this machine because nothing else sees it: a proxy would. Https may go through it."""
    monkeypatch.setenv("ALL_PROXY", "http://proxy")
    monkeypatch.setenv("HTTP_PROXY", "http://proxy")

    assert environment_proxy(f"http://{host}:8000") is None
    assert environment_proxy(f"https://{host}:8000") == "http://proxy"


def test_scripts_of_a_web_server_ignore_http_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Under CGI, HTTP_PROXY is a header that anybody may send (CVE-2016-5385)."""
    monkeypatch.setenv("HTTP_PROXY", "http://attacker")
    monkeypatch.setenv("REQUEST_METHOD", "GET")

    assert environment_proxy("http://api.example.com") is None
