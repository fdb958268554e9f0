"""Names for new things: a prefix and twelve characters that cannot be guessed."""

from __future__ import annotations

import secrets

_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"
_PAIRS = [first + second for first in _ALPHABET for second in _ALPHABET]
_LENGTH = 12


def new_id(prefix: str) -> str:
    """Make an id such as `sess_4k2j0q9x7bzv`.

    Args:
        prefix: What it starts with, underscore included.
    """
    number = secrets.randbelow(36**_LENGTH)
    pairs: list[str] = []
    for _ in range(_LENGTH // 2):
        number, pair = divmod(number, len(_PAIRS))
        pairs.append(_PAIRS[pair])
    return prefix + "".join(pairs)
