"""A certificate for a development server, and the private CA that signs it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

AUTHORITY_FILE = "ca.pem"
"""The file of the CA's certificate, which clients must trust."""

_AUTHORITY_KEY_FILE = "ca-key.pem"
_SERVER_FILE = "server.pem"
_NAMES = ("localhost", "127.0.0.1", "::1")


class Certificate(NamedTuple):
    """The files of a certificate and its CA."""

    authority: Path
    """The certificate of the CA, which clients must trust."""
    server: Path
    """The certificate of the server and its key."""


def make_certificate(directory: Path, host: str) -> Certificate:
    """Create a certificate for a server on this machine, signed by the CA in a directory.

    If there is no CA, it is created. It is kept, so that clients need to be configured only once.

    Args:
        directory: The directory of the files; created if it does not exist. Only its owner can read the private keys.
        host: The host name or address of the server, in addition to `localhost`.

    Raises:
        ImportError: The package trustme is not installed.
        OSError: A file cannot be read or written.
        ValueError: The files in the directory are not those of a CA.
    """
    import trustme

    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    authority_file, key_file = directory / AUTHORITY_FILE, directory / _AUTHORITY_KEY_FILE
    if key_file.exists():
        authority = trustme.CA.from_pem(authority_file.read_bytes(), key_file.read_bytes())
    else:
        authority = trustme.CA(organization_name="statebase serve")
        _write_private(key_file, authority.private_key_pem.bytes())
        authority.cert_pem.write_to_path(authority_file)
    leaf = authority.issue_cert(*dict.fromkeys((*_NAMES, host)), organization_name="statebase serve")
    server_file = directory / _SERVER_FILE
    _write_private(server_file, leaf.private_key_and_cert_chain_pem.bytes())
    return Certificate(authority_file, server_file)


def _write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner may read."""
    path.unlink(missing_ok=True)
    with open(path, "xb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.write(content)
