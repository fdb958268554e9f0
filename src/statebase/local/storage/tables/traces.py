"""Traces: one for each change, never removed; those of an erased user lose their details."""

from __future__ import annotations

from typing import NamedTuple, Optional

from ...clock import SECOND
from ..database import Database
from .filters import conditions

_COLUMNS = "seq, created_us, id, session_id, action, resource_type, resource_id, actor, actor_id, request_id, details"
_INTEGER_MAX = 2**63 - 1


class TraceRow(NamedTuple):
    """A trace as it is stored; details as JSON text."""

    seq: int
    """Its number: higher than those of all traces before it."""
    created_us: Optional[int]
    """Its time in microseconds; None where that is its number."""
    id: str
    session_id: str
    action: str
    resource_type: str
    resource_id: str
    actor: str
    actor_id: Optional[str]
    request_id: Optional[str]
    details: str

    @property
    def time_us(self) -> int:
        """Its time in microseconds."""
        return self.seq if self.created_us is None else self.created_us


class Traces:
    """The table of traces."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def next_number(self, now_us: int) -> tuple[int, Optional[int]]:
        """Return number and time of a new trace, as `TraceRow` holds them.

        The time is the clock's, or just after that of the newest trace where the clock stands still or goes back by
        less than a second, so that traces have times of their own. The number is the time, or just after the number of
        the newest trace where the clock was ahead until then.
        """
        newest = self._database.execute("SELECT seq, created_us FROM traces ORDER BY seq DESC LIMIT 1").fetchone()
        if newest is None:
            return now_us, None
        newest_seq, created_us = newest
        newest_us = newest_seq if created_us is None else created_us
        time_us = newest_us + 1 if now_us <= newest_us < now_us + SECOND else now_us
        if time_us > newest_seq:
            return time_us, None
        while self._at(time_us) is not None:
            time_us += 1
        return newest_seq + 1, time_us

    def insert(self, trace: TraceRow) -> None:
        """Store a trace."""
        self._database.execute(f"INSERT INTO traces ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", trace)

    def find(self, trace_id: str) -> Optional[TraceRow]:
        """Return a trace; None if there is none."""
        row = self._database.execute(f"SELECT {_COLUMNS} FROM traces WHERE id = ?", (trace_id,)).fetchone()
        return None if row is None else TraceRow._make(row)

    def page(
        self,
        limit: int,
        *,
        before_seq: Optional[int] = None,
        from_us: Optional[int] = None,
        before_us: Optional[int] = None,
        session_id: Optional[str] = None,
        action: Optional[str] = None,
        resource_type: Optional[str] = None,
        resource_id: Optional[str] = None,
    ) -> list[TraceRow]:
        """Return at most `limit` traces that pass all filters given, newest first: by their numbers.

        Args:
            limit: How many.
            before_seq: Only traces with lower numbers.
            from_us: Only traces from this time on.
            before_us: Only traces before this time; if a trace has it, those with lower numbers, so that pages that end
                by time hold every trace once, whatever the clock did.
            session_id: Only traces of this session.
            action: Only traces of this action.
            resource_type: Only traces of changes to this kind of thing.
            resource_id: Only traces of changes to this thing.
        """
        condition, values = conditions(
            self._database,
            {"resource_id": resource_id, "session_id": session_id},
            {"action": action, "resource_type": resource_type},
        )
        if before_us is not None:
            seen = self._at(before_us)
            if seen is not None:
                before_seq, before_us = min(seen, _INTEGER_MAX if before_seq is None else before_seq), None
        numbers = (0, _INTEGER_MAX if before_seq is None else before_seq)
        if from_us is None and before_us is None:
            parts, parameters = [f"seq >= ? AND seq < ?{condition}"], [*numbers, *values]
        else:
            times = (from_us or 0, _INTEGER_MAX if before_us is None else before_us)
            # Without statistics SQLite may walk an index that a million traces share; a plus keeps it off.
            unindexed = self._database.unindexed
            if resource_id is not None or session_id is not None:
                number, time, late = "seq", f"{unindexed}created_us", condition
            else:
                number, time, late = f"{unindexed}seq", "created_us", condition.replace(" AND ", f" AND {unindexed}")
            parts = [
                f"{time} IS NULL AND seq >= ? AND seq < ?{condition}",
                f"{time} >= ? AND {time} < ? AND {number} < ?{late}",
            ]
            parameters = [times[0], min(times[1], numbers[1]), *values, *times, numbers[1], *values]
        selects = [
            f"SELECT * FROM (SELECT {_COLUMNS} FROM traces WHERE {part} ORDER BY seq DESC LIMIT {limit:d})"
            for part in parts
        ]
        rows = self._database.execute(f"{' UNION ALL '.join(selects)} ORDER BY seq DESC LIMIT {limit:d}", parameters)
        return [TraceRow._make(row) for row in rows]

    def of_session(self, session_id: str, after_seq: int, limit: int) -> list[TraceRow]:
        """Return at most `limit` traces of a session above a number, oldest first."""
        rows = self._database.execute(
            f"SELECT {_COLUMNS} FROM traces WHERE session_id = ? AND seq > ? ORDER BY seq LIMIT ?",
            (session_id, after_seq, limit),
        )
        return [TraceRow._make(row) for row in rows]

    def redact(self, trace: TraceRow, details: str) -> None:
        """Replace the details of a trace."""
        self._database.execute("UPDATE traces SET details = ? WHERE seq = ?", (details, trace.seq))

    def counts(self, first_hour: int) -> dict[int, int]:
        """Return how many traces each hour has, from an hour on, counted since 1970; hours without one are left out."""
        rows = self._database.execute(
            "SELECT hour, sum(traces) FROM trace_counts WHERE hour >= ? GROUP BY hour", (first_hour,)
        )
        return {hour: int(traces) for hour, traces in rows}

    def _at(self, time_us: int) -> Optional[int]:
        """Return the number of the trace that has a time; None if there is none."""
        row = self._database.execute(
            "SELECT min(seq) FROM (SELECT seq FROM traces WHERE seq = ? AND created_us IS NULL"
            " UNION ALL SELECT seq FROM traces WHERE created_us = ?)",
            (time_us, time_us),
        ).fetchone()
        return None if row is None else row[0]
