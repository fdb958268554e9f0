"""Methods of several calls are applied once, whatever happens to any of their requests."""

from __future__ import annotations

import contextlib
import itertools
import sys
from pathlib import Path
from types import FrameType
from typing import Any, Callable, Dict, Iterator, List, Optional

import httpx
import pytest

import statebase
from statebase import StateBase, StateBaseError
from statebase._call import outbox_file
from statebase.local import Engine, LocalTransport
from statebase.server import serve_in_thread
from statebase.testing import FrozenClock
from statebase.transfer import export_sessions, import_sessions
from tests.faults.method_cases import MANY, METHODS, changed, stock
from tests.namespaces.plain_service import PlainService

pytestmark = pytest.mark.slow

SOURCES = str(Path(statebase.__file__).parent)
MOST_REQUESTS = 60
STEP = 23
"""Lines from one interrupt to the next."""
names = (f"user-{number}" for number in itertools.count())


class Interrupt(BaseException):
    """An exception that a signal handler may raise."""


class Network:
    """The way to a service; requests from a number on, or one of them, meet a fault.

    Args:
        service: Answers a request.
    """

    def __init__(self, service: Callable[[httpx.Request], httpx.Response]) -> None:
        self._service = service
        self.late: List[httpx.Request] = []
        self.heal()

    def heal(self) -> None:
        """Deliver everything from now on, also what is late."""
        self.number, self.first, self.last = 0, sys.maxsize, sys.maxsize
        for request in self.late:
            self._deliver(request)
        self.late = []

    def fail(self, fault: str, first: int, *, always: bool) -> None:
        """Fail a request, or all from it on."""
        self.fault, self.number, self.first = fault, 0, first
        self.last = sys.maxsize if always else first

    def __call__(self, request: httpx.Request) -> httpx.Response:
        copied = httpx.Request(request.method, request.url, headers=request.headers, content=request.read())
        number, self.number = self.number, self.number + 1
        if not self.first <= number <= self.last:
            return self._deliver(copied)
        if self.fault == "unavailable":
            return httpx.Response(503)
        if self.fault in ("lost", "interrupted"):
            raise httpx.ReadError("reset") if self.fault == "lost" else Interrupt
        if self.fault == "late":
            self.late.append(copied)
            raise httpx.ReadError("reset")
        response = self._deliver(copied)
        if self.fault == "answer lost":
            raise httpx.ReadError("reset")
        if self.fault == "answer interrupted":
            raise Interrupt
        return self._deliver(copied) if self.fault == "twice, second answer" else response

    def _deliver(self, request: httpx.Request) -> httpx.Response:
        fresh = httpx.Request(request.method, request.url, headers=request.headers, content=request.content)
        response = self._service(fresh)
        response.read()
        return httpx.Response(response.status_code, headers=response.headers, content=response.content)


FAULTS = ("unavailable", "lost", "late", "answer lost", "twice, second answer", "interrupted", "answer interrupted")


LOST_ANSWERS = ("late", "answer lost", "answer interrupted")


@pytest.fixture(params=["sqlite", "postgres", "served", "plain"])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    location = request.getfixturevalue("postgres_url") if request.param == "postgres" else ":memory:"
    with contextlib.closing(Engine.open(location)) as engine:
        yield engine


@pytest.fixture
def network(engine: Engine, request: pytest.FixtureRequest) -> Iterator[Network]:
    kind = request.node.callspec.params["engine"]
    if kind == "plain":
        yield Network(PlainService(engine))
    elif kind == "served":
        with serve_in_thread(engine) as server, httpx.Client(base_url=server.url) as http:
            yield Network(lambda each: http.request(each.method, each.url.raw_path.decode(), **_parts(each)))
    else:
        yield Network(LocalTransport(engine).handle_request)


def _parts(request: httpx.Request) -> Dict[str, Any]:
    headers = {name: value for name, value in request.headers.items() if name not in ("host", "content-length")}
    return {"headers": headers, "content": request.content}


@pytest.mark.parametrize("name", METHODS)
def test_method_is_applied_once(make_client: Any, engine: Engine, network: Network, name: str) -> None:
    """After each fault at each request: the call succeeds, or its repetition completes it; the effect is that of one."""
    method = METHODS[name]
    client = make_client(transport=httpx.MockTransport(network), max_retries=2)
    given = method.prepare(client, next(names))
    before, network.number = stock(engine), 0
    method.call(client, given)
    expected, requests = changed(before, engine), network.number
    assert 0 < requests < MOST_REQUESTS

    for fault, always, number in itertools.product(FAULTS, (False, True), range(requests)):
        where = f"{fault} {'from' if always else 'at'} request {number} of {requests}"
        given = method.prepare(client, next(names))
        before = stock(engine)
        # After an exception that has no key, only a caller with a key can repeat the call.
        options = {"idempotency_key": f"{given}-key"} if method.is_keyed and "interrupted" in fault else {}
        network.fail(fault, number, always=always)
        error: Optional[BaseException] = None
        try:
            method.call(client, given, **options)
        except (StateBaseError, Interrupt) as caught:
            error = caught
        network.heal()
        if error is None:
            assert changed(before, engine) == expected, where
            continue
        assert always or isinstance(error, Interrupt), f"{where}: {error}"
        done = changed(before, engine)
        if isinstance(error, StateBaseError) and method.is_keyed:
            options["idempotency_key"] = str(error.idempotency_key)
        if method.is_repeated:
            method.call(client, given, **options)
            assert changed(before, engine) == expected, where
        else:
            assert done in ({}, expected), where
            if isinstance(error, StateBaseError) and error.outcome != "unknown" and fault != "late":
                assert done == {}, where


