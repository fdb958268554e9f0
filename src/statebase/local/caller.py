"""The caller of an operation, and the identity of its request."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Mapping, NamedTuple, Optional


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

    @classmethod
    def of(
        cls, actor: str, actor_id: Optional[str], method: str, path: str, key: str, content: bytes, status: int
    ) -> IdempotentRequest:
        """Return the identity of a request.

        Args:
            actor: The `actor` of the caller.
            actor_id: The `actor_id` of the caller.
            method: The HTTP method.
            path: The path, percent-encoded as received.
            key: The idempotency key.
            content: The body.
            status: The HTTP status if the operation succeeds.
        """
        secret = "\n".join((actor, actor_id or "", method, path, key)).encode()
        return cls(hashlib.sha256(secret).digest(), secret, hashlib.sha256(content).digest(), status)


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
    before_version: Optional[int] = None
    """The version before which versions of a state are listed; None for the newest."""
    turn_key: Optional[bytes] = None
    """The key of the stored response to the turn that a list of turns is limited to; None for all turns."""
    extensions: Mapping[str, str] = field(default_factory=dict[str, str])
    """The extensions of the API that the request names and the operation supports, with their values."""


Context = Caller
"""The name of `Caller` in 1.0.0rc1."""

LOCAL = Caller()
"""The caller of an `Engine` method in this process."""
