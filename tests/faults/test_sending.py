"""A write that fails while it is being sent may have been carried out: the service may have what it needs of it."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import traceback
from types import FrameType
from typing import Any, Iterator, List, Optional

import pytest

from statebase import APIConnectionError, APITimeoutError

LARGE = {"text": "a" * 30_000_000}
"""More than the buffers of two sockets hold."""


class Reluctant:
    """A server that reads a little of a request, and then resets the connection, or reads no more."""

    def __init__(self) -> None:
        self.resets = False
        self._held: List[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        for each in (self._listener, *self._held):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection = self._listener.accept()[0]
                self._held.append(connection)
                connection.recv(1000)
                if self.resets:
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    connection.close()


@pytest.fixture
def reluctant() -> Iterator[Reluctant]:
    server = Reluctant()
    yield server
    server.close()


def test_service_that_does_not_take_it(reluctant: Reluctant, make_client: Any) -> None:
    """Sending ends with the timeout."""
    client = make_client(base_url=reluctant.url, max_retries=0, timeout=0.3)

    with pytest.raises(APITimeoutError) as caught:
        client.sessions.create("agent", initial_state=LARGE)

    assert (caught.value.outcome, caught.value.attempts[0].phase) == ("unknown", "send")
    assert type(caught.value.__cause__).__name__ == "WriteTimeout"


def test_traceback_does_not_show_what_was_being_sent(reluctant: Reluctant, make_client: Any) -> None:
    """Error trackers report the local variables of each frame; those that send a head hold the key in it."""
    client = make_client("sb_hunter2", base_url=reluctant.url, max_retries=0, timeout=0.3)

    with pytest.raises(APITimeoutError) as caught:
        client.sessions.get("sess_1", extra_headers={"X-Large": LARGE["text"]})

    frames: List[FrameType] = []
    error: Optional[BaseException] = caught.value
    while error is not None:
        frames += [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
        error = error.__cause__ or error.__context__
    of_ours = [frame for frame in frames if frame.f_code.co_filename != __file__]
    assert type(caught.value.__cause__).__name__ == "WriteTimeout"
    assert "_attempts" in [frame.f_code.co_name for frame in of_ours]
    assert [frame.f_code.co_name for frame in of_ours if "hunter2" in repr(frame.f_locals)] == []


def test_connection_that_is_reset_meanwhile(reluctant: Reluctant, make_client: Any) -> None:
    """Sending ends with the connection."""
    reluctant.resets = True
    client = make_client(base_url=reluctant.url, max_retries=0)

    with pytest.raises(APIConnectionError) as caught:
        client.sessions.create("agent", initial_state=LARGE)

    assert caught.value.outcome == "unknown"
    assert caught.value.attempts[0].phase in ("send", "receive")
