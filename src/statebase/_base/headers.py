"""What can stand in a header: two questions that settings and requests ask. It imports nothing."""

from __future__ import annotations

_MARKS = str.maketrans(dict.fromkeys("!#$%&'*+-.^_`|~", "a"))


def is_header_name(value: object) -> bool:
    """Say whether something can be the name of a header (RFC 9110 5.6.2)."""
    return isinstance(value, str) and value.isascii() and value.translate(_MARKS).isalnum()


def is_header_text(value: object) -> bool:
    """Say whether something can be the value of a header, so that it neither ends it nor is trimmed on the way."""
    return (
        isinstance(value, str) and value.isascii() and value.replace("\t", " ").isprintable() and value == value.strip()
    )
