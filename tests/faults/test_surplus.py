"""Data that a server sends after its response is not the response to the next request."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from typing import Any, Iterator, List

import pytest


def answer(id: str) -> bytes:
    body = json.dumps({"id": id}).encode()
    return b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + body


class Chatterbox:
    """A server that echoes the header `X-Id`, and says one thing more after the first answer of a connection."""

    def __init__(self) -> None:
        self.surplus = b""
        self.connections: List[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        for each in (self._listener, *self.connections):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                self.connections.append(self._listener.accept()[0])
                threading.Thread(target=self._serve, args=(self.connections[-1],), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        surplus = self.surplus
        with contextlib.suppress(OSError), connection.makefile("rb") as reader:
            for line in iter(reader.readline, b""):
                name, _, value = line.partition(b":")
                if name.lower() == b"x-id":
                    id = value.strip().decode()
                if line == b"\r\n":
                    connection.sendall(answer(id) + surplus)
                    surplus = b""


@pytest.fixture
def chatterbox() -> Iterator[Chatterbox]:
    server = Chatterbox()
    yield server
    server.close()


def ids_that_come_back(client: Any) -> List[str]:
    return [client.info(extra_headers={"X-Id": str(number)})["id"] for number in range(4)]


@pytest.mark.parametrize("surplus", [answer("another"), answer("another")[:-5], b"\r\n\r\n", b"x"])
def test_what_comes_with_an_answer(chatterbox: Chatterbox, make_client: Any, surplus: bytes) -> None:
    """A second answer in the same breath: the connection is not used again."""
    chatterbox.surplus = surplus
    client = make_client(base_url=chatterbox.url, max_retries=0)

    assert ids_that_come_back(client) == ["0", "1", "2", "3"]
    assert len(chatterbox.connections) == 4


def test_what_comes_after_an_answer(chatterbox: Chatterbox, make_client: Any) -> None:
    """Something said while the connection is idle, as by servers that are about to close it: likewise."""
    client = make_client(base_url=chatterbox.url, max_retries=0)
    client.info(extra_headers={"X-Id": "first"})

    chatterbox.connections[0].sendall(b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\n\r\n")

    assert ids_that_come_back(client) == ["0", "1", "2", "3"]
    assert len(chatterbox.connections) == 2


def test_nothing_more(chatterbox: Chatterbox, make_client: Any) -> None:
    """A server that sends nothing after its response keeps its connection."""
    client = make_client(base_url=chatterbox.url, max_retries=0)

    assert ids_that_come_back(client) == ["0", "1", "2", "3"]
    assert len(chatterbox.connections) == 1
