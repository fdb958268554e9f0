"""The caller of an operation, and the identity of its request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Optional


class IdempotentRequest(NamedTuple):
    """A request with an idempotency key, which is applied once even if it arrives several times."""

    key: bytes
    """Digest of the caller, the method, the path and the key; the response is stored under it."""
    secret: bytes
    """Derived from the idempotency key, which is not stored; encrypts responses that contain a secret."""
    content: bytes
    """Digest of the body, to distinguish a repetition from another request with the same key."""
    status: int
    """The HTTP status if the operation succeeds."""


@dataclass(frozen=True)
class Caller:
    """The caller of an operation, as recorded in traces."""

    actor: str = "local"
    """`api_key` for a request with an API key, else `local`."""
    actor_id: Optional[str] = None
    """The id of the API key; None if it was not created by the dashboard API."""
    request_id: Optional[str] = None
    idempotent: Optional[IdempotentRequest] = None
    """The identity of a request with an idempotency key; None for others. Only the front door passes one."""
    deadline: Optional[float] = None
    """The `time.monotonic()` at which a write stops waiting for other writes; None: the limit of the engine."""
    expected_version: Optional[int] = None
    """The version that a state must have for a change of it; None for any."""
    turn_key: Optional[bytes] = None
    """Where the response to the only turn is stored that a list of turns shall have; None for all turns."""
    whole_turns: bool = False
    """Whether a list of turns shall have their whole content."""
    extensions: frozenset[str] = frozenset()
    """The words of `X-StateBase-Extensions` that the operation supports: what it does beyond the API."""


Context = Caller
"""The name of `Caller` in 1.0.0rc1."""

LOCAL = Caller()
"""The caller of an `Engine` method in this process."""
