"""The parts of the URL of the service, as httpx reads them."""

from __future__ import annotations

import re
from typing import NamedTuple, Optional

from .lazy import httpx

# What httpx leaves as it is. Anything else (capitals, escapes, IPv6, a port that is the default one) is read by httpx.
_PLAIN_URL = re.compile(r"(https?)://([a-z0-9]+(?:[.-][a-z0-9]+)*)(?::([1-9][0-9]{0,4}))?((?:/[A-Za-z0-9._~-]+)*/?)")
_DEFAULT_PORTS = {"http": 80, "https": 443}


class Address(NamedTuple):
    """The URL of the service, in the parts that requests need."""

    scheme: str
    """`http` or `https`."""
    host: bytes
    """The host, as in DNS."""
    port: Optional[int]
    """The port; None for the default one of the scheme."""
    netloc: bytes
    """Host and port, as in the header Host."""
    path: str
    """The path, percent-encoded, that the path of each operation follows; it begins with a slash."""

    @classmethod
    def of(cls, url: str) -> Address:
        """Return the parts of a URL that `Settings` accepts."""
        plain = _PLAIN_URL.fullmatch(url)
        if plain is not None and "xn--" not in plain[2] and "/." not in plain[4]:
            scheme, port = plain[1], int(plain[3] or 0) or None
            if port != _DEFAULT_PORTS[scheme]:
                netloc = plain[2] if port is None else f"{plain[2]}:{port}"
                return cls(scheme, plain[2].encode(), port, netloc.encode(), plain[4] or "/")
        read = httpx.URL(url)
        return cls(read.scheme, read.raw_host, read.port, read.netloc, read.raw_path.decode())
