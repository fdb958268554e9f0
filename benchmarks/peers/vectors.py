"""The vectors that all stores are given: random directions, the same in every process."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

DIMENSIONS = 256
MEMORIES_A_SESSION = 20


@lru_cache(maxsize=1)
def documents(count: int) -> NDArray[np.float32]:
    """Return a unit vector a memory."""
    drawn = np.random.default_rng(1).standard_normal((count, DIMENSIONS)).astype(np.float32)
    return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)


def query(text: str = "query") -> NDArray[np.float32]:
    """Return a vector to search for."""
    drawn = np.random.default_rng(list(text.encode())).standard_normal(DIMENSIONS).astype(np.float32)
    return drawn / np.linalg.norm(drawn)


def session_of(number: int) -> str:
    """Return the session of a memory."""
    return f"session {number // MEMORIES_A_SESSION}"
