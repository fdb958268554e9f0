"""Which certificate authorities (CAs) are trusted, and the TLS context of a connection."""

from __future__ import annotations

import os
import ssl
from functools import cache
from pathlib import Path
from typing import Union

from .._base.errors import ConfigurationError
from .._base.lazy import httpx

Verify = Union[bool, str, ssl.SSLContext]


@cache
def default_ssl_context() -> ssl.SSLContext:
    """Return the TLS context that clients share: reading the certificates takes 13 ms and 1 MB.

    The CAs are those of httpx: certifi, SSL_CERT_FILE, SSL_CERT_DIR.

    Raises:
        ConfigurationError: SSL_CERT_FILE or SSL_CERT_DIR cannot be used.
    """
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
