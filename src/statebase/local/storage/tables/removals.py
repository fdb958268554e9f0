"""Removals: sessions that were deleted, and of which some rows are still there."""

from __future__ import annotations

from typing import NamedTuple, Optional

from ..database import Database


class Removal(NamedTuple):
    """A session that is being removed."""

    session_seq: int
    session_id: str


class Removals:
    """The table of removals."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def insert(self, session_seq: int, session_id: str) -> None:
        """Note that the rest of a session has to go."""
        self._database.execute("INSERT INTO removals VALUES (?, ?)", (session_seq, session_id))

    def next(self, session_seq: Optional[int] = None) -> Optional[Removal]:
        """Return the removal of a session, or without one the oldest removal; None if there is none."""
        row = self._database.execute(
            "SELECT session_seq, session_id FROM removals ORDER BY session_seq LIMIT 1"
            if session_seq is None
            else "SELECT session_seq, session_id FROM removals WHERE session_seq = ?",
            () if session_seq is None else (session_seq,),
        ).fetchone()
        return None if row is None else Removal._make(row)

    def all(self) -> tuple[int, ...]:
        """Return the numbers of the sessions that are being removed; nothing where this would be a round trip.

        The condition of a filter leaves out their memories anyway; an index in memory looks whether there are any.
        """
        if self._database.writes_at_once:
            return ()
        return tuple(row[0] for row in self._database.execute("SELECT session_seq FROM removals"))

    def delete(self, session_seq: int) -> None:
        """Note that nothing is left of a session."""
        self._database.execute("DELETE FROM removals WHERE session_seq = ?", (session_seq,))
