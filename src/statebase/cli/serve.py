"""What `statebase serve` does."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import shlex
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any, Generator, Optional

from .._base.loopback import is_loopback
from .._base.version import __version__
from ..local.engine import Engine
from ..local.storage.sqlite.connection import MEMORY
from ..server.app import Application, create_app
from ..server.listener import Listener
from ..server.listening import addresses, listen
from .terminal import bold

KEY_VARIABLE = "STATEBASE_SERVE_API_KEY"
"""The environment variable that holds the key, so that it shows in no list of processes."""

_ANY_KEY = "any"
_SIGNALS = ("SIGINT", "SIGTERM", "SIGBREAK")


class UsageError(Exception):
    """The options cannot go together."""


class ServeError(Exception):
    """The server cannot start."""


def run(
    *,
    path: str,
    host: str,
    port: int,
    api_key: Optional[str],
    rate_limit: Optional[int],
    tls: Optional[str],
    log_requests: bool,
    as_json: bool,
) -> None:
    """Serve a store until a signal says to stop.

    Args:
        path: The store.
        host: The name or address to listen on.
        port: The port; 0 for any that is free.
        api_key: The key that clients have to show; None: any.
        rate_limit: Requests a minute that come in; None: no limit.
        tls: The directory of the certificate; empty for one that lasts as long as the server, None to do without TLS.
        log_requests: Whether to print a line for each request.
        as_json: Whether to print the start line as JSON.

    Raises:
        UsageError: No client could show the key; or there is none, and everybody on the network could read and write
            the store.
        ServeError: The server cannot start.
        EngineError: The store cannot be opened.
    """
    if api_key is not None and not (api_key.isascii() and api_key.isprintable() and api_key and " " not in api_key):
        raise UsageError(f"the key of --api-key or {KEY_VARIABLE} must be printable ASCII text without spaces")
    with contextlib.ExitStack() as stack:
        directory = None
        if tls is not None:
            directory = Path(tls or stack.enter_context(tempfile.TemporaryDirectory(prefix="statebase-")))
        listener = _listen(host, port, directory, with_key=api_key is not None)
        stack.callback(listener.socket.close)
        engine = Engine.open(path)
        stack.callback(engine.close)
        if log_requests:
            _print_requests()
        app = create_app(engine, api_key=api_key, rate_limit=rate_limit)
        announcement = _as_json(listener, path, api_key) if as_json else _as_text(listener, path, api_key)
        # Before signals are handled: an import takes a while, and Ctrl-C has to find it.
        from ..server import running  # noqa: F401  # pyright: ignore[reportUnusedImport]

        asyncio.run(_serve_until_signal(listener, app, announcement))


def _listen(host: str, port: int, directory: Optional[Path], *, with_key: bool) -> Listener:
    try:
        if not with_key and not all(is_loopback(address[0]) for *_, address in addresses(host, port)):
            raise UsageError(
                f"{host or 'an empty host'} is reachable from other machines, which could read and write "
                f"everything: set {KEY_VARIABLE}, or listen on 127.0.0.1"
            )
        return listen(host, port, directory)
    except ImportError as error:
        raise ServeError(f'The server needs the package {error.name}: pip install "statebase[server]"') from error
    except ValueError as error:
        raise ServeError(f"Cannot issue a certificate for {host} by the authority in {directory}: {error}") from error
    except OSError as error:
        if error.filename is not None:
            raise ServeError(f"--tls {directory}: {error.strerror}. Pass a directory that you can write to.") from error
        raise ServeError(
            f"Cannot listen on {host}, port {port}: {error.strerror}. Pass another --port or --host."
        ) from error


async def _serve_until_signal(listener: Listener, app: Application, announcement: str) -> None:
    from ..server.running import serve

    stopped = asyncio.Event()
    with _signals(stopped):
        print(announcement, flush=True)
        await serve(listener, app, stopped.wait)


@contextlib.contextmanager
def _signals(stopped: asyncio.Event) -> Generator[None, None, None]:
    """Set an event when a signal comes, on Windows as well, where event loops have no handlers of signals."""
    loop = asyncio.get_running_loop()

    def stop(number: int, frame: Any) -> None:
        loop.call_soon_threadsafe(stopped.set)

    numbers = [getattr(signal, name) for name in _SIGNALS if hasattr(signal, name)]
    before = [(number, signal.signal(number, stop)) for number in numbers]
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)


def _print_requests() -> None:
    from ..server.running import access_log

    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    access_log.addHandler(handler)
    access_log.setLevel(logging.INFO)
    access_log.propagate = False


def _as_json(listener: Listener, path: str, api_key: Optional[str]) -> str:
    ca_file = None if listener.certificate is None else str(listener.certificate.authority.resolve())
    return json.dumps(
        {
            "base_url": listener.url,
            "path": None if path == MEMORY else str(Path(path).resolve()),
            "needs_api_key": api_key is not None,
            "ca_file": ca_file,
            "pid": os.getpid(),
        }
    )


def _as_text(listener: Listener, path: str, api_key: Optional[str]) -> str:
    store = "in memory: it is gone when the server stops" if path == MEMORY else f"in {path}"
    key = (
        "It asks for the key that you gave it." if api_key is not None else "It takes any key, from this machine only."
    )
    variables = {
        "STATEBASE_BASE_URL": listener.url,
        "STATEBASE_API_KEY": _ANY_KEY if api_key is None else "(the key that you gave it)",
    }
    if listener.certificate is not None:
        variables["SSL_CERT_FILE"] = str(listener.certificate.authority.resolve())
    settings = "\n".join(f"  {_setting(name, value)}" for name, value in variables.items())
    return (
        f"StateBase {__version__} listens on {bold(listener.url, sys.stdout)}, its store {store}.\n"
        f"{key} Ctrl-C stops it. To point clients at it:\n\n{settings}\n"
    )


def _setting(name: str, value: str) -> str:
    """Return the command of a shell that sets a variable."""
    if sys.platform == "win32":
        return f"$env:{name} = '{value}'"
    return f"export {name}={shlex.quote(value)}"
