"""The vectors of memories, and a log of the changes to them that caches follow."""

from __future__ import annotations

from typing import Sequence

from ...memory_search import MemoryFilter, VectorRow, VectorSample, joined
from ..database import Database, Result
from .filters import memory_condition

_PARAMETERS = 500
"""Maximum number of parameters of a statement; SQLite allows 999."""
_LOG_KEEPS = 100_000
_LOG_CUT_EVERY = 10_000


class Vectors:
    """The tables of vectors and of changes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, seq: int, vectors: Sequence[bytes]) -> None:
        """Store the vectors of the parts of a memory that has none."""
        self._database.execute("INSERT INTO memory_vectors (seq, vector) VALUES (?, ?)", (seq, joined(vectors)))

    def copy(self, seq: int, to_seq: int) -> None:
        """Copy the vector of a memory, if it has one, to another memory."""
        self._database.execute(
            "INSERT INTO memory_vectors (seq, vector) SELECT ?, vector FROM memory_vectors WHERE seq = ?", (to_seq, seq)
        )

    def remove(self, seq: int) -> None:
        """Remove the vector of a memory, if it has one."""
        self._database.execute("DELETE FROM memory_vectors WHERE seq = ?", (seq,))

    def drop(self, seq: int, mark: bytes) -> None:
        """Remove the vector of a memory if it does not start with `mark`, so that the memory gets another one."""
        cursor = self._database.execute(
            "DELETE FROM memory_vectors WHERE seq = ? AND substr(vector, 1, ?) != ?", (seq, len(mark), mark)
        )
        if cursor.rowcount == 1:
            self._database.execute("UPDATE memories SET embedding_id = NULL WHERE seq = ?", (seq,))

    def foreign(self, mark: bytes, limit: int) -> list[int]:
        """Return the numbers of at most `limit` memories whose vectors do not start with `mark`."""
        rows = self._database.execute(
            "SELECT seq FROM memory_vectors WHERE substr(vector, 1, ?) != ? LIMIT ?", (len(mark), mark, limit)
        )
        return [row[0] for row in rows]

    def rows_after(self, seq: int, limit: int) -> Sequence[VectorRow]:
        """Return at most `limit` vectors of memories above a number, in ascending order."""
        return self._database.execute(
            "SELECT seq, vector FROM memory_vectors WHERE seq > ? ORDER BY seq LIMIT ?", (seq, limit)
        ).fetchall()

    def rows_of(self, seqs: Sequence[int]) -> Sequence[VectorRow]:
        """Return the vectors of these memories, in ascending order."""
        found: list[VectorRow] = []
        for part in _parts(sorted(set(seqs))):
            found += self._database.execute(
                f"SELECT seq, vector FROM memory_vectors WHERE seq IN ({_marks(part)}) ORDER BY seq", part
            )
        return found

    def passing(self, memory_filter: MemoryFilter, limit: int) -> list[int]:
        """Return the numbers of at most `limit` memories that pass a filter, with or without a vector; -1 for all."""
        condition, parameters = memory_condition(memory_filter, with_text=False)
        rows = self._database.execute(f"SELECT m.seq FROM memories m WHERE {condition} LIMIT ?", (*parameters, limit))
        return [row[0] for row in rows]

    def passing_of(self, seqs: Sequence[int], memory_filter: MemoryFilter) -> list[int]:
        """Return those of these memories that pass a filter."""
        condition, parameters = memory_condition(memory_filter)
        found: list[int] = []
        for part in _parts(seqs):
            rows = self._database.execute(
                f"SELECT m.seq FROM memories m WHERE m.seq IN ({_marks(part)}) AND {condition}", (*part, *parameters)
            )
            found += [row[0] for row in rows]
        return found

    def sample(self, newest: int, limit: int) -> list[VectorSample]:
        """Return at most `limit` vectors with their texts, evenly up to the newest memory."""
        step = max(newest // limit, 1)
        rows = self._database.execute(
            "WITH RECURSIVE places (seq) AS (SELECT ? UNION ALL SELECT seq - ? FROM places WHERE seq > ?)"
            " SELECT m.content, v.vector FROM places p JOIN memory_vectors v ON v.seq ="
            " (SELECT max(seq) FROM memory_vectors WHERE seq <= p.seq AND seq > p.seq - ?)"
            " JOIN memories m ON m.seq = v.seq LIMIT ?",
            (newest, step, step, step, limit),
        )
        return [VectorSample._make(row) for row in rows]

    def newest(self, limit: int) -> list[VectorSample]:
        """Return at most `limit` vectors with their texts, newest first."""
        rows = self._database.execute(
            "SELECT m.content, v.vector FROM memory_vectors v JOIN memories m ON m.seq = v.seq"
            " ORDER BY v.seq DESC LIMIT ?",
            (limit,),
        )
        return [VectorSample._make(row) for row in rows]

    def pending(self, limit: int) -> list[tuple[int, int, str]]:
        """Return number, version and content of at most `limit` memories that should have a vector, oldest first."""
        return self._database.execute(
            "SELECT seq, version, content FROM memories WHERE embed = 1 AND embedding_id IS NULL ORDER BY seq LIMIT ?",
            (limit,),
        ).fetchall()

    def standing(self) -> tuple[int, bool]:
        """Return the number of the newest memory, 0 if there is none, and whether `pending` returns any."""
        newest, pending = self._database.execute(
            "SELECT (SELECT max(seq) FROM memories),"
            " (SELECT 1 FROM memories WHERE embed = 1 AND embedding_id IS NULL LIMIT 1)"
        ).fetchone()
        return newest or 0, pending is not None

    def name(self, seq: int, version: int, embedding_id: str) -> Result:
        """Set the id of the vector of a pending memory; the result counts a row if this version of it was pending."""
        return self._database.execute(
            "UPDATE memories SET embedding_id = ? WHERE seq = ? AND version = ? AND embed = 1 AND embedding_id IS NULL",
            (embedding_id, seq, version),
        )

    def log_change(self, seq: int) -> None:
        """Note that what caches hold of a memory is out of date."""
        change = self._database.insert("INSERT INTO memory_changes (seq) VALUES (?)", (seq,))
        if change % _LOG_CUT_EVERY == 0:
            self._database.execute("DELETE FROM memory_changes WHERE change <= ?", (change - _LOG_KEEPS,))

    def change_range(self) -> tuple[int, int]:
        """Return the numbers of the oldest and the newest change in the log; 0 and 0 if there was none."""
        # Two queries in one: SQLite looks up a single minimum or maximum, and scans for two.
        oldest, newest = self._database.execute(
            "SELECT (SELECT min(change) FROM memory_changes), (SELECT max(change) FROM memory_changes)"
        ).fetchone()
        return (0, 0) if newest is None else (int(oldest), int(newest))

    def changes_after(self, change: int) -> list[int]:
        """Return the numbers of the memories that changed after a change, each once."""
        rows = self._database.execute("SELECT DISTINCT seq FROM memory_changes WHERE change > ?", (change,))
        return [row[0] for row in rows]


def _parts(seqs: Sequence[int]) -> list[Sequence[int]]:
    return [seqs[start : start + _PARAMETERS] for start in range(0, len(seqs), _PARAMETERS)]


def _marks(values: Sequence[object]) -> str:
    return ", ".join("?" * len(values))
