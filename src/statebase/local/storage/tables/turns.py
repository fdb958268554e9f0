"""Turns: what went into an agent and what came out, numbered within their session."""

from __future__ import annotations

from typing import NamedTuple, Optional

from ...identifiers import new_id
from ..database import Database, Result

_COLUMNS = "id, number, created_us, input, output, metadata, reasoning, state_before, version_before, version_after"
_INTEGER_MAX = 2**63 - 1
_NO_VERSION = -1
"""The version before a turn that was copied from another session."""
_COPIED_AT_ONCE = 500


class TurnRow(NamedTuple):
    """A turn as it is stored; input, output, metadata and state as JSON text."""

    id: str
    number: int
    created_us: int
    input: str
    output: str
    metadata: Optional[str]
    reasoning: Optional[str]
    state_before: Optional[str]
    """The state before the turn, where its writer gave it; otherwise it is that of `version_before`."""
    version_before: int
    version_after: Optional[int]
    """The version of the state after the turn; None where its writer did not give one."""


class Turns:
    """The table of turns."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def insert(self, session_seq: int, turn: TurnRow) -> None:
        """Store a turn."""
        self._database.execute(
            f"INSERT INTO turns (session_seq, {_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (session_seq, *turn),
        )

    def find(self, session_seq: int, turn_id: str) -> Optional[TurnRow]:
        """Return a turn of the session; None if it has no such turn."""
        row = self._database.execute(
            f"SELECT {_COLUMNS} FROM turns WHERE id = ? AND session_seq = ?", (turn_id, session_seq)
        ).fetchone()
        return None if row is None else TurnRow._make(row)

    def page(
        self, session_seq: int, limit: int, seen_number: Optional[int] = None, *, ascending: bool = False
    ) -> list[TurnRow]:
        """Return at most `limit` turns, newest first unless `ascending`, after the one with `seen_number`."""
        return turns_of(self.rows(session_seq, limit, seen_number, ascending=ascending))

    def rows(
        self, session_seq: int, limit: int, seen_number: Optional[int] = None, *, ascending: bool = False
    ) -> Result:
        """Select what `page` returns; `turns_of` reads it. A statement in between may share its round trip."""
        if ascending:
            seen, condition, order = 0, "number > ?", "number"
        else:
            seen, condition, order = _INTEGER_MAX, "number < ?", "number DESC"
        return self._database.execute(
            f"SELECT {_COLUMNS} FROM turns WHERE session_seq = ? AND {condition} ORDER BY {order} LIMIT ?",
            (session_seq, seen if seen_number is None else seen_number, limit),
        )

    def newest_of(self, session_id: str, limit: int) -> Result:
        """Select the newest turns of a session; `turns_of` reads them."""
        return self._database.execute(
            f"SELECT {_COLUMNS} FROM turns WHERE session_seq = (SELECT seq FROM sessions WHERE id = ?)"
            " ORDER BY number DESC LIMIT ?",
            (session_id, limit),
        )

    def copy(self, source_seq: int, session_seq: int, version: int) -> int:
        """Copy the turns of a session, as far as they were recorded before the version after this one.

        The copies have no states: these are versions of the other session.

        Returns:
            How many turns.
        """
        number = 0
        while True:
            rows = self._database.execute(
                "SELECT number, created_us, input, output, metadata, reasoning FROM turns"
                " WHERE session_seq = ? AND number > ? AND version_before <= ? AND coalesce(version_after, ?) <= ?"
                " ORDER BY number LIMIT ?",
                (source_seq, number, version, version, version, _COPIED_AT_ONCE),
            ).fetchall()
            self._database.execute_many(
                f"INSERT INTO turns (session_seq, {_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL, ?, NULL)",
                [(session_seq, new_id("turn_"), *row, _NO_VERSION) for row in rows],
            )
            if rows:
                number = int(rows[-1][0])
            if len(rows) < _COPIED_AT_ONCE:
                return number

    def delete_some(self, session_seq: int, limit: int) -> int:
        """Remove at most `limit` turns of a session and return how many that were."""
        return self._database.execute(
            "DELETE FROM turns WHERE seq IN (SELECT seq FROM turns WHERE session_seq = ? LIMIT ?)",
            (session_seq, limit),
        ).rowcount


def turns_of(rows: Result) -> list[TurnRow]:
    """Return the turns that `Turns.rows` selected; within the same read."""
    return [TurnRow._make(row) for row in rows]
