"""`statebase serve`."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Callable, Optional, Sequence

from ..arguments import add_json, add_store, integer
from ..command import Command, CommandError
from ..environment import SERVE_API_KEY
from ..store import Store, store_of

if TYPE_CHECKING:
    from ...local.http.counts import Counts
    from ...server.listener import Listener

_DESCRIPTION = """\
Serve the StateBase API over HTTP/1.1 and HTTP/2, from a file or a PostgreSQL
database.

Clients find it by STATEBASE_BASE_URL, which is printed at the start. Default
store: in memory, lost when the server stops. Several processes can use one file
at the same time, and any number of machines one database. GET /openapi.json
describes the API."""

_EPILOG = """\
If no key is set, any key or none is accepted, and only requests to localhost
are answered. To listen on other addresses, set a key in
STATEBASE_SERVE_API_KEY, or by --api-key, which other users of this machine can
see."""

_MEMORY = ":memory:"
_MOST_REQUESTS = 1_000_000_000
_MOST_WORKERS = 256


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    add_store(parser, required=False, help="the store; created if it does not exist. Default: a store in memory")
    parser.add_argument("--host", default="127.0.0.1", help="host name or address to listen on (default: %(default)s)")
    parser.add_argument(
        "--port",
        type=integer(parser, "--port", 0, 65535),
        default=8787,
        help="port to listen on; 0: any free port (default: %(default)s)",
        metavar="PORT",
    )
    parser.add_argument(
        "--workers",
        type=integer(parser, "--workers", 1, _MOST_WORKERS),
        default=1,
        metavar="N",
        help="processes that serve the store, on one port (default: %(default)s); more than one requires a file or a "
        "database, and Linux or macOS",
    )
    parser.add_argument(
        "--api-key", metavar="KEY", help="API key that clients must send; visible to other users of this machine"
    )
    parser.add_argument(
        "--rate-limit",
        type=integer(parser, "--rate-limit", 1, _MOST_REQUESTS),
        metavar="N",
        help="reject more than N requests a minute, counted over all workers",
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
    from ..files import check_store

    store = store_of(options)
    if store is not None:
        check_store(store, create=True, in_memory=True)
    if store is not None and store.is_file and store.location == _MEMORY:
        store = None
    if options.workers > 1:
        _check_workers(options, store)
    _serve(options, store, os.environ.get(SERVE_API_KEY) or None if options.api_key is None else options.api_key)
    return 0


def _check_workers(options: argparse.Namespace, store: Optional[Store]) -> None:
    if store is None:
        options.parser.error(
            "--workers requires --path or --database: each process would have a store of its own in memory"
        )
    if sys.platform == "win32":
        options.parser.error("--workers is not supported on Windows: start several servers, each on a port of its own")


def _serve(options: argparse.Namespace, store: Optional[Store], api_key: Optional[str]) -> None:
    """Serve a store until a signal comes."""
    import tempfile

    from ..start_lines import Start

    if api_key is not None and not (api_key.isascii() and api_key.isprintable() and api_key and " " not in api_key):
        options.parser.error(f"the key of --api-key or {SERVE_API_KEY} must be printable ASCII text without spaces")
    with contextlib.ExitStack() as stack:
        directory = None
        if options.tls is not None:
            directory = Path(options.tls or stack.enter_context(tempfile.TemporaryDirectory(prefix="statebase-")))
        listener = _listen(options, directory, with_key=api_key is not None)
        stack.callback(listener.socket.close)
        start = Start(listener, store, api_key is not None, options.workers)

        def announce() -> None:
            print(start.as_json() if options.json else start.as_text(), flush=True)

        if options.workers == 1:
            _serve_store(options, store, api_key, listener, announce)
        else:
            _serve_with_workers(options, store, api_key, listener, announce)


def _serve_store(
    options: argparse.Namespace,
    store: Optional[Store],
    api_key: Optional[str],
    listener: Listener,
    ready: Callable[[], None],
    counts: Optional[Counts] = None,
    signals: Sequence[str] = ("SIGINT", "SIGTERM", "SIGBREAK"),
) -> None:
    """Serve a store until a signal comes, in one process."""
    from ...local.engine import Engine
    from ...local.http.door import FrontDoor
    from ...server.app import make_app
    from ...server.foreground import serve_until_signal
    from ..files import as_typed

    with contextlib.ExitStack() as stack:
        if store is not None and store.is_file:
            stack.enter_context(as_typed(store.location))
        engine = Engine.open(_MEMORY if store is None else store.location)
        stack.callback(engine.close)
        door = FrontDoor(engine, api_key=api_key, rate_limit=options.rate_limit, counts=counts)
        if options.access_log:
            _print_requests()
        serve_until_signal(listener, make_app(door, open_to_all=api_key is None), ready, signals)


def _serve_with_workers(
    options: argparse.Namespace,
    store: Optional[Store],
    api_key: Optional[str],
    listener: Listener,
    announce: Callable[[], None],
) -> None:
    """Serve a store until a signal comes, in several processes."""
    import logging

    from ...local.errors import EngineError
    from ...server import foreground  # noqa: F401  # pyright: ignore[reportUnusedImport]  # loaded once, for all workers
    from ...server.shared_counts import SharedCounts
    from ...server.sharing import OpenConnections
    from ...server.supervisor import WorkerError, supervise

    connections = OpenConnections(options.workers)
    counts = None if options.rate_limit is None else SharedCounts()

    def work(number: int, ready: Callable[[], None]) -> None:
        logging.basicConfig(format=f"worker {number}: %(message)s")
        shared = listener._replace(share=connections.share_of(number))
        try:
            _serve_store(options, store, api_key, shared, ready, counts, ["SIGTERM"])
        except (CommandError, EngineError) as error:
            raise WorkerError(str(error)) from error

    try:
        supervise(options.workers, work, announce, listener.socket.close)
    except WorkerError as error:
        raise CommandError(str(error)) from error
    finally:
        if counts is not None:
            counts.close()


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


def _print_requests() -> None:
    """Log each request on stderr."""
    import logging
    import multiprocessing

    from ...server.running import access_log

    # The name of a worker's process is "worker 1".
    worker = "%(processName)s: " if multiprocessing.parent_process() is not None else ""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter(f"%(asctime)s {worker}%(message)s"))
    access_log.addHandler(handler)
    access_log.setLevel(logging.INFO)
    access_log.propagate = False


COMMAND = Command("serve", "serve the API from a store", _DESCRIPTION, _add_arguments, _run, _EPILOG)
