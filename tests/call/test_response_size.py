"""A response is received up to a limit, counted as it is decompressed; one that is larger ends with an error."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib
from typing import Any, AsyncIterator, Callable, Dict, Iterator, List

import httpx
import pytest

from statebase import ConfigurationError, ResponseTooLargeError, StateBase

MEBIBYTE = 1024 * 1024


class Pieces(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body that comes in pieces, and knows how many were asked for and whether it was closed."""

    def __init__(self, pieces: List[bytes]) -> None:
        self._pieces = pieces
        self.read = 0
        self.closed = False

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._pieces:
            self.read += 1
            yield piece

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self:
            yield piece

    def close(self) -> None:
        self.closed = True

    async def aclose(self) -> None:
        self.closed = True


def in_pieces(content: bytes, size: int = 1000) -> Pieces:
    return Pieces([content[at : at + size] for at in range(0, len(content), size)])


def raw_deflate(content: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return compressor.compress(content) + compressor.flush()


COMPRESSED: Dict[str, Callable[[bytes], bytes]] = {
    "identity": lambda content: content,
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "DEFLATE": raw_deflate,
    "deflate, gzip": lambda content: gzip.compress(zlib.compress(content)),
}


@pytest.mark.parametrize("coding", COMPRESSED)
def test_size_counts_decompressed(serve: Any, coding: str) -> None:
    """A response as large as the limit is accepted; one byte more is not."""
    content = b'{"a": "%b"}' % (b"b" * 200_000)

    def handle(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers={"Content-Encoding": coding}, stream=in_pieces(COMPRESSED[coding](content)))

    client = serve(handle)

    assert client.info(max_response_bytes=len(content)) == {"a": "b" * 200_000}
    with pytest.raises(ResponseTooLargeError, match=f"larger than max_response_bytes={len(content) - 1}"):
        client.info(max_response_bytes=len(content) - 1)


def test_bomb_takes_no_memory(serve: Any) -> None:
    """A body of 200 KB that decompresses to 200 MB is given up early, even if all of it came in one piece."""
    bomb = gzip.compress(bytes(200 * MEBIBYTE))
    client = serve(lambda _: httpx.Response(200, headers={"Content-Encoding": "gzip"}, stream=Pieces([bomb])))
    tracemalloc.start()

    with pytest.raises(ResponseTooLargeError):
        client.info(max_response_bytes=MEBIBYTE)

    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * MEBIBYTE


@pytest.mark.parametrize(
    ("coding", "start", "filler"),
    [
        pytest.param("gzip", gzip.compress(b"{}"), b"x" * 65536, id="after the end"),
        pytest.param("deflate", b"\x78\x9c", b"\0\0\0\xff\xff" * 13_000, id="empty blocks"),
    ],
)
def test_compressed_body_that_brings_nothing_has_an_end(serve: Any, coding: str, start: bytes, filler: bytes) -> None:
    """Input that decompresses to nothing counts as well, and none of it is kept."""
    body = Pieces([start, *[filler] * 200])
    client = serve(lambda _: httpx.Response(200, headers={"Content-Encoding": coding}, stream=body))
    tracemalloc.start()

    with pytest.raises(ResponseTooLargeError):
        client.info(max_response_bytes=MEBIBYTE)

    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (body.read < 50, peak < 4 * MEBIBYTE) == (True, True)


def test_what_follows_a_compressed_body_is_not_kept(serve: Any) -> None:
    """Without a limit it is received and dropped."""
    body = Pieces([gzip.compress(b'{"a": 1}'), *[b"x" * 65536] * 200])
    client = serve(lambda _: httpx.Response(200, headers={"Content-Encoding": "gzip"}, stream=body))
    tracemalloc.start()

    assert client.info(max_response_bytes=None) == {"a": 1}

    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * MEBIBYTE


def test_body_in_tiny_pieces_takes_no_more_memory_than_its_size(serve: Any) -> None:
    """A piece of two bytes, held as an object, would take twenty times as much."""
    body = in_pieces(b'{"a": "%b"}' % (b"b" * MEBIBYTE), size=2)
    client = serve(lambda _: httpx.Response(200, stream=body))
    tracemalloc.start()

    assert client.info() == {"a": "b" * MEBIBYTE}

    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * MEBIBYTE


def test_rest_is_not_received(serve: Any) -> None:
    """The rest after the limit is not waited for, and the connection is released."""
    body = in_pieces(bytes(100_000))
    client = serve(lambda _: httpx.Response(200, stream=body))

    with pytest.raises(ResponseTooLargeError):
        client.info(max_response_bytes=9_500)

    assert (body.read, body.closed) == (10, True)


@pytest.mark.parametrize(("status", "outcome"), [(200, "unknown"), (503, "unknown"), (404, "rejected")])
def test_error_tells_what_is_known(serve: Any, status: int, outcome: str) -> None:
    """It comes with status and headers, at once, and with what the status says of the request."""
    requests = []

    def handle(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(status, headers={"X-Request-Id": "req_1"}, stream=in_pieces(bytes(10_000)))

    with pytest.raises(ResponseTooLargeError) as caught:
        serve(handle, max_response_bytes=100).sessions.create("agent")

    error = caught.value
    assert (error.status_code, error.request_id, error.outcome, len(requests)) == (status, "req_1", outcome, 1)
    assert [(attempt.phase, attempt.error) for attempt in error.attempts] == [("receive", "ResponseTooLargeError")]
    assert error.idempotency_key == requests[0].headers["idempotency-key"]


def test_response_that_was_read_before_counts(serve: Any) -> None:
    """A transport that returns responses as a whole is also limited."""
    client = serve(lambda _: httpx.Response(200, json={"a": "b" * 1000}))

    with pytest.raises(ResponseTooLargeError):
        client.info(max_response_bytes=1000)


def test_limit_of_client_view_and_call(serve: Any) -> None:
    """The narrowest option holds; None lifts the limit."""
    client = serve(lambda _: httpx.Response(200, json={"a": "b" * 1000}), max_response_bytes=10)
    answer = {"a": "b" * 1000}

    with pytest.raises(ResponseTooLargeError, match="max_response_bytes=10,"):
        client.info()
    with pytest.raises(ResponseTooLargeError, match="max_response_bytes=20,"):
        client.with_options(max_response_bytes=20).info()
    assert client.with_options(max_response_bytes=2000).info() == answer
    assert client.info(max_response_bytes=None) == answer


def test_limit_is_64_mebibytes(serve: Any) -> None:
    """So it is without the option."""
    zeros = gzip.compress(b"[" + b"0," * (32 * MEBIBYTE) + b"0]")
    client = serve(lambda _: httpx.Response(200, headers={"Content-Encoding": "gzip"}, stream=in_pieces(zeros)))

    with pytest.raises(ResponseTooLargeError, match="max_response_bytes=67108864,"):
        client.info()


@pytest.mark.parametrize("value", [0, -1, 1.5, True, "64"])
def test_limit_that_is_none(serve: Any, value: Any) -> None:
    """It is a positive integer or None."""
    message = f"max_response_bytes must be a positive integer, got {'str' if value == '64' else value}"
    client = serve(lambda _: httpx.Response(200, json={}))

    for make in (
        lambda: StateBase("sb_test", max_response_bytes=value),
        lambda: client.with_options(max_response_bytes=value),
        lambda: client.info(max_response_bytes=value),
    ):
        with pytest.raises(ConfigurationError, match=message):
            make()


def test_body_that_is_not_compressed_as_told(serve: Any) -> None:
    """It is an error like a lost connection, however often it is said to be compressed."""
    for coding in ("gzip", "deflate", "gzip," * 100_000):
        client = serve(
            lambda _, coding=coding: httpx.Response(
                200, headers={"Content-Encoding": coding}, stream=Pieces([b"?" * 100])
            )
        )

        with pytest.raises(httpx.TransportError):
            client.info(max_retries=0)
