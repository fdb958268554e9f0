"""Sessions: who talks with which agent, until when."""

from __future__ import annotations

from typing import Any, Mapping, NamedTuple, Optional

from .. import jsontext
from ..database import Database
from .filters import conditions

_COLUMNS = "seq, id, agent_id, user_id, metadata, created_us, updated_us, expires_us, turn_count, memory_count"
_INTEGER_MAX = 2**63 - 1


class SessionRow(NamedTuple):
    """A session as it is stored; metadata as JSON text."""

    seq: int
    id: str
    agent_id: str
    user_id: Optional[str]
    metadata: Optional[str]
    created_us: int
    updated_us: int
    expires_us: int
    turn_count: int
    memory_count: int


class Totals(NamedTuple):
    """Counts over the sessions that live."""

    sessions: int
    turns: int
    active: int


class Sessions:
    """The table of sessions."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def insert(
        self,
        session_id: str,
        agent_id: str,
        user_id: Optional[str],
        metadata: Optional[str],
        now_us: int,
        expires_us: int,
    ) -> SessionRow:
        """Store a new session and return it."""
        cursor = self._database.execute(
            "INSERT INTO sessions (id, agent_id, user_id, metadata, created_us, updated_us, expires_us)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (session_id, agent_id, user_id, metadata, now_us, now_us, expires_us),
        )
        seq = cursor.lastrowid or 0
        return SessionRow(seq, session_id, agent_id, user_id, metadata, now_us, now_us, expires_us, 0, 0)

    def find(self, session_id: str) -> Optional[SessionRow]:
        """Return a session, expired or not; None if there is none."""
        row = self._database.execute(f"SELECT {_COLUMNS} FROM sessions WHERE id = ?", (session_id,)).fetchone()
        return None if row is None else SessionRow._make(row)

    def is_there(self, seq: int) -> bool:
        """Say whether there is a session with this number, expired or not."""
        return self._database.execute("SELECT 1 FROM sessions WHERE seq = ?", (seq,)).fetchone() is not None

    def page(
        self,
        now_us: int,
        limit: int,
        before_seq: Optional[int],
        *,
        agent_id: Optional[str],
        user_id: Optional[str],
        created_after_us: Optional[int],
        created_before_us: Optional[int],
        metadata: Optional[Mapping[str, Any]],
    ) -> list[SessionRow]:
        """Return at most `limit` sessions that live and pass all filters given, newest first."""
        condition, parameters = conditions({"user_id": user_id}, {"agent_id": agent_id})
        for comparison, moment_us in ((">", created_after_us), ("<", created_before_us)):
            if moment_us is not None:
                condition += f" AND created_us {comparison} ?"
                parameters.append(moment_us)
        found: list[SessionRow] = []
        for row in self._database.execute(
            f"SELECT {_COLUMNS} FROM sessions WHERE seq < ? AND expires_us > ?{condition} ORDER BY seq DESC",
            (_INTEGER_MAX if before_seq is None else before_seq, now_us, *parameters),
        ):
            session = SessionRow._make(row)
            if metadata is None or _has(session.metadata, metadata):
                found.append(session)
                if len(found) == limit:
                    break
        return found

    def count_turn(self, seq: int, now_us: int) -> int:
        """Count one more turn of the session and return its number."""
        self._database.execute(
            "UPDATE sessions SET turn_count = turn_count + 1, updated_us = ? WHERE seq = ?", (now_us, seq)
        )
        return int(self._database.execute("SELECT turn_count FROM sessions WHERE seq = ?", (seq,)).fetchone()[0])

    def count_memory(self, seq: int, difference: int, now_us: int) -> None:
        """Count a memory more or less."""
        self._database.execute(
            "UPDATE sessions SET memory_count = memory_count + ?, updated_us = ? WHERE seq = ?",
            (difference, now_us, seq),
        )

    def touch(self, seq: int, now_us: int) -> None:
        """Note that the session changed."""
        self._database.execute("UPDATE sessions SET updated_us = ? WHERE seq = ?", (now_us, seq))

    def update(self, seq: int, metadata: Optional[str], expires_us: int, now_us: int) -> None:
        """Give the session metadata and a time to expire."""
        self._database.execute(
            "UPDATE sessions SET metadata = ?, expires_us = ?, updated_us = ? WHERE seq = ?",
            (metadata, expires_us, now_us, seq),
        )

    def delete(self, seq: int) -> None:
        """Remove the session alone."""
        self._database.execute("DELETE FROM sessions WHERE seq = ?", (seq,))

    def expired(self, now_us: int, limit: int) -> list[SessionRow]:
        """Return at most `limit` sessions whose time is up, those that expired first coming first."""
        rows = self._database.execute(
            f"SELECT {_COLUMNS} FROM sessions WHERE expires_us <= ? ORDER BY expires_us LIMIT ?", (now_us, limit)
        )
        return [SessionRow._make(row) for row in rows]

    def totals(self, now_us: int, active_since_us: int) -> Totals:
        """Count the sessions that live, their turns, and those that changed since a time."""
        sessions, turns = self._database.execute(
            "SELECT count(*), coalesce(sum(turn_count), 0) FROM sessions WHERE expires_us > ?", (now_us,)
        ).fetchone()
        active = self._database.execute(
            "SELECT count(*) FROM sessions WHERE updated_us > ? AND expires_us > ?", (active_since_us, now_us)
        ).fetchone()
        return Totals(sessions, turns, active[0])


def _has(text: Optional[str], wanted: Mapping[str, Any]) -> bool:
    metadata: dict[str, Any] = {} if text is None else jsontext.decode(text)
    return all(key in metadata and jsontext.same(metadata[key], value) for key, value in wanted.items())
