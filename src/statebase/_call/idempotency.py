"""The idempotency key of a write: generated, or passed by the caller and checked."""

from __future__ import annotations

import os
from typing import Optional

from .._base.errors import InvalidRequestError
from .._base.headers import is_header_text


def new_idempotency_key() -> str:
    """Generate a unique key."""
    return os.urandom(16).hex()


_LONGEST_KEY = 255


def idempotency_key(given: Optional[str]) -> str:
    """Return the key that the caller passed, or a new one.

    Raises:
        InvalidRequestError: The key is not valid.
    """
    return new_idempotency_key() if given is None else checked_key("idempotency_key", given)


def checked_key(name: str, given: str) -> str:
    """Return the key that the caller passed as the argument `name`.

    Raises:
        InvalidRequestError: The key is not valid.
    """
    if not is_header_text(given) or not 1 <= len(given) <= _LONGEST_KEY:
        raise InvalidRequestError(
            f"{name} must be 1 to {_LONGEST_KEY} printable ASCII characters, without a space at either end, "
            f"got {_size(given)}",
            param=name,
        )
    return given


def _size(given: object) -> str:
    if given is None:
        return "None"
    return f"{len(given)} characters" if isinstance(given, str) else type(given).__name__
