"""Answers that are given again: what was said to a request that carried an idempotency key."""

from __future__ import annotations

from typing import NamedTuple, Optional

from ..database import Database


class AnswerRow(NamedTuple):
    """An answer as it is stored."""

    request: bytes
    """Digest of the body of the request that it answered."""
    status: int
    body: bytes
    """Its body, without the states that `cuts` tells of."""
    sealed: int
    """Whether the body is covered, for it holds a secret."""
    session_seq: Optional[int]
    """The session whose states are cut out; None if none are."""
    cuts: Optional[str]
    """JSON: a list of [position, version], by position."""


class Answers:
    """The table of answers."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, key: bytes, now_us: int) -> Optional[AnswerRow]:
        """Return the answer that is kept under a key; None if there is none or its time is up."""
        row = self._database.execute(
            "SELECT request, status, body, sealed, session_seq, cuts FROM answers WHERE key = ? AND expires_us > ?",
            (key, now_us),
        ).fetchone()
        return None if row is None else AnswerRow._make(row)

    def put(self, key: bytes, expires_us: int, answer: AnswerRow) -> None:
        """Keep an answer, in place of one whose time is up."""
        self._database.execute(
            "INSERT OR REPLACE INTO answers (key, expires_us, request, status, body, sealed, session_seq, cuts)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (key, expires_us, *answer),
        )

    def delete_expired(self, now_us: int) -> list[int]:
        """Remove the answers whose time is up, and return the sessions whose states were cut out of them."""
        rows = self._database.execute(
            "SELECT DISTINCT session_seq FROM answers WHERE expires_us <= ? AND session_seq IS NOT NULL", (now_us,)
        ).fetchall()
        self._database.execute("DELETE FROM answers WHERE expires_us <= ?", (now_us,))
        return [row[0] for row in rows]

    def rest_on(self, session_seq: int) -> bool:
        """Say whether an answer needs the state versions of a session."""
        row = self._database.execute("SELECT 1 FROM answers WHERE session_seq = ? LIMIT 1", (session_seq,)).fetchone()
        return row is not None
