"""A server behind a proxy that does harm, clients that know only the proxy, and what becomes of their calls."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Tuple
from urllib.parse import urlsplit

import trustme

from statebase import AsyncStateBase, StateBase, StateBaseError
from statebase._base.clock import Clock
from statebase._base.exchange import Request
from statebase._generated.operations import OPERATIONS
from statebase.local import Engine
from statebase.server import serve_in_thread
from statebase.testing import FrozenClock
from tests.faults.fault_list import Fault
from tests.faults.fault_proxy import Act, FaultProxy
from tests.faults.operation_cases import CASES, Arguments, Ledger, difference, prepare, take_stock

API_KEY = "sb_the_key_of_the_matrix"
MAX_RETRIES = 2
MOMENT_SECONDS = 0.01
FLAVOURS = ("sync", "async", "aiohttp")
"""The last is the asynchronous client with `http_backend="aiohttp"`."""


def hurry(client: Any, wait: str, requests: int) -> None:
    """Have the first requests of a client wait only a moment for the server.

    Args:
        client: A client of either flavour.
        wait: What to wait for: "connect", or "read". anyio for Python 3.9 loses a socket that connects when time is up.
        requests: How many requests are in a hurry.
    """
    exchange = client._connection.exchange
    left = [wait] * requests

    def exchange_in_a_hurry(request: Request) -> Any:
        if left:
            request.timeouts = {**request.timeouts, left.pop(): MOMENT_SECONDS}
        return exchange(request)

    client._connection.exchange = exchange_in_a_hurry


class Finding(NamedTuple):
    """The result of a call."""

    error: Optional[StateBaseError]
    attempts: int
    slept: List[float]
    effect: Ledger
    """The changes of the call in the store."""
    repeated: Optional[StateBaseError]
    """The error of the repetition of a call that failed; None where it went well, or there was none."""
    effect_in_all: Ledger
    """The changes of the call and its repetition."""
    strayed: bool
    """Whether the client went where a redirect pointed."""

    def summary(self) -> str:
        """Say it in a cell of the table."""
        if self.error is None:
            return "once" if self.effect_in_all else "answered"
        told = self.error.outcome.replace("_", " ")
        return f"{told}, then {'once' if self.effect_in_all else 'answered'}"


class Bench:
    """A server, a proxy before it, and clients that know only the proxy."""

    def __init__(self, engine: Engine, proxy: FaultProxy, trust: ssl.SSLContext) -> None:
        self.engine = engine
        self.proxy = proxy
        self._trust = trust
        self._loop = asyncio.new_event_loop()
        self._found: Dict[Tuple[str, str, str, bool], Finding] = {}

    def close(self) -> None:
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()
        self.proxy.close()

    def find(self, operation_id: str, fault: Fault, flavour: str, *, always: bool) -> Finding:
        """Return the result of a call whose first attempt, or whose every attempt, meets a fault."""
        case = (operation_id, fault.name, flavour, always)
        if case not in self._found:
            script = [fault.act] * (MAX_RETRIES + 1 if always else 1)
            self._found[case] = self.try_out(operation_id, flavour, script, fault)
        return self._found[case]

    def try_out(
        self, operation_id: str, flavour: str, script: List[Act], way: Fault, arguments: Optional[Arguments] = None
    ) -> Finding:
        """Call with a script of faults, one an attempt, and none after it; if the call fails, repeat it.

        Args:
            operation_id: What to call.
            flavour: With which client.
            script: What happens to the attempts.
            way: Says how the client gets to the server, and how patient it is.
            arguments: Other positional arguments than those of the table.
        """
        proxy, clock = self.proxy, FrozenClock()
        proxy.now, proxy.advance_clock = clock.now, lambda seconds: clock.advance(seconds=seconds)
        with self._client(way, flavour, len(script), clock) as (call, clear, attempts):
            given, options = prepare(operation_id, self.engine)
            if way.deadline is not None:
                options["deadline"] = way.deadline
            before = take_stock(self.engine)
            proxy.script = list(script)
            error = call(operation_id, arguments or given, options)
            proxy.settle(max(0, len(script) - len(attempts)) if way.hurried and way.arrives else None)
            effect = difference(before, take_stock(self.engine))
            made, slept = len(attempts), list(clock.waits)
            repeated = None
            if error is not None:
                clear()
                proxy.script = []
                if error.idempotency_key is not None and CASES[operation_id].takes_key:
                    options["idempotency_key"] = error.idempotency_key
                repeated = call(operation_id, arguments or given, options)
                proxy.settle()
            in_all = difference(before, take_stock(self.engine))
        return Finding(error, made, slept, effect, repeated, in_all, proxy.has_strays())

    @contextlib.contextmanager
    def _client(self, way: Fault, flavour: str, faults: int, clock: Clock) -> Iterator[Tuple[Any, Any, List[Any]]]:
        """Make a client; yields how to call it, how to clear its way, and the attempts that it makes.

        The way is cleared by itself after as many attempts as there are faults.
        """
        proxy = self.proxy
        url = proxy.tls_url if way.way == "https" else proxy.url
        with contextlib.ExitStack() as stack:
            clear = _do_nothing
            if way.way in ("closed", "crowded"):
                port = stack.enter_context(contextlib.closing(proxy.closed_port()))
                if way.way == "crowded":
                    port.crowd()
                url, clear = port.url, port.open
            attempts: List[Any] = []

            def ended(event: Any) -> None:
                attempts.append(event)
                if len(attempts) == faults:
                    clear()

            kind: Any = StateBase if flavour == "sync" else AsyncStateBase
            client = kind(
                API_KEY,
                url,
                max_retries=MAX_RETRIES,
                event_hooks={"attempt_ended": [ended]},
                verify=self._trust,
                http_backend="aiohttp" if flavour == "aiohttp" else "httpcore",
            )
            client._settings.clock = clock
            if way.hurried:
                hurry(client, "connect" if way.way == "crowded" else "read", faults)
            stack.callback(lambda: self._wait_for(client.close()))

            def call(operation_id: str, arguments: Any, more: Any) -> Optional[StateBaseError]:
                try:
                    self._wait_for(method_of(client, operation_id)(*arguments, **more))
                except StateBaseError as error:
                    return error
                return None

            yield call, clear, attempts

    def _wait_for(self, result: Any) -> Any:
        return self._loop.run_until_complete(result) if asyncio.iscoroutine(result) else result


def _do_nothing() -> None:
    """Leave the way as it is: nothing is in it."""


def method_of(client: Any, operation_id: str) -> Any:
    """Return the method of a client that carries out an operation."""
    namespace, _, name = OPERATIONS[operation_id].methods[0].partition(".")
    return getattr(client if namespace == "system" else getattr(client, namespace), name)


@contextlib.contextmanager
def set_up() -> Iterator[Bench]:
    """Start a server and the proxy before it."""
    authority, stranger = trustme.CA(), trustme.CA()
    contexts = []
    for each in (authority, stranger):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        each.issue_cert("127.0.0.1").configure_cert(context)
        contexts.append(context)
    trust = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.configure_trust(trust)
    engine = Engine.open()
    log = logging.getLogger("statebase")
    level = log.level
    log.setLevel(logging.CRITICAL)  # thousands of attempts fail here, as they should
    with contextlib.closing(engine), serve_in_thread(engine, api_key=API_KEY) as server:
        address = urlsplit(server.url)
        assert address.hostname is not None and address.port is not None
        proxy = FaultProxy((address.hostname, address.port), *contexts)
        with contextlib.closing(Bench(engine, proxy, trust)) as bench:
            yield bench
    log.setLevel(level)
