"""Each wait of a socket uses the rest of the deadline: connecting, the handshake, sending, receiving."""

from __future__ import annotations

import socket
import ssl
from typing import Any, Callable, Dict, Iterator, Tuple

import httpcore
import pytest

from statebase._base.clock import Clock
from statebase._base.deadline import TimeLeft
from statebase._wire.sockets import Backend, Stream

DEADLINE_SECONDS = 5


class Watch(Clock):
    """A clock that is set by hand, or goes on by some seconds with each look at it."""

    def __init__(self, seconds_a_look: float = 0.0) -> None:
        self.now_seconds = 0.0
        self._seconds_a_look = seconds_a_look

    def monotonic(self) -> float:
        self.now_seconds += self._seconds_a_look
        return self.now_seconds

    def until_deadline(self) -> TimeLeft:
        return TimeLeft(None, DEADLINE_SECONDS, self)


@pytest.fixture
def connected() -> Iterator[Tuple[socket.socket, socket.socket]]:
    """Two sockets that lead to each other; the second has sent something, and will not send more."""
    ours, theirs = socket.socketpair()
    theirs.sendall(b"x")
    theirs.shutdown(socket.SHUT_WR)
    yield ours, theirs
    ours.close()
    theirs.close()


WAITS: Dict[str, Tuple[Callable[[Stream, TimeLeft], Any], Any]] = {
    "receive": (lambda stream, left: stream.read(1, left), httpcore.ReadTimeout),
    "send": (lambda stream, left: stream.write(b"x", left), httpcore.WriteTimeout),
    "handshake": (
        lambda stream, left: stream.start_tls(ssl.create_default_context(), "a", left),
        httpcore.ConnectTimeout,
    ),
}


@pytest.mark.parametrize(("wait", "error"), WAITS.values(), ids=WAITS)
def test_wait_that_begins_after_the_deadline(
    connected: Tuple[socket.socket, socket.socket], wait: Callable[[Stream, TimeLeft], Any], error: Any
) -> None:
    """httpcore reads a timeout once and waits with it often: it runs out, even where the socket would be ready."""
    watch = Watch()
    left = watch.until_deadline()
    stream = Stream(connected[0], None)

    watch.now_seconds = DEADLINE_SECONDS

    with pytest.raises(error, match="deadline"):
        wait(stream, left)


def test_host_with_many_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of its addresses together get the time until the deadline, not each of them."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        refusing = server.getsockname()
    address = (socket.AF_INET, socket.SOCK_STREAM, 0, "", refusing)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: [address] * 10)

    with pytest.raises(httpcore.ConnectTimeout, match="deadline"):
        Backend().connect_tcp("many.example", 80, Watch(seconds_a_look=1).until_deadline())
