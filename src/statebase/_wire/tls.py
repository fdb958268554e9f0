"""Which certificate authorities (CAs) are trusted, and the TLS context of a connection."""

from __future__ import annotations

import os
import ssl
from pathlib import Path
from typing import Optional, Union

import httpx

from .._base.errors import ConfigurationError
from .._base.locks import FrameLock

Verify = Union[bool, str, ssl.SSLContext]


class _SharedContext:
    """The TLS context that clients with default settings share: reading the certificates takes 13 ms and 1 MB."""

    def __init__(self) -> None:
        self._context: Optional[ssl.SSLContext] = None
        self.renew_lock()

    def renew_lock(self) -> None:
        """Replace the lock: in the child of a fork, a thread that does not exist may hold it."""
        self._lock = FrameLock()

    def get(self) -> ssl.SSLContext:
        """Return the context, made at the first call."""
        if self._context is None:
            with self._lock.held():
                if self._context is None:
                    self._context = _usual_context()
        return self._context


def _usual_context() -> ssl.SSLContext:
    # httpx 0.28 opens them during a request, older versions ignore what does not exist.
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
    """Return the TLS context that clients share; with the CAs of httpx: certifi, SSL_CERT_FILE, SSL_CERT_DIR."""
    return _shared_context.get()


def ssl_context(verify: Verify) -> ssl.SSLContext:
    """Return the TLS context for an option `verify`.

    Args:
        verify: True for the default CAs, False to check no certificate, the path of a file or directory of CA
            certificates, or a context to use as it is.
    """
    if isinstance(verify, ssl.SSLContext):
        return verify
    if isinstance(verify, str):
        if Path(verify).is_dir():
            return ssl.create_default_context(capath=verify)
        return ssl.create_default_context(cafile=verify)
    return default_ssl_context() if verify else httpx.create_ssl_context(verify=False)
