"""Who asks the engine for something, and in which request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional


@dataclass
class Once:
    """A request that must have its effect once, however often it arrives: one with an idempotency key."""

    key: bytes
    """Digest of who asks, the method, the path and the key; what was answered is kept under it."""
    secret: bytes
    """What only those know who know the key; answers that hold a secret are sealed with it."""
    request: bytes
    """Digest of the body, to tell a repetition from another request under the same key."""
    status: int
    """The status of the answer if all goes well."""
    body: Optional[bytes] = None
    """The body of the answer, once it is kept."""


@dataclass(frozen=True)
class Context:
    """What an operation notes about its origin."""

    actor: str = "local"
    """`api_key` for a request that came with a key, else `local`."""
    actor_id: Optional[str] = None
    """The id of the API key, if it is one of the dashboard's."""
    request_id: Optional[str] = None
    once: Optional[Once] = None
    deadline: Optional[float] = None
    """The `time.monotonic()` at which a write stops to wait for others; None for the engine's own limit."""


LOCAL = Context()
"""A call from within the process."""
