"""Rules for the names and values of headers, and a parser for numbers in them. It imports nothing."""

from __future__ import annotations

_MARKS = str.maketrans(dict.fromkeys("!#$%&'*+-.^_`|~", "a"))


def is_header_name(value: object) -> bool:
    """Return whether something can be the name of a header (RFC 9110 5.6.2)."""
    return isinstance(value, str) and value.isascii() and value.translate(_MARKS).isalnum()


def is_header_text(value: object) -> bool:
    """Return whether something can be the value of a header: no line break, and no space that would be trimmed."""
    return (
        isinstance(value, str) and value.isascii() and value.replace("\t", " ").isprintable() and value == value.strip()
    )


def number(value: object) -> float | None:
    """Read a header or field as a number from 0; None if it is not one."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if 0 <= number < float("inf") else None
