"""Which certificate authorities are trusted, and the TLS context of a connection."""

from __future__ import annotations

import os
import ssl
from pathlib import Path
from typing import Optional, TypedDict, Union

import httpx

from .._base.errors import ConfigurationError
from .._base.locks import FrameLock

Verify = Union[bool, str, ssl.SSLContext]


class TransportOptions(TypedDict):
    """The arguments of an `httpx.HTTPTransport` or `httpx.AsyncHTTPTransport`."""

    verify: ssl.SSLContext
    http2: bool
    limits: httpx.Limits
    proxy: Optional[httpx.Proxy]


class _SharedContext:
    """The TLS context that clients with default settings share: reading the certificates takes 13 ms and 1 MB."""

    def __init__(self) -> None:
        self._context: Optional[ssl.SSLContext] = None
        self.renew_lock()

    def renew_lock(self) -> None:
        """Forget who holds the lock: in the child of a fork, it may be a thread that is not there."""
        self._lock = FrameLock()

    def get(self) -> ssl.SSLContext:
        """Return the context, built by the first who asks."""
        if self._context is None:
            with self._lock.held():
                if self._context is None:
                    self._context = _usual_context()
        return self._context


def _usual_context() -> ssl.SSLContext:
    # httpx 0.28 opens them in the middle of a request, older ones pass over what is not there.
    file, directory = os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")
    try:
        if file:
            with open(file, "rb"):  # noqa: PTH123 # a path of the environment, as ssl takes it
                return httpx.create_ssl_context()
        if directory and not Path(directory).is_dir():
            raise NotADirectoryError("it is not a directory")
        return httpx.create_ssl_context()
    except OSError as error:
        if not file and not directory:
            raise
        name, value = ("SSL_CERT_FILE", file) if file else ("SSL_CERT_DIR", directory)
        raise ConfigurationError(
            f"{name}={value!r} cannot be used ({error.strerror or error}): set it to CA certificates in PEM format, "
            "or unset it"
        ) from error


_shared_context = _SharedContext()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_shared_context.renew_lock)


def default_ssl_context() -> ssl.SSLContext:
    """Return the TLS context that clients share; it trusts what httpx does: certifi, or SSL_CERT_FILE, SSL_CERT_DIR."""
    return _shared_context.get()


def ssl_context(verify: Verify) -> ssl.SSLContext:
    """Return the TLS context for an option `verify`.

    Args:
        verify: True for the usual certificate authorities, False for none, the path of a file or directory with the
            certificates of those to trust, or a context to use as it is.
    """
    if isinstance(verify, ssl.SSLContext):
        return verify
    if isinstance(verify, str):
        if Path(verify).is_dir():
            return ssl.create_default_context(capath=verify)
        return ssl.create_default_context(cafile=verify)
    return default_ssl_context() if verify else httpx.create_ssl_context(verify=False)


def transport_options(
    *, tls: bool, verify: Verify, http2: bool, proxy: Optional[str], limits: httpx.Limits
) -> TransportOptions:
    """Say how to make a transport for https origins (`tls`) or for http origins."""
    url = None if proxy is None else httpx.URL(proxy)
    proxy_tls = url is not None and url.scheme == "https"
    context = ssl_context(verify) if tls or proxy_tls else None
    return {
        # httpx wants a context for http origins too. This one costs nothing and, were it ever used, trusts nobody.
        "verify": context if tls and context is not None else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
        "http2": http2,
        "limits": limits,
        # httpx 0.25 takes no plain URL here; without a context, httpcore loads the certificates for each connection.
        "proxy": None if url is None else httpx.Proxy(url, ssl_context=context if proxy_tls else None),
    }
