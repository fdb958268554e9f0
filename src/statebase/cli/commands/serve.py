"""`statebase serve`."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shlex
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generator, Optional

from ..._base.version import __version__
from ..arguments import add_json, integer, text
from ..command import Command, CommandError
from ..environment import API_KEY, BASE_URL, SERVE_API_KEY
from ..terminal import bold

if TYPE_CHECKING:
    import asyncio

    from ...server.app import Application
    from ...server.listener import Listener

_DESCRIPTION = """\
Serve the StateBase API over HTTP/1.1 and HTTP/2, from a store on this machine.

Clients find it by STATEBASE_BASE_URL, which is printed at the start. Default
store: in memory, lost when the server stops. Several processes can use one file
at the same time. GET /openapi.json describes the API."""

_EPILOG = """\
If no key is set, any key or none is accepted, and only requests to localhost
are answered. To listen on other addresses, set a key in
STATEBASE_SERVE_API_KEY, or by --api-key, which other users of this machine can
see."""

_MEMORY = ":memory:"
_MOST_REQUESTS = 1_000_000_000
_ANY_KEY = "any"
_SIGNALS = ("SIGINT", "SIGTERM", "SIGBREAK")


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--path",
        type=text(parser, "--path"),
        default=_MEMORY,
        metavar="FILE",
        help="the store; created if it does not exist. Default: a store in memory",
    )
    parser.add_argument("--host", default="127.0.0.1", help="host name or address to listen on (default: %(default)s)")
    parser.add_argument(
        "--port",
        type=integer(parser, "--port", 0, 65535),
        default=8787,
        help="port to listen on; 0: any free port (default: %(default)s)",
        metavar="PORT",
    )
    parser.add_argument(
        "--api-key", metavar="KEY", help="API key that clients must send; visible to other users of this machine"
    )
    parser.add_argument(
        "--rate-limit",
        type=integer(parser, "--rate-limit", 1, _MOST_REQUESTS),
        metavar="N",
        help="reject more than N requests a minute",
    )
    parser.add_argument(
        "--tls",
        nargs="?",
        const="",
        metavar="DIRECTORY",
        help="serve HTTPS, with a certificate signed by the CA in DIRECTORY, which is created if it does not exist. "
        "Clients must trust the CA. Default: a temporary CA",
    )
    parser.add_argument("--access-log", action="store_true", help="print a line on stderr for each request")
    add_json(parser, "print the start line as JSON")


def _run(options: argparse.Namespace) -> int:
    from ..files import as_typed, check_store

    check_store(options.path, create=True, in_memory=True)
    with as_typed(options.path):
        _serve(options, os.environ.get(SERVE_API_KEY) or None if options.api_key is None else options.api_key)
    return 0


def _serve(options: argparse.Namespace, api_key: Optional[str]) -> None:
    """Serve a store until a signal comes."""
    import asyncio
    import tempfile

    from ...local.engine import Engine
    from ...server.app import create_app

    if api_key is not None and not (api_key.isascii() and api_key.isprintable() and api_key and " " not in api_key):
        options.parser.error(f"the key of --api-key or {SERVE_API_KEY} must be printable ASCII text without spaces")
    with contextlib.ExitStack() as stack:
        directory = None
        if options.tls is not None:
            directory = Path(options.tls or stack.enter_context(tempfile.TemporaryDirectory(prefix="statebase-")))
        listener = _listen(options, directory, with_key=api_key is not None)
        stack.callback(listener.socket.close)
        engine = Engine.open(options.path)
        stack.callback(engine.close)
        if options.access_log:
            _print_requests()
        app = create_app(engine, api_key=api_key, rate_limit=options.rate_limit)
        describe = _as_json if options.json else _as_text
        announcement = describe(listener, options.path, api_key)
        # Before signals are handled: the import takes a while, and Ctrl-C must stop it.
        from ...server import running  # noqa: F401  # pyright: ignore[reportUnusedImport]

        asyncio.run(_serve_until_signal(listener, app, announcement))


def _listen(options: argparse.Namespace, directory: Optional[Path], *, with_key: bool) -> Listener:
    from ..._base.loopback import is_loopback
    from ...server.listening import addresses, listen

    host, port = options.host, options.port
    try:
        if not with_key and not all(is_loopback(address[0]) for *_, address in addresses(host, port)):
            options.parser.error(
                f"--host {host or repr(host)} is reachable from other machines, which could read and write everything: "
                f"set {SERVE_API_KEY}, or use --host 127.0.0.1"
            )
        return listen(host, port, directory)
    except ImportError as error:
        raise CommandError(f'The server needs the package {error.name}: pip install "statebase[server]"') from error
    except ValueError as error:
        raise CommandError(f"Cannot issue a certificate for {host} with the CA in {directory}: {error}") from error
    except OSError as error:
        if error.filename is not None:
            raise CommandError(
                f"--tls {directory}: {error.strerror}. Pass a directory that you can write to."
            ) from error
        raise CommandError(
            f"Cannot listen on {host}, port {port}: {error.strerror}. Pass another --port or --host."
        ) from error


async def _serve_until_signal(listener: Listener, app: Application, announcement: str) -> None:
    import asyncio

    from ...server.running import serve

    stopped = asyncio.Event()
    with _signals(stopped):
        print(announcement, flush=True)
        await serve(listener, app, stopped.wait)


@contextlib.contextmanager
def _signals(stopped: asyncio.Event) -> Generator[None, None, None]:
    """Set an event when a signal comes; on Windows too, where event loops cannot handle signals."""
    import asyncio

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
    import logging

    from ...server.running import access_log

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
            "path": None if path == _MEMORY else str(Path(path).resolve()),
            "needs_api_key": api_key is not None,
            "ca_file": ca_file,
            "pid": os.getpid(),
        }
    )


def _as_text(listener: Listener, path: str, api_key: Optional[str]) -> str:
    store = "in memory, lost when the server stops" if path == _MEMORY else f"in {path}"
    key = (
        "Requests must send the API key that you set."
        if api_key is not None
        else "It accepts any key, from this machine only."
    )
    variables = {
        BASE_URL: listener.url,
        API_KEY: _ANY_KEY if api_key is None else "(the key that you set)",
    }
    if listener.certificate is not None:
        variables["SSL_CERT_FILE"] = str(listener.certificate.authority.resolve())
    settings = "\n".join(f"  {_setting(name, value)}" for name, value in variables.items())
    return (
        f"StateBase {__version__} listens on {bold(listener.url, sys.stdout)}. The store is {store}.\n"
        f"{key} Ctrl-C stops it. To point clients at it:\n\n{settings}\n"
    )


def _setting(name: str, value: str) -> str:
    """Return the shell command that sets a variable."""
    if sys.platform == "win32":
        return f"$env:{name} = '{value}'"
    return f"export {name}={shlex.quote(value)}"


COMMAND = Command("serve", "serve the API from a store on this machine", _DESCRIPTION, _add_arguments, _run, _EPILOG)