@pytest.mark.parametrize("service", [lambda engine: LocalTransport(engine).handle_request, PlainService])
def test_import_is_applied_once(tmp_path: Path, clock: FrozenClock, service: Any) -> None:
    """Likewise, with batches of turns and states or without; a repeated import adds what is missing."""
    path = tmp_path / "export.jsonl"
    with StateBase.local() as source:
        session = source.sessions.create("agent", user_id="ada", initial_state={"n": 0})
        source.sessions.ingest(session.id, MANY)
        source.state.update_state(session.id, {"n": 1})
        source.memory.add("Likes tea", session_id=session.id)
        source.entities.create(session.id, "order", "1", {"price": 1})
        export_sessions(source, path)

    def attempt(fault: str, number: int, *, always: bool) -> Any:
        """Import into a new store with a fault, and again without; return what is in it, and the number of requests."""
        with contextlib.closing(Engine.open()) as engine:
            network = Network(service(engine))
            before = stock(engine)
            with StateBase("sb_test", transport=httpx.MockTransport(network)) as client:
                client._settings.clock = clock
                network.fail(fault, number, always=always)
                with contextlib.suppress(StateBaseError, Interrupt):
                    import_sessions(client, path, concurrency=1)
                requests = network.number
                network.heal()
                import_sessions(client, path, concurrency=1)
            return changed(before, engine), requests

    expected, requests = attempt("lost", MOST_REQUESTS, always=False)
    assert expected["turns"] == len(MANY)
    assert 4 < requests < MOST_REQUESTS
    for fault, always, number in itertools.product(LOST_ANSWERS, (False, True), range(requests)):
        assert attempt(fault, number, always=always)[0] == expected, f"{fault} {number} {always}"


@pytest.mark.parametrize("name", ["add_messages", "ingest", "memory.add of a user", "memory.add_many"])
@pytest.mark.parametrize("engine", ["sqlite", "served"], indirect=True)
def test_outbox_applies_once(
    make_client: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: Engine, network: Network, name: str
) -> None:
    """A call with an outbox does not fail: what it could not send is sent by `flush`."""
    monkeypatch.setattr(outbox_file, "_SYNCHRONOUS", "OFF")
    method = METHODS[name]
    options: Any = {"transport": httpx.MockTransport(network), "max_retries": 0, "outbox": tmp_path / "outbox.db"}
    client = make_client(**options)
    given = method.prepare(client, next(names))
    before = stock(engine)
    method.call(client, given)
    expected = changed(before, engine)

    for fault, always, number in itertools.product(FAULTS, (False, True), range(3)):
        given = method.prepare(client, next(names))
        client = make_client(**options)  # its circuit breaker is closed
        client._connection.outbox.not_before = float("inf")  # nothing is sent in the background
        before = stock(engine)
        network.fail(fault, number, always=always)
        with contextlib.suppress(Interrupt):
            method.call(client, given, idempotency_key=f"{given}-key")
        network.heal()
        if "interrupted" in fault:
            method.call(client, given, idempotency_key=f"{given}-key")
        assert client.outbox.flush().pending == 0
        assert changed(before, engine) == expected, f"{fault} {number} {always}"
        assert client.outbox.failed() == []


@pytest.mark.parametrize("engine", ["served"], indirect=True)
@pytest.mark.parametrize("name", ["add_messages", "get_or_create", "erase_user", "memory.add_many", "fork"])
def test_interrupted_at_lines_of_the_client(engine: Engine, name: str) -> None:
    """An exception of a signal handler at any line, with connections to `serve`: the repetition completes the call."""
    method = METHODS[name]
    with serve_in_thread(engine) as server, StateBase("sb_test", server.url) as client:
        given = method.prepare(client, next(names))
        before = stock(engine)
        method.call(client, given)
        expected = changed(before, engine)
        at, over = 0, False
        while not over:
            at += STEP
            given = method.prepare(client, next(names))
            options = {"idempotency_key": f"{given}-key"} if method.is_keyed else {}
            before = stock(engine)
            over = not _interrupted(at, lambda: method.call(client, given, **options))  # noqa: B023
            method.call(client, given, **options)
            assert changed(before, engine) == expected, f"line {at}"

    assert at > 10 * STEP


def _interrupted(at: int, call: Callable[[], Any]) -> bool:
    """Call, and raise `Interrupt` before a line of the client; return whether it was reached."""
    seen = 0

    def trace(frame: FrameType, event: str, argument: object) -> Any:
        nonlocal seen
        if not frame.f_code.co_filename.startswith(SOURCES):
            return None
        if event == "line":
            seen += 1
            if seen == at:
                sys.settrace(None)
                raise Interrupt
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    except Interrupt:
        return True
    finally:
        sys.settrace(before)
    return seen >= at
