"""The headers of a request: the standard ones, the default headers of the client, and those of a call."""

from __future__ import annotations

from datetime import datetime
from typing import Mapping, Sequence

from .._base.address import Address
from .._base.errors import InvalidRequestError
from .._base.headers import is_header_name, is_header_text
from .._base.version import __version__
from .options import NOT_GIVEN
from .request import query_text, type_name

Headers = Sequence["tuple[bytes, bytes]"]


def standard_headers(address: Address) -> Headers:
    """Return the headers of every request, without the API key."""
    return (
        (b"host", address.netloc),
        (b"accept", b"application/json"),
        (b"accept-encoding", b"gzip, deflate"),
        (b"user-agent", f"statebase-python/{__version__}".encode()),
    )


def build_headers(base: Headers, *more: Mapping[str, object]) -> list[tuple[bytes, bytes]]:
    """Return the headers of a request. A header replaces earlier ones with the same name.

    Args:
        base: The headers that the SDK sets.
        more: In order of precedence, lowest first: the client's default headers, the header parameters of the method,
            and `extra_headers` of the call. None and `NOT_GIVEN` are left out.

    Raises:
        InvalidRequestError: A name or a value is not valid.
    """
    values = {name: value for mapping in more for name, value in mapping.items()}
    for name in values:
        if not is_header_name(name):
            shown = repr(name) if type(name) is str else type_name(name)
            raise InvalidRequestError(
                f"extra_headers has an invalid name, {shown}: use ASCII letters, digits and dashes"
            )
    added = {
        name.lower().encode(): _header_text(name, value).encode()
        for name, value in values.items()
        if value is not None and value is not NOT_GIVEN
    }
    return [*(pair for pair in base if pair[0] not in added), *added.items()]


def _header_text(name: str, value: object) -> str:
    """Return the text of a header, or raise the error for a value that is not valid."""
    if isinstance(value, (bool, int, float, datetime)):
        value = query_text(name, value)
    if not isinstance(value, str) or not is_header_text(value):
        # The message does not show the value: it may be a key.
        got = "" if isinstance(value, str) else f", got {type_name(value)}"
        raise InvalidRequestError(
            f"The header {name!r} must be printable ASCII text without a space at either end{got}", param=name
        )
    return value
