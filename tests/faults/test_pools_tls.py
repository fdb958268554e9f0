"""The CAs that a pool trusts, and the cost of TLS for clients that do not use it."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import sys
from pathlib import Path
from typing import Any, Callable

import httpx
import pytest

COUNT_CONTEXTS = """
import gc, json, ssl, sys
import httpx
from statebase._wire.pool import SyncPool

pools = [SyncPool(tls=url.startswith("https:")) for url in sys.argv[1:]]
for pool, url in zip(pools, sys.argv[1:]):
    response = pool.handle_request(httpx.Request("GET", url))
    response.read()
    response.close()
contexts = [each for each in gc.get_objects() if isinstance(each, ssl.SSLContext)]
print(json.dumps(sum(context.cert_store_stats()["x509_ca"] > 0 for context in contexts)))
for pool in pools:
    pool.close()
"""


def contexts_with_certificates(*urls: str, environment: Any) -> int:
    """Send requests from an interpreter of its own; return how many TLS contexts with certificates it has then."""
    command = [sys.executable, "-W", "error", "-c", COUNT_CONTEXTS, *urls]
    output = subprocess.run(command, env={**os.environ, **environment}, check=True, stdout=subprocess.PIPE).stdout
    return int(json.loads(output))


def test_plain_connections_load_no_certificates(server: Any) -> None:
    """A client of an http origin never pays for a TLS context."""
    assert contexts_with_certificates(server.url, environment={}) == 0


def test_clients_share_a_context(tls_server: Any, ca_file: str) -> None:
    """Clients with default settings load the certificates once, from where httpx would: SSL_CERT_FILE, if set."""
    assert contexts_with_certificates(*[tls_server.url] * 3, environment={"SSL_CERT_FILE": ca_file}) == 1


def test_strangers_are_not_trusted(tls_server: Any, make_caller: Callable[..., Any]) -> None:
    """By default, a server with a certificate of its own making is refused."""
    caller = make_caller(tls=True)

    with pytest.raises(httpx.ConnectError, match="certificate verify failed"):
        caller.get(tls_server.url)

    assert caller.pool.active == 0


def test_verify_says_whom_to_trust(tls_server: Any, make_caller: Callable[..., Any], ca_file: str) -> None:
    """`verify` takes a file of certificates, a context, or False for everybody."""
    for verify in (ca_file, ssl.create_default_context(cafile=ca_file), False):
        assert make_caller(tls=True, verify=verify).get(tls_server.url, id="mine")["id"] == "mine"


def test_verify_may_be_a_directory(tls_server: Any, make_caller: Callable[..., Any], tmp_path: Path) -> None:
    """A directory is one of certificates; who is not in it is not trusted."""
    caller = make_caller(tls=True, verify=str(tmp_path))

    with pytest.raises(httpx.ConnectError, match="certificate verify failed"):
        caller.get(tls_server.url)


def test_certificates_that_are_not_there_are_an_error(make_caller: Callable[..., Any], tmp_path: Path) -> None:
    """A wrong path is an error of the first request, which keeps no slot."""
    caller = make_caller(tls=True, verify=str(tmp_path / "absent.pem"))

    with pytest.raises(FileNotFoundError):
        caller.get("https://127.0.0.1:1")

    assert caller.pool.active == 0
