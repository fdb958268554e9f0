"""The head of a request: everything before its body."""

from __future__ import annotations

from typing import Mapping, Optional

from ..._base.exchange import RawHeaders
from ..._base.extensions import HEADER
from ..identifiers import new_id

_LONGEST_REQUEST_ID = 128
_EXTENSIONS = HEADER.lower().encode()


class Head:
    """The head of a request.

    Args:
        method: The HTTP method.
        path: The path, percent-encoded as received.
        query: The query string as received; empty if there is none.
        values: The values of the headers by name, from `by_name`.
    """

    __slots__ = (
        "api_key",
        "extensions",
        "idempotency_key",
        "method",
        "path",
        "query",
        "request_id",
    )

    def __init__(self, method: str, path: str, query: str, values: Mapping[bytes, bytes]) -> None:
        self.method = method
        self.path = path
        self.query = query
        self.api_key = text_of(values, b"x-api-key")
        self.idempotency_key = text_of(values, b"idempotency-key")
        self.extensions = text_of(values, _EXTENSIONS)
        self.request_id = request_id(text_of(values, b"x-request-id"))


def by_name(headers: RawHeaders) -> Mapping[bytes, bytes]:
    """Return the values of headers by name. The values of repeated headers are joined with commas.

    Args:
        headers: The headers; names in lower case.
    """
    values = dict(headers)
    if len(values) < len(headers):
        values.clear()
        for name, value in headers:
            values[name] = values[name] + b", " + value if name in values else value
    return values


def text_of(values: Mapping[bytes, bytes], name: bytes) -> Optional[str]:
    """Return the value of a header as text; None if the request does not have it."""
    value = values.get(name)
    if value is None:
        return None
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def request_id(given: Optional[str]) -> str:
    """Return the request id in the header if it is valid, else a new one."""
    if given and len(given) <= _LONGEST_REQUEST_ID and given.isascii() and given.isprintable():
        return given
    return new_id("req_")
