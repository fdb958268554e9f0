"""Which requests are refused before the engine sees them."""

from __future__ import annotations

import functools
from typing import Any, Mapping, Optional
from urllib.parse import urlsplit

from .._base.loopback import is_loopback
from ..local.errors import EngineError, invalid_request
from ..local.http.head import text_of

Values = Mapping[bytes, bytes]
"""The values of headers by name."""

_LONGEST_TARGET = 65_536
"""Of path and query together, in bytes; no client of httpx sends more."""
_PRINTABLE = bytes(range(0x21, 0x7F))
"""What may stand in a path or a query."""


class Untrusted(EngineError):
    """The request leaves open where it ends: nothing that comes after it on its connection can be trusted."""

    def __init__(self, message: str) -> None:
        super().__init__(400, "invalid_request", message)


def check_framing(values: Values) -> None:
    """Refuse a request with a body in two framings.

    One of the two was made up on the way, to smuggle a second request past a proxy (RFC 9112 6.3).

    Raises:
        Untrusted: 400.
    """
    if b"content-length" in values and b"transfer-encoding" in values:
        raise Untrusted("The request has both Content-Length and Transfer-Encoding: send one of them.")


def declared_size(values: Values) -> int:
    """Return how many bytes the body has by its head; 0 if that does not say."""
    declared = values.get(b"content-length", b"")
    # Python refuses to read numbers of thousands of digits; the first twenty are too many bytes as well.
    return int(declared[:20]) if declared.isdigit() else 0


def check_target(path: bytes, query: bytes) -> None:
    """Refuse a path or a query that no client could mean.

    Raises:
        EngineError: 400.
    """
    if not path.startswith(b"/"):
        raise invalid_request("The path of the request does not begin with a slash.", None)
    if path.translate(None, _PRINTABLE) or query.translate(None, _PRINTABLE):
        message = "The path or the query has characters that are not printable ASCII: percent-encode them."
        raise invalid_request(message, None)
    if len(path) + len(query) >= _LONGEST_TARGET:
        raise invalid_request(f"Path and query are too long: send less than {_LONGEST_TARGET:,} bytes.", None)


def check_names(scope: Mapping[str, Any], values: Values) -> None:
    """Refuse a request that a web page made.

    A page from elsewhere can make a browser send requests to this machine: under the name of its own site (DNS
    rebinding), which `Host` shows, or from its own site, which `Origin` shows; another port is another site.

    Raises:
        EngineError: 403.
    """
    host = text_of(values, b"host")
    if host is not None and not _is_this_machine(host):
        raise _page_refused("Host")
    origin = text_of(values, b"origin")
    if origin is not None and _site(origin) != _site(f"{scope.get('scheme', 'http')}://{host or ''}"):
        raise _page_refused("Origin")


def check_content_type(values: Values) -> None:
    """Refuse a body that a web page can make a browser send without asking first: any but JSON.

    Raises:
        EngineError: 415.
    """
    has_body = values.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in values
    content_type = values.get(b"content-type", b"").partition(b";")[0].strip().lower()
    # Over HTTP/2 a body needs neither header.
    if (has_body or content_type) and content_type != b"application/json":
        message = "Content-Type must be application/json where the server asks for no API key."
        raise EngineError(415, "invalid_request", message, "Content-Type")


@functools.lru_cache(maxsize=64)
def _is_this_machine(host: str) -> bool:
    """Return whether the value of a `Host` header names this machine."""
    return is_loopback(_host(f"//{host}"))


def _page_refused(header: str) -> EngineError:
    message = (
        f"{header} must be this server's own address, because the server asks for no API key: call it as localhost and "
        "not from another web page, or set an API key for the server."
    )
    return EngineError(403, "permission_denied", message, header)


def _site(url: str) -> Optional[tuple[str, str, Optional[int]]]:
    """Return scheme, host and port of an address; None if it is none."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return None
    return (parts.scheme, parts.hostname, port) if parts.hostname else None


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
