"""What `erase_user` reports, and the operation that only the embedded engine has for it."""

from __future__ import annotations

from typing import List, Optional

from pydantic import Field

from .._base.model import Model
from .._base.operation import Operation


class EraseUserRequest(Model):
    """The request to erase a user, or to go on with that."""

    user_id: str = Field(min_length=1)
    dry_run: bool = False
    cursor: Optional[str] = None
    """The `cursor` of the last response; None to begin."""


class UserErasure(Model):
    """What was erased of a user; after a dry run, what would be erased."""

    dry_run: bool
    """Whether nothing was erased."""
    live_sessions: int = 0
    """Sessions that had not expired."""
    expired_sessions: Optional[int] = None
    """Sessions that had expired; None if the service does not show them."""
    turns: int = 0
    """Turns of these sessions."""
    memories: int = 0
    """Memories of these sessions."""
    entities: Optional[int] = None
    """Entities of these sessions; None if the service does not say."""
    traces: Optional[int] = None
    """Traces that lost their details, also those of sessions deleted earlier; None if the service keeps them."""
    stored_responses: Optional[int] = None
    """Responses stored for idempotency keys that lost their contents; None if the service keeps them."""
    remaining: List[str] = Field(default_factory=list[str])
    """What could not be erased, in words; empty if nothing remains."""
    cursor: Optional[str] = None
    """Where to go on; None when everything is done."""

    def plus(self, other: UserErasure) -> UserErasure:
        """Return the sum of two parts of an erasure, where `other` is the later one."""
        numbers = {name: (self[name] or 0) + (other[name] or 0) for name in COUNTS}
        return UserErasure(dry_run=other.dry_run, remaining=other.remaining, cursor=other.cursor, **numbers)


COUNTS = ("live_sessions", "expired_sessions", "turns", "memories", "entities", "traces", "stored_responses")

ERASE_USER: Operation[UserErasure] = Operation(
    id="erase_user",
    method="POST",
    path="/v1/users/erase",
    status=200,
    load_result=lambda: UserErasure,
    retry="keyed",
    load_body=lambda: EraseUserRequest,
)
"""Erases some of what a store has of a user. It is not in the document: the hosted service does not have it."""
