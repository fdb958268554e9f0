"""The report of `erase_user`."""

from __future__ import annotations

from .._generated import models

COUNTS = ("live_sessions", "expired_sessions", "turns", "memories", "entities", "traces", "stored_responses")


class UserErasure(models.UserErasure):
    """The report of `erase_user`: everything that was erased, or after a dry run, that would be erased."""

    def plus(self, other: UserErasure) -> UserErasure:
        """Return the sum of two parts of an erasure, where `other` is the later one."""
        numbers = {name: (self[name] or 0) + (other[name] or 0) for name in COUNTS}
        return UserErasure(dry_run=other.dry_run, remaining=other.remaining, cursor=other.cursor, **numbers)
