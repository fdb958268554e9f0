"""A certificate for a development server, and the authority of its own that signs it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

AUTHORITY_FILE = "ca.pem"
"""What clients have to trust."""

_AUTHORITY_KEY_FILE = "ca-key.pem"
_SERVER_FILE = "server.pem"
_NAMES = ("localhost", "127.0.0.1", "::1")


class Certificate(NamedTuple):
    """The files of a certificate."""

    authority: Path
    """The certificate of the authority, which clients have to trust."""
    server: Path
    """The certificate of the server and its key."""


def make_certificate(directory: Path, host: str) -> Certificate:
    """Make a certificate for a server on this machine, signed by the authority in a directory.

    The authority is made when there is none, and stays, so that clients have to be told to trust it only once.

    Args:
        directory: Where the files are, made if it is not there; the private keys in it are for its owner's eyes only.
        host: The name or address by which clients know the server, beside `localhost`.

    Raises:
        ImportError: The package trustme is missing.
        OSError: A file cannot be read or written.
        ValueError: What is in the directory is not a certificate authority.
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
