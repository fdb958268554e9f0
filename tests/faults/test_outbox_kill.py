"""A process that is killed, or interrupted, at any line while it uses an outbox: each write is applied once, in order."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any, Callable, List, Optional, Tuple

import httpx
import pytest

import statebase
from statebase import OutboxReport, StateBase
from statebase._base.clock import Clock
from statebase._call import outbox_file

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not hasattr(os, "fork"), reason="kills forked processes")]

SOURCES = str(Path(statebase.__file__).parent / "_call" / "outbox")
WRITES = 4
STEP = 13
"""Lines from one kill to the next: each line runs several times, and is met at one of them."""


@pytest.fixture(autouse=True)
def disk_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A killed process loses nothing that it has given to the operating system."""
    monkeypatch.setattr(outbox_file, "_SYNCHRONOUS", "OFF")


class Interrupt(BaseException):
    """An exception that a signal handler may raise."""


class Service:
    """A service in a file, which outlives the process: it applies a key once. Some requests and responses are lost."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.loses: List[Optional[str]] = [None, "request", "response", None, None, "response"]

    def applied(self) -> List[Tuple[str, str]]:
        """Return the key and the content of each write that was applied."""
        if not self.path.exists():
            return []
        return [tuple(json.loads(line)) for line in self.path.read_text().splitlines()]

    def __call__(self, request: httpx.Request) -> httpx.Response:
        lost = self.loses.pop(0) if self.loses else None
        if lost == "request":
            raise httpx.ConnectError("refused")
        key, body = request.headers["idempotency-key"], json.loads(request.content)
        if key not in dict(self.applied()):
            with self.path.open("a") as file:
                file.write(json.dumps([key, body["input"]["content"]]) + "\n")
        if lost == "response":
            raise httpx.ReadError("reset")
        answer = {"id": "turn_1", "session_id": "sess_1", "created_at": "2026-01-02T03:04:05Z", "turn_number": 1}
        return httpx.Response(200, json={**answer, **body})


class _Hasty(Clock):
    """A clock on which pauses of the circuit breaker are over at once."""

    def __init__(self) -> None:
        self.passed = 0.0

    def monotonic(self) -> float:
        self.passed += 60
        return self.passed


def open_client(service: Service, path: Path) -> StateBase:
    client = StateBase("sb_test", transport=httpx.MockTransport(service), outbox=path, max_retries=0)
    client._settings.clock = _Hasty()
    client._connection.outbox.not_before = float("inf")  # nothing in a thread: the trace follows one
    return client


def at_line(number: int, act: Callable[[], Any]) -> Callable[..., Any]:
    """Return a trace function that acts before a line of the outbox."""
    seen = 0

    def trace(frame: FrameType, event: str, argument: object) -> Any:
        nonlocal seen
        if not frame.f_code.co_filename.startswith(SOURCES):
            return None
        if event == "line":
            seen += 1
            if seen == number:
                act()
        return trace

    return trace


def write_all(client: StateBase, log: Path) -> None:
    """Write turns, and flush between them; note each call that has returned."""
    for number in range(WRITES):
        client.sessions.add_turn("sess_1", str(number), "")
        with log.open("a") as file:
            file.write(f"{number}\n")
        if number == 1:
            client.outbox.flush()


def check(service: Service, outbox: Path, log: Path) -> None:
    """Send what was left, and compare with the calls that returned."""
    service.loses = []
    with StateBase("sb_test", transport=httpx.MockTransport(service), outbox=outbox) as client:
        report = client.outbox.flush()
        assert (report.failed, report.pending, report.reason) == (0, 0, None)
        assert client.outbox.flush() == OutboxReport(0, 0, 0)
    contents = [content for _, content in service.applied()]
    returned = log.read_text().split() if log.exists() else []
    assert contents == sorted(set(contents)), "applied twice, or in another order"
    assert contents[: len(returned)] == returned, "a write was lost"
    assert len(contents) <= len(returned) + 1


def test_killed_at_every_line(tmp_path: Path):
    at, over = -5, False
    while not over:
        at += STEP
        outbox, log = tmp_path / f"{at}.db", tmp_path / f"{at}.log"
        service = Service(tmp_path / f"{at}.service")
        client = open_client(service, outbox)
        child = os.fork()
        if child == 0:
            with contextlib.suppress(BaseException):
                sys.settrace(at_line(at, lambda: os.kill(os.getpid(), signal.SIGKILL)))
                write_all(client, log)
                os._exit(0)
            os._exit(1)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        assert code in (0, -signal.SIGKILL)
        over = code == 0
        check(service, outbox, log)

    assert at > 20 * STEP


def test_interrupted_at_every_line(tmp_path: Path):
    """The process goes on, and uses the same client: nothing is locked."""
    at = 0
    while True:
        at += 3
        outbox, log = tmp_path / f"{at}.db", tmp_path / f"{at}.log"
        service = Service(tmp_path / f"{at}.service")
        client = open_client(service, outbox)
        before = sys.gettrace()

        def interrupt() -> None:
            raise Interrupt

        sys.settrace(at_line(at, interrupt))
        try:
            write_all(client, log)
            over = True
        except Interrupt:
            over = False
        finally:
            sys.settrace(before)
        service.loses = []
        assert client.outbox.flush().pending == 0
        check(service, outbox, log)
        if over:
            break

    assert at > 20 * STEP
