"""Names for new things: a prefix and twelve characters that cannot be guessed."""

from __future__ import annotations

import os

_ALPHABET = b"0123456789abcdefghijklmnopqrstuvwxyz"
_LENGTH = 12
_EVEN = 256 // len(_ALPHABET) * len(_ALPHABET)
"""Bytes from here on are left out: the others stand for each character equally often."""
_CHARACTERS = bytes(_ALPHABET[byte % len(_ALPHABET)] for byte in range(256))
_LEFT_OUT = bytes(range(_EVEN, 256))
_DRAWN = 20
"""Random bytes for an id; so many are left out once in 10^11 draws that it is drawn again."""


def new_id(prefix: str) -> str:
    """Make an id such as `sess_4k2j0q9x7bzv`.

    Args:
        prefix: What it starts with, underscore included.
    """
    while True:
        characters = os.urandom(_DRAWN).translate(_CHARACTERS, _LEFT_OUT)
        if len(characters) >= _LENGTH:
            return prefix + characters[:_LENGTH].decode()
