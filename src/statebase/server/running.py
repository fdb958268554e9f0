"""The application behind its socket, run by hypercorn: HTTP/1.1 and HTTP/2, with TLS and without."""

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

access_log = logging.getLogger("statebase.server.access")
"""Gets a line for each request, at level INFO."""
error_log = logging.getLogger("statebase.server")
"""Gets what went wrong in the server itself."""

_GRACE_SECONDS = 3.0
"""How long requests may take that are under way when the server is stopped."""
_ACCESS_LINE = '%(h)s "%(r)s" %(s)s %(L)ss'


async def serve(listener: Listener, app: Application, stopped: Callable[[], Awaitable[Any]]) -> None:
    """Answer requests until told to stop; those under way are finished, within bounds.

    Args:
        listener: Where they come from; closed at the end.
        app: What answers them.
        stopped: Returns when it is time to stop.
    """
    asyncio.get_running_loop().set_exception_handler(_report)
    run = cast("Callable[..., Coroutine[Any, Any, None]]", hypercorn.asyncio.serve)  # pyright: ignore[reportUnknownMemberType]
    running = asyncio.ensure_future(run(app, _config(listener), shutdown_trigger=stopped))
    stopping = asyncio.ensure_future(stopped())
    try:
        await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
        # From Python 3.12 on hypercorn waits for connections however long they last.
        await asyncio.wait({running}, timeout=_GRACE_SECONDS + 1)
        if running.done():
            running.result()
    finally:
        stopping.cancel()
        running.cancel()
        # What hypercorn says about being cancelled is of no use to anybody.
        await asyncio.gather(running, stopping, return_exceptions=True)


def _config(listener: Listener) -> Config:
    config = _Config()
    limits = Limits()
    # A socket of our own, so that the port is known before the server runs. Hypercorn closes it.
    config.bind = [f"fd://{listener.socket.detach()}"]
    config.errorlog = error_log
    config.accesslog = access_log if access_log.isEnabledFor(logging.INFO) else None
    config.access_log_format = _ACCESS_LINE
    config.include_server_header = False
    config.graceful_timeout = _GRACE_SECONDS
    config.keep_alive_timeout = limits.idle_seconds
    # The annotation of hypercorn says int; asyncio takes any number.
    config.read_timeout = cast("int", limits.silent_seconds)
    config.ssl_handshake_timeout = limits.handshake_seconds
    # Hypercorn loses the answer to the request after the last one of an HTTP/2 connection.
    config.keep_alive_max_requests = sys.maxsize
    config.h11_max_incomplete_size = limits.head_bytes
    config.h2_max_header_list_size = limits.head_bytes
    if listener.certificate is not None:
        config.certfile = config.keyfile = str(listener.certificate.server)
    return config


class _Config(Config):
    def create_sockets(self) -> Sockets:
        created = super().create_sockets()
        for listening in (created.secure_sockets, created.insecure_sockets):
            listening[:] = [RefusingSocket(each) for each in listening]
        return created

    def create_ssl_context(self) -> Optional[ssl.SSLContext]:
        context = super().create_ssl_context()
        if context is not None:
            context.sslobject_class = _PartingConnection
        return context


class RefusingSocket(socket.socket):
    """A listening socket that closes the connections for which the process has no file descriptor left.

    asyncio (of Python 3.11, for one) tries a hundred times to accept one of them, logs a traceback each time, and each
    time plans to try anew a second later: then ten thousand times. A server that was flooded once does not recover.

    Args:
        taken: The socket, which this one takes over.
    """

    def __init__(self, taken: socket.socket) -> None:
        super().__init__(fileno=taken.detach())
        self._spare = _descriptor()

    def accept(self) -> tuple[socket.socket, Any]:
        """Return the next connection and its address.

        Raises:
            ConnectionAbortedError: It was closed, as there was no file descriptor for it.
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


def _descriptor() -> Optional[int]:
    """Return a file descriptor, to be closed when another one is needed; None if there is none."""
    with contextlib.suppress(OSError):
        return os.open(os.devnull, os.O_RDONLY)
    return None


class _PartingConnection(ssl.SSLObject):
    """A TLS connection that says goodbye and leaves.

    asyncio waits for the goodbye of the other side, before Python 3.11 for ever, and a client says none while it does
    not look at its idle connections.
    """

    def unwrap(self) -> None:
        """Say that nothing more will come, which TLS allows to be all (RFC 8446 6.1)."""
        with contextlib.suppress(ssl.SSLWantReadError):
            super().unwrap()


def _report(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Report what went wrong in the event loop, but for connections that ended badly, or were ended to stop.

    What the application raises does not get here. What ends the task of a connection comes from a client that broke the
    protocol: it shows at level DEBUG only, so that clients cannot fill the log with tracebacks.
    """
    error: Optional[BaseException] = context.get("exception")
    if isinstance(error, (ssl.SSLError, ConnectionError, asyncio.CancelledError)):
        return
    if isinstance(error, Exception) and ("transport" in context or "future" in context):
        error_log.debug("A connection was closed: it broke the protocol", exc_info=error)
        return
    loop.default_exception_handler(context)
