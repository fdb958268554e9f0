"""Traces: one for each change, never removed."""

from __future__ import annotations

from typing import NamedTuple, Optional

from ..database import Database
from .filters import conditions

_COLUMNS = "seq, id, session_id, action, resource_type, resource_id, actor, actor_id, request_id, details"
_INTEGER_MAX = 2**63 - 1


class TraceRow(NamedTuple):
    """A trace as it is stored; details as JSON text."""

    seq: int
    """Its time in microseconds, which no other trace has."""
    id: str
    session_id: str
    action: str
    resource_type: str
    resource_id: str
    actor: str
    actor_id: Optional[str]
    request_id: Optional[str]
    details: str


class Traces:
    """The table of traces."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def next_seq(self, now_us: int) -> int:
        """Return the number for a new trace: the time, or just after the newest trace if the clock stands still."""
        newest = self._database.execute("SELECT max(seq) FROM traces").fetchone()[0]
        return now_us if newest is None or newest < now_us else int(newest) + 1

    def insert(self, trace: TraceRow) -> None:
        """Store a trace."""
        self._database.execute(f"INSERT INTO traces ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", trace)

    def find(self, trace_id: str) -> Optional[TraceRow]:
        """Return a trace; None if there is none."""
        row = self._database.execute(f"SELECT {_COLUMNS} FROM traces WHERE id = ?", (trace_id,)).fetchone()
        return None if row is None else TraceRow._make(row)

    def page(
        self,
        limit: int,
        *,
        from_us: Optional[int] = None,
        before_us: Optional[int] = None,
        session_id: Optional[str] = None,
        action: Optional[str] = None,
        resource_type: Optional[str] = None,
        resource_id: Optional[str] = None,
    ) -> list[TraceRow]:
        """Return at most `limit` traces that pass all filters given, newest first.

        Args:
            limit: How many.
            from_us: Only traces from this time on.
            before_us: Only traces before this time.
            session_id: Only traces of this session.
            action: Only traces of this action.
            resource_type: Only traces of changes to this kind of thing.
            resource_id: Only traces of changes to this thing.
        """
        condition, values = conditions(
            {"resource_id": resource_id, "session_id": session_id}, {"action": action, "resource_type": resource_type}
        )
        rows = self._database.execute(
            f"SELECT {_COLUMNS} FROM traces WHERE seq >= ? AND seq < ?{condition} ORDER BY seq DESC LIMIT ?",
            (from_us or 0, _INTEGER_MAX if before_us is None else before_us, *values, limit),
        )
        return [TraceRow._make(row) for row in rows]

    def times(self, from_us: int, hour_us: int) -> dict[int, int]:
        """Count the traces from a time on, by the hour in which they were made.

        Args:
            from_us: The time.
            hour_us: How long an hour is.

        Returns:
            Counts by the number of the hour since 1970; hours without a trace are left out.
        """
        rows = self._database.execute(
            "SELECT seq / ?, count(*) FROM traces WHERE seq >= ? GROUP BY 1", (hour_us, from_us)
        )
        return dict(rows.fetchall())
