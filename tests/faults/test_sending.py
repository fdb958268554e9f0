"""A write that fails while it is being sent may have been carried out: the service may have what it needs of it."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from typing import Any, Iterator, List

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


def test_connection_that_is_reset_meanwhile(reluctant: Reluctant, make_client: Any) -> None:
    """Sending ends with the connection."""
    reluctant.resets = True
    client = make_client(base_url=reluctant.url, max_retries=0)

    with pytest.raises(APIConnectionError) as caught:
        client.sessions.create("agent", initial_state=LARGE)

    assert caught.value.outcome == "unknown"
    assert caught.value.attempts[0].phase in ("send", "receive")
