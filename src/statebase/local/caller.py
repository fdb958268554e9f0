"""Who asks the engine for something, and in which request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Optional


class IdempotentRequest(NamedTuple):
    """A request that takes effect once, however often it arrives: one with an idempotency key."""

    key: bytes
    """Digest of who asks, the method, the path and the key; the response is stored under it."""
    secret: bytes
    """Known only to those who know the key; responses that hold a secret are sealed with it."""
    content: bytes
    """Digest of the body, to tell a repetition from another request with the same key."""
    status: int
    """The status of the response if the operation succeeds."""


@dataclass(frozen=True)
class Caller:
    """What an operation notes about its origin."""

    actor: str = "local"
    """`api_key` for a request that came with a key, else `local`."""
    actor_id: Optional[str] = None
    """The id of the API key, if it is one of the dashboard's."""
    request_id: Optional[str] = None
    idempotent: Optional[IdempotentRequest] = None
    """The request, if it has an idempotency key. Only the front door passes one."""
    deadline: Optional[float] = None
    """The `time.monotonic()` at which a write stops waiting for others; None for the engine's own limit."""
    expected_version: Optional[int] = None
    """The version that a state must have for a change of it; None for any."""


Context = Caller
"""The name of `Caller` in 1.0.0rc1."""

LOCAL = Caller()
"""A call from within the process."""
