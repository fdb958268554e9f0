"""The address of a server: a socket, with TLS or without, and a server in a thread behind it."""

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
    """A server that answers."""

    url: str
    """Its address, for `base_url`."""
    engine: Engine
    """The engine behind it."""
    ca_file: Optional[str]
    """With TLS, the file of the authority that signed its certificate, for `verify`."""


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
    """Serve an engine in a thread of this process while a `with` block lasts; then requests under way are finished.

    The server speaks HTTP/1.1 and HTTP/2. The engine stays open.

    Args:
        engine: The engine.
        host: The name or address to listen on.
        port: The port; 0 for any that is free.
        api_key: The key that clients have to show; without it, any key or none will do.
        rate_limit: Requests a minute that come in; no limit without it.
        tls: Whether to encrypt, with a certificate made for the occasion.

    Raises:
        ImportError: The extra `statebase[server]` is not installed.
        OSError: The address cannot be listened on.
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
    """Take connections at an address.

    Args:
        host: A name or an address; empty for all addresses of the machine.
        port: The port; 0 for any that is free.
        tls_directory: Where the certificate and its authority are kept; None to do without TLS.

    Raises:
        ImportError: The extra `statebase[server]` is not installed.
        OSError: The address cannot be listened on.
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
                # Ends a connection, with all that is written to it, whose client neither reads nor answers.
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
    """Look up what a name or an address stands for.

    Raises:
        OSError: There is no such name.
    """
    return socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
