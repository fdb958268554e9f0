"""Runs the ASGI application with hypercorn: HTTP/1.1 and HTTP/2, with or without TLS."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import socket
import ssl
import sys
from typing import Any, Awaitable, Callable, Coroutine, Optional, cast

import hypercorn.asyncio
from hypercorn.config import Config, Sockets

from .app import Application
from .limits import Limits
from .listener import Listener
from .sharing import CountedSocket, Share

access_log = logging.getLogger("statebase.server.access")
"""Logs a line for each request, at level INFO."""
error_log = logging.getLogger("statebase.server")
"""Logs errors of the server itself."""

_GRACE_SECONDS = 3.0
"""Limit for finishing requests when the server is stopped."""
_ACCESS_LINE = '%(h)s "%(r)s" %(s)s %(L)ss'


async def serve(listener: Listener, app: Application, stopped: Callable[[], Awaitable[Any]]) -> None:
    """Serve requests until stopped; running requests are finished, for at most 3 seconds.

    Args:
        listener: The listening socket; closed at the end.
        app: The ASGI application.
        stopped: Returns when the server must stop.
    """
    asyncio.get_running_loop().set_exception_handler(_report)
    run = cast("Callable[..., Coroutine[Any, Any, None]]", hypercorn.asyncio.serve)  # pyright: ignore[reportUnknownMemberType]
    running = asyncio.ensure_future(run(app, _config(listener), shutdown_trigger=stopped))
    stopping = asyncio.ensure_future(stopped())
    try:
        await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
        # From Python 3.12 on, hypercorn waits for open connections without limit.
        await asyncio.wait({running}, timeout=_GRACE_SECONDS + 1)
        if running.done():
            running.result()
    finally:
        stopping.cancel()
        running.cancel()
        # Errors of hypercorn about being cancelled are not useful.
        await asyncio.gather(running, stopping, return_exceptions=True)


def _config(listener: Listener) -> Config:
    config = _Config(listener.share)
    limits = Limits()
    # A socket of our own, so that the port is known before the server runs. Hypercorn closes it.
    config.bind = [f"fd://{listener.socket.detach()}"]
    config.errorlog = error_log
    config.accesslog = access_log if access_log.isEnabledFor(logging.INFO) else None
    config.access_log_format = _ACCESS_LINE
    config.include_server_header = False
    config.graceful_timeout = _GRACE_SECONDS
    config.keep_alive_timeout = limits.idle_seconds
    # hypercorn annotates it as int; asyncio accepts any number.
    config.read_timeout = cast("int", limits.silent_seconds)
    config.ssl_handshake_timeout = limits.handshake_seconds
    # hypercorn loses the response to the request after the last allowed one of an HTTP/2 connection.
    config.keep_alive_max_requests = sys.maxsize
    config.h11_max_incomplete_size = limits.head_bytes
    config.h2_max_header_list_size = limits.head_bytes
    if listener.certificate is not None:
        config.certfile = config.keyfile = str(listener.certificate.server)
    return config


class _Config(Config):
    def __init__(self, share: Optional[Share]) -> None:
        super().__init__()
        self._share = share

    def create_sockets(self) -> Sockets:
        created = super().create_sockets()
        for listening in (created.secure_sockets, created.insecure_sockets):
            listening[:] = [self._replaced(each) for each in listening]
        return created

    def _replaced(self, listening: socket.socket) -> socket.socket:
        return RefusingSocket(listening) if self._share is None else SharedSocket(listening, self._share)

    def create_ssl_context(self) -> Optional[ssl.SSLContext]:
        context = super().create_ssl_context()
        if context is not None:
            context.sslobject_class = _TlsConnection
        return context


class RefusingSocket(socket.socket):
    """A listening socket that closes new connections when the process has no file descriptor left.

    asyncio (such as that of Python 3.11) tries a hundred times to accept such a connection, logs a traceback each time,
    and schedules a retry each time a second later: then ten thousand times. A server that was flooded once does not
    recover.

    Args:
        taken: The socket to replace.
    """

    def __init__(self, taken: socket.socket) -> None:
        super().__init__(fileno=taken.detach())
        self._spare = _descriptor()

    def accept(self) -> tuple[socket.socket, Any]:
        """Return the next connection and its address.

        Raises:
            ConnectionAbortedError: There was no file descriptor for the connection, so it was closed.
        """
        try:
            return super().accept()
        except OSError as error:
            if error.errno not in (errno.EMFILE, errno.ENFILE):
                raise
        self._close_spare()
        with contextlib.suppress(OSError):
            super().accept()[0].close()
        self._spare = _descriptor()
        raise ConnectionAbortedError("the process has no file descriptor left")

    def close(self) -> None:
        """Close the socket."""
        super().close()
        self._close_spare()

    def _close_spare(self) -> None:
        if self._spare is not None:
            os.close(self._spare)
            self._spare = None


class SharedSocket(RefusingSocket):
    """A listening socket from which several processes accept connections, each its share.

    asyncio accepts all connections that wait. Of 32 clients that connected at once to four processes, one process often
    got all, for as long as the connections last.

    Args:
        taken: The socket to replace.
        share: The connections of this process.
    """

    def __init__(self, taken: socket.socket, share: Share) -> None:
        super().__init__(taken)
        self._share = share
        self._has_accepted = False

    def accept(self) -> tuple[socket.socket, Any]:
        """Return the next connection and its address.

        Raises:
            BlockingIOError: There is none, another process takes it, or the event loop must do something else first.
            ConnectionAbortedError: There was no file descriptor for the connection, so it was closed.
        """
        if self._has_accepted or self._share.leaves_to_others():
            self._has_accepted = False
            raise BlockingIOError
        accepted, address = super().accept()
        self._has_accepted = True
        return CountedSocket(accepted, self._share), address


def _descriptor() -> Optional[int]:
    """Return a spare file descriptor, to be closed when one is needed; None if none is left."""
    with contextlib.suppress(OSError):
        return os.open(os.devnull, os.O_RDONLY)
    return None


class _TlsConnection(ssl.SSLObject):
    """A TLS connection that closes without waiting for the peer.

    asyncio waits for the peer's close_notify, before Python 3.11 without limit, and a client sends none while it does
    not read from its idle connections.
    """

    def unwrap(self) -> None:
        """Send close_notify only, as TLS allows (RFC 8446 6.1)."""
        with contextlib.suppress(ssl.SSLWantReadError):
            super().unwrap()


def _report(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Report errors of the event loop, except for broken connections and those that were closed by stopping.

    Errors of the application are handled elsewhere. An error that ends a connection was caused by a client that broke
    the protocol: it is logged at level DEBUG, so that clients cannot fill the log with tracebacks.
    """
    error: Optional[BaseException] = context.get("exception")
    if isinstance(error, (ssl.SSLError, ConnectionError, asyncio.CancelledError)):
        return
    if isinstance(error, Exception) and ("transport" in context or "future" in context):
        error_log.debug("A connection was closed: it broke the protocol", exc_info=error)
        return
    loop.default_exception_handler(context)
