"""The tables, where their statements differ from those of SQLite."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any, Iterator, Mapping, Optional, Sequence

from ...clock import DAY, HOUR, MINUTE
from ..database import Database
from ..tables.answers import INSERT, AnswerRow, Answers
from ..tables.meta import Meta
from ..tables.removals import Removal, Removals
from ..tables.sessions import COLUMNS, SessionRow, Sessions, labels_of
from ..tables.traces import TraceRow, Traces
from .schema import LOCKS, Facts

_PURGES = LOCKS + 1
"""The first number of the advisory lock of a purge; the second one is that of the schema."""
_CHUNK = 200
"""Sessions that are read at once where not all of them may be what is looked for."""


class PostgresSessions(Sessions):
    """The table of sessions."""

    def __init__(self, database: Database, meta: Meta, facts: Facts) -> None:
        super().__init__(database, meta)
        self._purge = (_PURGES, facts.schema_oid & 0x7FFFFFFF)

    def has_unlabelled(self) -> bool:
        """Return False: every session is labelled when it is stored."""
        return False

    def expired(self, now_us: int, limit: int) -> list[SessionRow]:
        """Return at most `limit` sessions whose time is up, without those that another transaction writes to.

        One transaction at a time removes them: each stores several traces, and two could wait for each other's numbers.
        """
        self._database.lock("SELECT pg_advisory_xact_lock(?::int, ?::int)", self._purge)
        rows = self._database.execute(
            f"SELECT {COLUMNS} FROM sessions WHERE expires_us <= ? ORDER BY expires_us LIMIT ? FOR UPDATE SKIP LOCKED",
            (now_us, limit),
        )
        return [SessionRow._make(row) for row in rows]

    def claim_expired(self) -> bool:
        """Return whether this transaction may remove expired sessions: one at a time does, here or in a purge."""
        row = self._database.execute("SELECT pg_try_advisory_xact_lock(?::int, ?::int)", self._purge).fetchone()
        return bool(row[0])

    def active(self, now_us: int, since_us: int) -> int:
        """Count the sessions that live and changed after a time; without looking up those of later hours."""
        hour = since_us // HOUR
        row = self._database.execute(
            "SELECT (SELECT count(*) FROM sessions WHERE updated_hour > ? AND expires_us > ?)"
            " + (SELECT count(*) FROM sessions WHERE updated_hour = ? AND updated_us > ? AND expires_us > ?)",
            (hour, now_us, hour, since_us, now_us),
        ).fetchone()
        return int(row[0])

    def fold_counts(self, now_us: int, limit: int) -> None:
        """Add at most `limit` counts of backends up, those of sessions that expired long ago in one row.

        Only memories of those are still asked for. One process at a time does it.
        """
        if not self.claim_expired():
            return
        today = (now_us - DAY) // MINUTE
        self._database.execute(
            "WITH moved AS (DELETE FROM session_counts WHERE (minute, slot) IN (SELECT minute, slot FROM session_counts"
            " WHERE slot <> 0 OR (minute > 0 AND minute < ?) LIMIT ? FOR UPDATE SKIP LOCKED) RETURNING *)"
            " INSERT INTO session_counts AS c SELECT 0, CASE WHEN minute < ? THEN 0 ELSE minute END AS minute,"
            " sum(sessions), sum(turns), sum(memories), sum(entities) FROM moved GROUP BY 2"
            " ON CONFLICT (minute, slot) DO UPDATE SET sessions = c.sessions + excluded.sessions,"
            " turns = c.turns + excluded.turns, memories = c.memories + excluded.memories,"
            " entities = c.entities + excluded.entities",
            (today, limit, today),
        )
        self._database.execute(
            "WITH moved AS (DELETE FROM trace_counts WHERE (hour, slot) IN (SELECT hour, slot FROM trace_counts"
            " WHERE slot <> 0 LIMIT ? FOR UPDATE SKIP LOCKED) RETURNING *)"
            " INSERT INTO trace_counts AS c SELECT 0, hour, sum(traces) FROM moved GROUP BY 2"
            " ON CONFLICT (hour, slot) DO UPDATE SET traces = c.traces + excluded.traces",
            (limit,),
        )

    def _candidates(
        self,
        condition: str,
        parameters: tuple[Any, ...],
        metadata: Optional[Mapping[str, Any]],
        created_us: tuple[Optional[int], Optional[int]],
        limit: int,
    ) -> Iterator[Any]:
        columns = ", ".join(f"s.{column}" for column in COLUMNS.split(", "))
        labels: list[Any] = []
        for key, value, _ in self._labels(0, None if metadata is None else json.dumps(metadata)):
            condition += (
                " AND EXISTS (SELECT 1 FROM session_labels l WHERE l.key = ? AND l.value = ? AND l.session_seq = s.seq)"
            )
            labels += (key, value)
        before_seq, now_us, *others = parameters
        chunk = _CHUNK if metadata else limit
        while True:
            rows = self._database.execute(
                f"SELECT {columns} FROM sessions s WHERE s.seq < ? AND s.expires_us > ?{condition}"
                " ORDER BY s.seq DESC LIMIT ?",
                (before_seq, now_us, *others, *labels, chunk),
            ).fetchall()
            yield from rows
            if len(rows) < chunk:
                return
            before_seq = rows[-1][0]

    def _labels(self, seq: int, metadata: Optional[str]) -> list[tuple[str, str, int]]:
        # An index takes no text of any length.
        return [(_digest(key), _digest(value), seq) for key, value, seq in labels_of(seq, metadata)]


class PostgresTraces(Traces):
    """The table of traces. Their numbers are their times, by the clock of the machine that wrote them."""

    def next_number(self, now_us: int) -> tuple[int, Optional[int]]:
        """Return number and time of a new trace; the number is the next free one when it is stored."""
        return now_us, None

    def insert(self, trace: TraceRow) -> None:
        """Store a trace."""
        self._database.execute("SELECT insert_trace(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", trace)


class PostgresAnswers(Answers):
    """The table of answers."""

    def put(self, key: bytes, expires_us: int, answer: AnswerRow) -> None:
        """Keep an answer, in place of one whose time is up."""
        self._database.execute("DELETE FROM answers WHERE key = ?", (key,))
        self._database.execute(INSERT, (key, expires_us, *answer))

    def note_memories(self, key: bytes, memory_ids: Sequence[str]) -> None:
        """Note which memories an answer holds; one that holds a memory that was deleted meanwhile is not kept."""
        ids = list(memory_ids)
        self._database.lock("SELECT 1 FROM memories WHERE id = ANY(?) ORDER BY seq FOR KEY SHARE", (ids,))
        super().note_memories(key, memory_ids)
        self._database.execute(
            "DELETE FROM answers WHERE key = ? AND (SELECT count(*) FROM memories WHERE id = ANY(?)) < ?",
            (key, ids, len(set(ids))),
        )

    def delete_expired(self, now_us: int, limit: int) -> None:
        """Remove at most `limit` answers whose time is up, without those that another transaction is at."""
        self._database.execute(
            "DELETE FROM answers WHERE seq IN"
            " (SELECT seq FROM answers WHERE expires_us <= ? ORDER BY seq LIMIT ? FOR UPDATE SKIP LOCKED)",
            (now_us, limit),
        )


class PostgresRemovals(Removals):
    """The table of removals."""

    def next(self, session_seq: Optional[int] = None) -> Optional[Removal]:
        """Return the removal of a session, or without one the oldest that no other transaction is at."""
        if session_seq is not None:
            self._database.lock("SELECT 1 FROM removals WHERE session_seq = ? FOR UPDATE", (session_seq,))
            return super().next(session_seq)
        row = self._database.execute(
            "SELECT session_seq, session_id FROM removals ORDER BY session_seq LIMIT 1 FOR UPDATE SKIP LOCKED"
        ).fetchone()
        return None if row is None else Removal._make(row)


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:32]
