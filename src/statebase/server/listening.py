"""Opens the socket of a server, with or without TLS, and runs a server in a thread."""

from __future__ import annotations

import contextlib
import os
import socket
import tempfile
from pathlib import Path
from typing import Any, Generator, NamedTuple, Optional

from ..local.engine import Engine
from .app import create_app
from .certificate import make_certificate
from .limits import Limits
from .listener import Listener


class RunningServer(NamedTuple):
    """A server that accepts requests."""

    url: str
    """The address, for `base_url`."""
    engine: Engine
    """The engine that it serves."""
    ca_file: Optional[str]
    """The certificate file of the CA that signed the server's certificate, for `verify`; None if TLS is not used."""


@contextlib.contextmanager
def serve_in_thread(
    engine: Engine,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    api_key: Optional[str] = None,
    rate_limit: Optional[int] = None,
    tls: bool = False,
) -> Generator[RunningServer, None, None]:
    """Serve an engine in a thread of this process during a `with` block; at its end, running requests are finished.

    The server supports HTTP/1.1 and HTTP/2. The engine stays open.

    Args:
        engine: The engine.
        host: The host name or address to listen on. Default: this machine only.
        port: The port to listen on; 0: any free port.
        api_key: The key that clients must send. Default: any key or none is accepted.
        rate_limit: Reject more requests than this a minute. Default: no limit.
        tls: Whether to serve HTTPS, with a temporary certificate.

    Raises:
        ImportError: The extra `statebase[server]` is not installed.
        OSError: The address is in use or not available.
        ValueError: `api_key` is empty, or not printable ASCII text.

    Example:
        >>> from statebase import StateBase
        >>> from statebase.local import Engine
        >>> from statebase.server import serve_in_thread
        >>> engine = Engine.open()
        >>> with serve_in_thread(engine) as server, StateBase("any-key", server.url) as client:
        ...     client.sessions.create("support-bot").turn_count
        0
        >>> engine.close()
    """
    import anyio
    from anyio.from_thread import start_blocking_portal

    from .running import serve

    app = create_app(engine, api_key=api_key, rate_limit=rate_limit)
    with contextlib.ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory())) if tls else None
        listener = listen(host, port, directory)
        stack.callback(listener.socket.close)
        portal = stack.enter_context(start_blocking_portal())
        stop = portal.call(anyio.Event)
        serving = portal.start_task_soon(serve, listener, app, stop.wait)
        ca_file = None if listener.certificate is None else str(listener.certificate.authority)
        try:
            yield RunningServer(listener.url, engine, ca_file)
        finally:
            portal.call(stop.set)
            serving.result()


def listen(host: str, port: int, tls_directory: Optional[Path] = None) -> Listener:
    """Open a listening socket.

    Args:
        host: A host name or an address; empty for all addresses of the machine.
        port: The port to listen on; 0: any free port.
        tls_directory: The directory of the certificate and its CA; None: no TLS.

    Raises:
        ImportError: The extra `statebase[server]` is not installed.
        OSError: The address is in use or not available.
    """
    import hypercorn  # noqa: F401  # pyright: ignore[reportUnusedImport]  # before the port is taken

    certificate = None if tls_directory is None else make_certificate(tls_directory, host or "localhost")
    failure: Optional[OSError] = None
    for family, kind, protocol, _, address in addresses(host, port):
        taken = socket.socket(family, kind, protocol)
        try:
            if os.name == "posix":  # elsewhere it would let two servers share a port
                taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if hasattr(socket, "TCP_USER_TIMEOUT"):
                # Closes a connection, and discards unsent data, if its client neither reads nor acknowledges.
                taken.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(Limits().answer_seconds * 1000))
            taken.bind(address)
            taken.listen()
        except OSError as error:
            taken.close()
            failure = failure or error
        else:
            return Listener(taken, host, taken.getsockname()[1], certificate)
    raise failure or OSError(f"{host!r} is not an address")


def addresses(host: str, port: int) -> list[Any]:
    """Resolve a host name or an address.

    Raises:
        OSError: The name does not exist.
    """
    return socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
