"""What is known of a request before its body is read."""

from __future__ import annotations

from typing import Mapping, Optional

from ..._base.exchange import RawHeaders
from ..identifiers import new_id

_LONGEST_REQUEST_ID = 128


class Head:
    """The head of a request.

    Args:
        method: The HTTP method.
        path: The path as it came, percent-encoded.
        query: The query as it came; empty if there is none.
        values: The values of the headers by name, as `by_name` returns them.
    """

    __slots__ = ("api_key", "expected_version", "idempotency_key", "method", "path", "query", "request_id")

    def __init__(self, method: str, path: str, query: str, values: Mapping[bytes, bytes]) -> None:
        self.method = method
        self.path = path
        self.query = query
        self.api_key = text_of(values, b"x-api-key")
        self.idempotency_key = text_of(values, b"idempotency-key")
        self.expected_version = text_of(values, b"x-statebase-expected-version")
        self.request_id = request_id(text_of(values, b"x-request-id"))


def by_name(headers: RawHeaders) -> Mapping[bytes, bytes]:
    """Return the values of headers by name; of one that came several times all values, with commas between.

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
    """Return the value of a header as text; None if it did not come."""
    value = values.get(name)
    if value is None:
        return None
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def request_id(given: Optional[str]) -> str:
    """Return the id that a request came with, if it is fit to be one, else a new one."""
    if given and len(given) <= _LONGEST_REQUEST_ID and given.isascii() and given.isprintable():
        return given
    return new_id("req_")
