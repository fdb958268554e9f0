"""Which proxy the environment names for a URL."""

from __future__ import annotations

import os
import sys
from typing import Optional
from urllib.parse import urlsplit

from .._base.loopback import is_loopback


def environment_proxy(url: str) -> Optional[str]:
    """Return the proxy that the environment names for a URL, or None.

    Reads HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY, in capitals or not; on Windows and macOS without these, the
    settings of the system. What is sent unencrypted to this machine goes through none: a proxy would see the key.
    """
    parts = urlsplit(url)
    if parts.scheme == "http" and is_loopback(parts.hostname or ""):
        return None
    if sys.platform not in ("darwin", "win32") and not any(name.lower().endswith("_proxy") for name in os.environ):
        return None
    import urllib.request  # takes as long to import as everything of ours

    proxies = urllib.request.getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    host = parts.hostname or ""
    # NO_PROXY lists an IPv6 address without brackets, and then cannot name a port.
    place = host if ":" in host else f"{host}:{parts.port or (443 if parts.scheme == 'https' else 80)}"
    if not proxy or not host or urllib.request.proxy_bypass(place):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"
