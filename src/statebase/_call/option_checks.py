"""Checks of the options of a client.

Each function returns the message of a `ConfigurationError`, or None if the value is valid. Most clients are created
without these options, so `Settings` imports this module when one of them is passed.
"""

from __future__ import annotations

import os

from .._base.headers import is_header_name, is_header_text
from .._base.lazy import importing
from .._base.loopback import is_loopback

TYPE_CHECKING = False  # importing typing takes milliseconds; type checkers treat this name as true
if TYPE_CHECKING:
    from typing import Any, Iterable, Optional

_NAME_MARKS = str.maketrans(dict.fromkeys("-._", "a"))
_LONGEST_SHOWN = 40
SOCKS_WITH_AIOHTTP = "http_backend='aiohttp' has no SOCKS proxies: use an http or https proxy, or httpcore"
_HOOKS = ("attempt_started", "attempt_ended")


def shown(value: object) -> str:
    """Return a value as a message shows it: numbers and None themselves, of other values the type."""
    return repr(value) if value is None or type(value) in (bool, int, float) else type(value).__name__


def wrong_key(value: object) -> str:
    """Return the message for an invalid API key."""
    if value is None:
        return (
            "api_key is missing: pass api_key=, or set STATEBASE_API_KEY. "
            "StateBase.local() needs no key: it runs the API in this process."
        )
    if not isinstance(value, str) or not value.strip():
        return "api_key must be a non-empty string; copy it from the dashboard (it begins with sb_)"
    return (
        "api_key contains a space, a line break or another character that is not printable ASCII: "
        "copy it again from the dashboard"
    )


def wrong_base_url(value: object, allow_insecure_http: bool, regions: Iterable[str]) -> Optional[str]:
    """Return the message for an invalid base_url, or None."""
    if not isinstance(value, str):
        return f"base_url must be a URL or a region (us, eu, apac), got {shown(value)}"
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(value)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "base_url has an invalid host or port: write https://host:port"
    if "?" in value or "#" in value or "@" in parts.netloc or not value.isprintable() or " " in value:
        return "base_url must not contain a query, a fragment, a user name or a space: write https://host/path"
    if not parts.netloc.isascii():  # letters of other scripts can imitate another host
        return "base_url must be ASCII, but the host has other characters: pass its name as DNS has it, xn--..."
    if parts.scheme not in ("http", "https") or port == 0 or not _is_host(parts.netloc, host):
        example = f"http://{value}" if is_loopback(value.partition(":")[0]) else "https://host"
        return f"base_url {value!r} is not an HTTP URL: write {example}, or a region ({', '.join(regions)})"
    if parts.scheme == "http" and not allow_insecure_http and not is_loopback(host):
        return (
            f"base_url {value!r} would send the API key unencrypted: use https://, "
            "or pass allow_insecure_http=True if the network is your own"
        )
    return None


def _is_host(netloc: str, host: str) -> bool:
    if "[" not in netloc:
        return host.translate(_NAME_MARKS).isalnum()
    from ipaddress import IPv6Address

    try:
        IPv6Address(host)
    except ValueError:
        return False
    return netloc.startswith("[") and netloc.partition("]")[2][:1] in ("", ":")


def wrong_http2() -> Optional[str]:
    """Return the message if HTTP/2 is not available, or None."""
    return None if _is_installed("h2") else 'http2=True needs the package h2: pip install "statebase[http2]"'


def wrong_http_backend(value: object, *, http2: bool, proxy: object) -> Optional[str]:
    """Return the message for an invalid http_backend, or None."""
    if value != "aiohttp":
        got = repr(value) if isinstance(value, str) and len(value) < _LONGEST_SHOWN else shown(value)
        return f"http_backend must be 'httpcore' or 'aiohttp', got {got}"
    if http2:
        return "http2=True cannot be combined with http_backend='aiohttp', which has no HTTP/2: leave one of them out"
    if isinstance(proxy, str) and proxy.lower().startswith("socks"):
        return SOCKS_WITH_AIOHTTP
    missing = "http_backend='aiohttp' needs the package aiohttp: pip install \"statebase[aiohttp]\""
    return None if _is_installed("aiohttp") else missing


def _is_installed(package: str) -> bool:
    with importing:
        from importlib.util import find_spec

        return find_spec(package) is not None


def wrong_proxy(name: str, value: object) -> Optional[str]:
    """Return the message for an invalid proxy, or None. It does not show the URL, which may contain a password."""
    scheme = value.partition("://")[0].lower() if isinstance(value, str) and "://" in value else ""
    if scheme not in ("http", "https", "socks5", "socks5h"):
        return f"{name} must be a URL: http://host:port, https://host:port or socks5://host:port"
    if not _is_proxy_url(str(value)):
        return (
            f"{name} is not a valid URL: write http://user:password@host:port, with # in the user and password "
            "escaped as %23, / as %2F, ? as %3F, @ as %40"
        )
    if scheme.startswith("socks") and not _is_installed("socksio"):
        return f'A {scheme}:// proxy needs the package socksio: pip install "httpx[socks]"'
    return None


def is_on_this_machine(proxy: str) -> bool:
    """Return whether a proxy is on this machine."""
    from urllib.parse import urlsplit

    return is_loopback(urlsplit(proxy).hostname or "")


def _is_proxy_url(text: str) -> bool:
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return False
    if parts.query or parts.fragment or parts.path not in ("", "/") or text.endswith(("?", "#")):
        return False
    if not text.isascii() or not text.isprintable() or " " in text or "\\" in text:
        return False
    if parts.netloc.count("@") > 1 or port == 0:
        return False
    return ":" in host or host.translate(_NAME_MARKS).isalnum()


def wrong_verify(value: object) -> Optional[str]:
    """Return the message for an invalid `verify` that is not a bool, or None."""
    if isinstance(value, str):
        found = os.path.exists(value)  # noqa: PTH110 # pathlib takes milliseconds to import
        return None if found else f"verify={value!r}: no such file; pass the path of a CA bundle"
    with importing:
        import ssl

    if isinstance(value, ssl.SSLContext):
        return None
    return f"verify must be True, False, a path or an ssl.SSLContext, got {shown(value)}"


def wrong_headers(value: object) -> Optional[str]:
    """Return the message for invalid default headers, or None."""
    items = getattr(value, "items", None)
    if items is None:
        return f"default_headers must be a mapping of names to strings, got {type(value).__name__}"
    for name, text in items():
        if not is_header_name(name):
            name_shown = repr(name) if type(name) is str else type(name).__name__
            return f"default_headers has an invalid name, {name_shown}: use ASCII letters, digits and dashes"
        if not is_header_text(text):  # the message does not show it: it may be a key
            got = "" if isinstance(text, str) else f", got {shown(text)}"
            return f"default_headers[{name!r}] must be printable ASCII text without a space at either end{got}"
    return None


def wrong_hooks(value: object) -> Optional[str]:
    """Return the message for invalid event hooks, or None."""
    items: Any = getattr(value, "items", None)
    if items is None:
        return f"event_hooks must be a mapping of names to lists, got {type(value).__name__}"
    for name, functions in items():
        if name not in _HOOKS:
            return f"event_hooks has an unknown name, {name!r}: use {' or '.join(_HOOKS)}"
        if type(functions) not in (list, tuple):
            return f"event_hooks[{name!r}] must be a list of functions, got {type(functions).__name__}"
        for index, function in enumerate(functions):
            if not callable(function):
                return f"event_hooks[{name!r}][{index}] must be a function, got {type(function).__name__}"
    return None
