"""Ids of new objects: a prefix and twelve random characters."""

from __future__ import annotations

import os

_ALPHABET = b"0123456789abcdefghijklmnopqrstuvwxyz"
_LENGTH = 12
_EVEN = 256 // len(_ALPHABET) * len(_ALPHABET)
"""Bytes from this value on are skipped, so that every character is equally likely."""
_CHARACTERS = bytes(_ALPHABET[byte % len(_ALPHABET)] for byte in range(256))
_LEFT_OUT = bytes(range(_EVEN, 256))
_DRAWN = 20
"""The number of random bytes for an id. Too many of them are skipped in one of 10^11 cases; then more are drawn."""


def new_id(prefix: str) -> str:
    """Generate an id such as `sess_4k2j0q9x7bzv`.

    Args:
        prefix: The prefix, including the underscore.
    """
    while True:
        characters = os.urandom(_DRAWN).translate(_CHARACTERS, _LEFT_OUT)
        if len(characters) >= _LENGTH:
            return prefix + characters[:_LENGTH].decode()
