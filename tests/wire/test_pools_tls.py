"""Which certificates a pool trusts, and that a pool without TLS loads none."""

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
from statebase._base.exchange import Request
from statebase._wire.pool import SyncPool

timeouts = dict.fromkeys(("connect", "read", "write", "pool"), 20)
pools = [SyncPool(url) for url in sys.argv[1:]]
for pool in pools:
    pool.exchange(Request("GET", "/", [(b"host", b"127.0.0.1")], timeouts=timeouts))
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
    """A client of an http service never needs a TLS context."""
    assert contexts_with_certificates(server.url, environment={}) == 0


def test_clients_share_a_context(tls_server: Any, ca_file: str) -> None:
    """Clients with default settings load the certificates once, from where httpx would: SSL_CERT_FILE, if set."""
    assert contexts_with_certificates(*[tls_server.url] * 3, environment={"SSL_CERT_FILE": ca_file}) == 1


def test_unknown_authority_is_not_trusted(tls_server: Any, make_caller: Callable[..., Any]) -> None:
    """By default, a server whose certificate is of an authority of its own is refused."""
    caller = make_caller(tls_server.url)

    with pytest.raises(httpx.ConnectError, match="certificate verify failed"):
        caller.get()

    assert caller.pool.active == 0
    tls_server.wait_until(lambda: tls_server.open == 0)


def test_verify_names_the_authorities(tls_server: Any, make_caller: Callable[..., Any], ca_file: str) -> None:
    """`verify` takes a file of certificates, a context, or False to check none."""
    for verify in (ca_file, ssl.create_default_context(cafile=ca_file), False):
        assert make_caller(tls_server.url, verify=verify).get(id="mine")["id"] == "mine"


def test_verify_may_be_a_directory(tls_server: Any, make_caller: Callable[..., Any], tmp_path: Path) -> None:
    """A directory holds certificates; an authority that is not in it is not trusted."""
    caller = make_caller(tls_server.url, verify=str(tmp_path))

    with pytest.raises(httpx.ConnectError, match="certificate verify failed"):
        caller.get()


def test_certificate_file_that_does_not_exist(make_caller: Callable[..., Any], tmp_path: Path) -> None:
    """A wrong path is an error of each request, and takes no place of another."""
    caller = make_caller("https://127.0.0.1:1", verify=str(tmp_path / "absent.pem"))

    for _ in range(2):
        with pytest.raises(FileNotFoundError):
            caller.get()

    assert caller.pool.active == 0
