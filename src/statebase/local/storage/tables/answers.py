"""Answers that are given again: what was said to a request that carried an idempotency key."""

from __future__ import annotations

import sqlite3
from typing import NamedTuple, Optional, Sequence, Union

from ...clock import HOUR
from ..database import Database

_COLUMNS = "request, status, body, sealed, session_seq, cuts, session_id, resource_id"
INSERT = f"INSERT INTO answers (key, expires_us, {_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
GONE = 404
"""The status, without a body, of an answer whose content was deleted."""
_ALL = 2**63 - 1
_LOOK_AGAIN_US = HOUR
"""How long to believe that nothing expires: other processes store answers too, by clocks of their own."""


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
    session_id: Optional[str] = None
    """The session that it tells of."""
    resource_id: Optional[str] = None
    """The memory or the entity that it tells of."""


class Answers:
    """The table of answers."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._next_expiry_us = 0
        """Before that, no answer expires, as far as this process knows."""

    def find(self, key: bytes, now_us: int) -> Optional[AnswerRow]:
        """Return the answer that is kept under a key; None if there is none or its time is up."""
        row = self._database.execute(
            f"SELECT {_COLUMNS} FROM answers WHERE key = ? AND expires_us > ?",
            (key, now_us),
        ).fetchone()
        return None if row is None else AnswerRow._make(row)

    def lock(self, key: bytes) -> None:
        """Let no other transaction look for the answer to a request until this one ends; before all that it locks."""
        number = int.from_bytes(key[:8], "big", signed=True)
        self._database.lock("SELECT pg_advisory_xact_lock(?::bigint)", (number,))

    def put(self, key: bytes, expires_us: int, answer: AnswerRow) -> None:
        """Keep an answer, in place of one whose time is up."""
        values = (key, expires_us, *answer)
        try:
            self._database.execute(INSERT, values)
        except sqlite3.IntegrityError:
            self._database.execute("DELETE FROM answers WHERE key = ?", (key,))
            self._database.execute(INSERT, values)

    def note_memories(self, key: bytes, memory_ids: Sequence[str]) -> None:
        """Note which memories an answer holds: when one of them is deleted, the answer is."""
        self._database.execute_many(
            "INSERT INTO answer_memories VALUES (?, ?) ON CONFLICT DO NOTHING",
            [(memory_id, key) for memory_id in memory_ids],
        )

    def lacks_memories(self, key: bytes) -> bool:
        """Return whether a memory that an answer holds was deleted, or is about to be."""
        row = self._database.execute(
            "SELECT 1 FROM answer_memories a LEFT JOIN memories m ON m.id = a.memory_id"
            " WHERE a.key = ? AND (m.seq IS NULL OR m.session_seq IN (SELECT session_seq FROM removals)) LIMIT 1",
            (key,),
        ).fetchone()
        return row is not None

    def delete_expired(self, now_us: int, limit: int) -> None:
        """Remove at most `limit` answers whose time is up."""
        if now_us < self._next_expiry_us:
            return
        self._database.execute(
            "DELETE FROM answers WHERE seq IN (SELECT seq FROM answers WHERE expires_us <= ? LIMIT ?)", (now_us, limit)
        )
        earliest_us = self._database.execute("SELECT min(expires_us) FROM answers").fetchone()[0]
        self._next_expiry_us = (
            now_us + _LOOK_AGAIN_US if earliest_us is None else min(earliest_us, now_us + _LOOK_AGAIN_US)
        )

    def count_of(self, session_id: str) -> int:
        """Return how many answers tell of a session."""
        row = self._database.execute("SELECT count(*) FROM answers WHERE session_id = ?", (session_id,)).fetchone()
        return int(row[0])

    def forget_session(self, session_seq: int, session_id: str, limit: int) -> int:
        """Empty at most `limit` answers that tell of a session, and return how many that were."""
        return self._forget("session_id = ?", session_id, limit) + self._forget("session_seq = ?", session_seq, limit)

    def forget_resource(self, resource_id: str) -> None:
        """Empty the answers that tell of a memory or an entity."""
        self._forget("resource_id = ?", resource_id, _ALL)

    def _forget(self, condition: str, value: Union[int, str], limit: int) -> int:
        return self._database.execute(
            "UPDATE answers SET status = ?, body = ?, sealed = 0, session_seq = NULL, cuts = NULL,"
            " session_id = NULL, resource_id = NULL"
            f" WHERE seq IN (SELECT seq FROM answers WHERE {condition} LIMIT ?)",
            (GONE, b"", value, limit),
        ).rowcount
