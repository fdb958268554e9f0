"""The body of a response as it arrives: decompressed piece by piece, up to the client's size limit."""

from __future__ import annotations

import zlib
from itertools import chain
from typing import Any, Iterable, Iterator, List, Optional, cast

from .exchange import RawHeaders, Reply
from .lazy import httpx

_PIECE_BYTES = 65536
_MOST_CODINGS = 5
_WINDOWS = {"gzip": zlib.MAX_WBITS | 16, "deflate": zlib.MAX_WBITS}
_SLICE_BYTES = 64  # for httpx's decoders: the size of their output cannot be limited


class Body:
    """A body that is being received.

    Args:
        headers: The response headers; they name the compression of the body.
        limit: The maximum decompressed size in bytes. None: no limit.
    """

    def __init__(self, headers: RawHeaders, limit: Optional[int]) -> None:
        self._headers = headers
        self._content = bytearray()  # a list of very small pieces would need many times the memory
        self._wire_bytes = 0
        self._limit = limit
        self._is_too_large = False
        self._error: Optional[httpx.DecodingError] = None
        self._decoders: Optional[List[Any]] = None
        if any(name.lower() == b"content-encoding" for name, _ in headers):
            self._decoders = _decoders(headers)

    def add(self, data: bytes) -> bool:
        """Add the next bytes from the network; return False if the rest is not needed: `reply` has its result."""
        if self._decoders is None:
            return self.keep(data)
        self._wire_bytes += len(data)
        if self._limit is not None and self._wire_bytes > 2 * self._limit + _PIECE_BYTES:
            # Most of these bytes decompress to nothing, or follow the end of the compressed data.
            self._is_too_large = True
            return False
        pieces: Iterator[bytes] = iter((data,))
        for decoder in self._decoders:
            pieces = chain.from_iterable(map(decoder.decode, pieces))
        try:
            return all(map(self.keep, pieces))
        except httpx.DecodingError as error:
            self._error = error
            return False

    def keep(self, piece: bytes) -> bool:
        """Add a decompressed piece; return False if the body exceeds the limit."""
        if self._limit is not None and len(self._content) + len(piece) > self._limit:
            self._is_too_large = True
            return False
        self._content += piece
        return True

    def reply(self, status_code: int) -> Reply:
        """Return the reply. Call it after the last piece, or after `add` or `keep` has returned False.

        Raises:
            httpx.DecodingError: The body is not compressed as the headers say.
        """
        if self._error is not None:
            raise self._error
        if not self._is_too_large and all(self.keep(decoder.flush()) for decoder in self._decoders or ()):
            return Reply(status_code, self._headers, bytes(self._content))
        return Reply(status_code, self._headers, b"", is_too_large=True)


def _decoders(headers: RawHeaders) -> List[Any]:
    response = httpx.Response(200, headers=list(headers))
    codings = [coding.strip().lower() for coding in response.headers["content-encoding"].split(",")]
    if len(codings) > _MOST_CODINGS:
        raise httpx.DecodingError(f"The body is compressed {len(codings)} times")
    if all(coding in ("", "identity", *_WINDOWS) for coding in codings):
        return [_Inflater(coding) for coding in reversed(codings) if coding in _WINDOWS]
    return [_DecoderOfHttpx(response)]


class _Inflater:
    """Decompresses gzip or deflate; some senders omit the zlib header of deflate."""

    def __init__(self, coding: str) -> None:
        self._zlib = zlib.decompressobj(_WINDOWS[coding])
        self._may_be_raw = coding == "deflate"

    def decode(self, data: bytes) -> Iterator[bytes]:
        left = data
        while not self._zlib.eof:  # bytes after the end are dropped: zlib would keep all of them
            try:
                piece = self._zlib.decompress(left, _PIECE_BYTES)
            except zlib.error as error:
                if not self._may_be_raw:
                    raise httpx.DecodingError(str(error)) from error
                self._may_be_raw = False
                self._zlib = zlib.decompressobj(-zlib.MAX_WBITS)
                continue
            self._may_be_raw = False
            left = self._zlib.unconsumed_tail
            yield piece
            if not left and len(piece) < _PIECE_BYTES:
                return

    def flush(self) -> bytes:
        return b""  # `decode` has returned everything


class _DecoderOfHttpx:
    """Decompresses what httpx supports through optional packages: Brotli and Zstandard."""

    def __init__(self, response: httpx.Response) -> None:
        self._decoder: Any = cast("Any", response)._get_content_decoder()

    def decode(self, data: bytes) -> Iterable[bytes]:
        return (self._decoder.decode(data[at : at + _SLICE_BYTES]) for at in range(0, len(data), _SLICE_BYTES))

    def flush(self) -> bytes:
        flushed: bytes = self._decoder.flush()
        return flushed
