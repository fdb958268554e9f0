"""Expiry: what is removed of sessions whose time is up, without anybody asking for it."""

from __future__ import annotations

from typing import Optional

from ..caller import LOCAL
from ..clock import DAY, HOUR, to_text
from ..storage.store import Store
from ..storage.tables.sessions import SessionRow
from .recording import record

KEPT_DAYS = 30
"""Days after its end in which all of a session stays in the store, unless it is purged or deleted."""
_LAST = "expired.last"
"""Under which the store keeps the time and the number of the last session that was taken up."""
_TAKEN_UP = "expired.taken_up"
"""Under which the store keeps the number of a session of which rows are being removed."""
_ROWS_OF_SESSION = 5
"""The rows that are written for a session besides those that hang on it."""


class Expiry:
    """Removes expired sessions, in the order of their ends.

    The memories of a session stay, for searches still find them: then the session stays too, empty. Each session is
    taken up once, so that those that stay cost nothing later.

    Args:
        store: The store.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._next_us = 0

    def is_due(self, now_us: int) -> bool:
        """Return whether there may be something to remove."""
        return now_us >= self._next_us

    def remove_piece(self, now_us: int, limit: int) -> bool:
        """Remove at most about `limit` rows; within `write`.

        Args:
            now_us: The time.
            limit: How many rows.

        Returns:
            Whether there is more to do; False while another process is at it.
        """
        store = self._store
        if not store.sessions.claim_expired():
            return False
        while limit > 0:
            session = self._taken_up() or self._take_up(now_us)
            if session is None:
                self._next_us = now_us + HOUR
                return False
            limit -= store.remove_rows(session.seq, limit)
            if limit > 0:
                store.finish_expired(session, now_us)
                store.meta.delete(_TAKEN_UP)
                limit -= _ROWS_OF_SESSION
        return True

    def _taken_up(self) -> Optional[SessionRow]:
        """Return the session of which rows are being removed, if it was not deleted meanwhile."""
        seq = self._store.meta.get(_TAKEN_UP)
        return None if seq is None else self._store.sessions.by_number(int(seq))

    def _take_up(self, now_us: int) -> Optional[SessionRow]:
        """Begin with the next session, and record it in a trace; None if none is due."""
        store = self._store
        last_us, last_seq = (store.meta.get(_LAST) or "-1 0").split()
        session = store.sessions.expired_after(int(last_us), int(last_seq), now_us - KEPT_DAYS * DAY)
        if session is None:
            return None
        details = {
            "expired_at": to_text(session.expires_us),
            "turns": session.turn_count,
            "memories": 0,
            "entities": store.entities.count_of(session.seq),
        }
        record(store, LOCAL, now_us, "session.expired", session.id, "session", session.id, details)
        store.meta.set({_LAST: f"{session.expires_us} {session.seq}", _TAKEN_UP: str(session.seq)})
        return session
