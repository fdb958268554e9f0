"""Rules for the names and values of headers, and how to read a number from one. It imports nothing."""

from __future__ import annotations

_MARKS = str.maketrans(dict.fromkeys("!#$%&'*+-.^_`|~", "a"))


def is_header_name(value: object) -> bool:
    """Return whether something can be the name of a header (RFC 9110 5.6.2)."""
    return isinstance(value, str) and value.isascii() and value.translate(_MARKS).isalnum()


def is_header_text(value: object) -> bool:
    """Return whether something can be the value of a header, so that it neither ends it nor is trimmed on the way."""
    return (
        isinstance(value, str) and value.isascii() and value.replace("\t", " ").isprintable() and value == value.strip()
    )


def number(value: object) -> float | None:
    """Read a header or field that should be a number from 0; None where it is not."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if 0 <= number < float("inf") else None
