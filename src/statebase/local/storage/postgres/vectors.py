"""The vectors of memories on PostgreSQL, with pgvector: compared in the database, by no process's memory."""

from __future__ import annotations

import struct
from typing import Iterable, Optional, Sequence

from ...errors import busy
from ...memory_search import MemoryFilter, Space, VectorSample
from ..database import Database, Result
from ..tables.filters import memory_condition
from ..tables.vectors import Vectors
from .schema import LOCKS, Facts

_MARK_BYTES = 4
_TOKEN_KEY = "search.token"
_TABLES = ("memory_vectors", "memory_parts")
"""The vectors of memories, and those of the further parts of long ones."""
_PARTS = 4
"""The nearest parts are looked for four times as many as memories, since a memory has several."""
_EXAMINED = 200
"""How many neighbours the index looks at; pgvector's own 40 finds nine of ten."""


class PostgresVectors(Vectors):
    """The table of vectors. There is no log of changes: nothing is cached."""

    def __init__(self, database: Database, facts: Facts) -> None:
        super().__init__(database)
        self._has_table = facts.has_vectors

    def put(self, seq: int, vectors: Sequence[bytes]) -> None:
        """Store the vectors of the parts of a memory that has none; those after the first in a table of their own."""
        if not self._has_table:
            return
        first, *others = vectors
        self._database.execute(
            "INSERT INTO memory_vectors (seq, session_seq, mark, vector)"
            " SELECT seq, session_seq, ?, ?::halfvec FROM memories WHERE seq = ?",
            (first[:_MARK_BYTES], _text_of(first), seq),
        )
        if others:
            self._database.execute_many(
                "INSERT INTO memory_parts (seq, part, mark, vector) VALUES (?, ?, ?, ?::halfvec)",
                [(seq, part, other[:_MARK_BYTES], _text_of(other)) for part, other in enumerate(others, 1)],
            )

    def copy(self, seq: int, to_seq: int) -> None:
        """Copy the vectors of a memory, if it has any, to another memory."""
        if self._has_table:
            self._database.execute(
                "INSERT INTO memory_vectors (seq, session_seq, mark, vector)"
                " SELECT m.seq, m.session_seq, v.mark, v.vector FROM memories m, memory_vectors v"
                " WHERE m.seq = ? AND v.seq = ?",
                (to_seq, seq),
            )
            self._database.execute(
                "INSERT INTO memory_parts (seq, part, mark, vector)"
                " SELECT ?::bigint, part, mark, vector FROM memory_parts WHERE seq = ?",
                (to_seq, seq),
            )

    def remove(self, seq: int) -> None:
        """Remove the vectors of a memory, if it has any."""
        if self._has_table:
            super().remove(seq)
            self._database.execute("DELETE FROM memory_parts WHERE seq = ?", (seq,))

    def drop(self, seq: int, mark: bytes) -> None:
        """Remove the vector of a memory if it does not start with `mark`, so that the memory gets another one."""
        self._database.execute("DELETE FROM memory_parts WHERE seq = ? AND mark <> ?", (seq, mark))
        self._database.execute(
            "WITH dropped AS (DELETE FROM memory_vectors WHERE seq = ? AND mark <> ? RETURNING seq)"
            " UPDATE memories SET embedding_id = NULL WHERE seq IN (SELECT seq FROM dropped)",
            (seq, mark),
        )

    def foreign(self, mark: bytes, limit: int) -> list[int]:
        """Return the numbers of at most `limit` memories whose vectors do not start with `mark`."""
        rows = self._database.execute(
            "SELECT seq FROM memory_vectors WHERE mark <> ? ORDER BY seq LIMIT ?", (mark, limit)
        )
        return [row[0] for row in rows]

    def sample(self, newest: int, limit: int) -> list[VectorSample]:
        """Return at most `limit` vectors with their texts, evenly up to the newest memory."""
        step = max(newest // limit, 1)
        rows = self._database.execute(
            "SELECT m.content, v.mark, halfvec_send(v.vector)"
            " FROM generate_series(?::bigint, 1, -?::bigint) place CROSS JOIN LATERAL"
            " (SELECT * FROM memory_vectors WHERE seq <= place AND seq > place - ? ORDER BY seq DESC LIMIT 1) v"
            " JOIN memories m ON m.seq = v.seq LIMIT ?",
            (newest, step, step, limit),
        )
        return _samples(rows)

    def newest(self, limit: int) -> list[VectorSample]:
        """Return at most `limit` vectors with their texts, newest first."""
        rows = self._database.execute(
            "SELECT m.content, v.mark, halfvec_send(v.vector) FROM memory_vectors v JOIN memories m ON m.seq = v.seq"
            " ORDER BY v.seq DESC LIMIT ?",
            (limit,),
        )
        return _samples(rows)

    def log_change(self, seq: int) -> None:
        """Do nothing: nothing is cached."""


class DatabaseVectors:
    """A `VectorIndex` in the database: exact within a session, a user or tags, by an HNSW index over all memories.

    Args:
        database: The database.
        facts: What is known of it.
    """

    def __init__(self, database: Database, facts: Facts) -> None:
        self._database = database
        self._facts = facts
        self._prepared: Optional[str] = None

    def prepare(self, space: Space) -> None:
        """Create the index of a space, which is empty when an embedder takes over a store; one transaction."""
        if self._prepared == space.token:
            return
        with self._database.write():
            self._database.lock("SELECT pg_advisory_xact_lock(?::int, ?::bigint::int)", (LOCKS, self._lock_number))
            for table in _TABLES:
                name = f"{table}_{space.mark.hex()}"
                known = f"{self._facts.quoted_schema}.{name}"
                if self._database.execute("SELECT to_regclass(?)", (known,)).fetchone()[0] is None:
                    self._database.execute(
                        f"CREATE INDEX {name} ON {table} USING hnsw"
                        f" ((vector::halfvec({space.dimensions:d})) halfvec_cosine_ops)"
                        f" WHERE mark = '\\x{space.mark.hex()}'::bytea"
                    )
        self._prepared = space.token

    def nearest(
        self, space: Space, vector: Sequence[float], memory_filter: MemoryFilter, limit: int
    ) -> list[tuple[int, float]]:
        """Return number and cosine of the memories with the highest cosines."""
        token = self._token()
        condition, parameters = memory_condition(memory_filter)
        kind = f"halfvec({space.dimensions:d})"
        query = _literal(vector)
        if memory_filter.is_wide:
            self._database.execute(f"SET LOCAL hnsw.ef_search = {max(_EXAMINED, limit):d}")
            self._database.execute("SET LOCAL hnsw.iterative_scan = strict_order")
            near = " UNION ALL ".join(
                f"(SELECT v.seq, v.vector::{kind} <=> ?::{kind} AS distance FROM {table} v"
                f" JOIN memories m ON m.seq = v.seq WHERE v.mark = ? AND {condition}"
                f" ORDER BY v.vector::{kind} <=> ?::{kind} LIMIT {most:d})"
                for table, most in zip(_TABLES, (limit, limit * _PARTS))
            )
            values = (query, space.mark, *parameters, query)
            rows = self._database.execute(f"{_best_of(near)} LIMIT ?", (*values, *values, limit))
        else:
            passing = " UNION ALL ".join(
                f"SELECT v.seq, v.vector FROM {table} v JOIN memories m ON m.seq = v.seq"
                f" WHERE v.mark = ? AND {condition}"
                for table in _TABLES
            )
            distances = f"SELECT seq, vector <=> ?::{kind} AS distance FROM passing"
            exact = f"WITH passing AS MATERIALIZED ({passing}) {_best_of(distances)} LIMIT ?"
            values = (space.mark, *parameters)
            rows = self._database.execute(exact, (*values, *values, query, limit))
        _check(space, token)
        return [(seq, 1 - distance) for seq, distance in rows if distance == distance]

    def cosines_of(self, space: Space, vector: Sequence[float], seqs: Sequence[int]) -> dict[int, float]:
        """Return the cosines of these memories by number."""
        token = self._token()
        distances = " UNION ALL ".join(
            f"SELECT seq, vector::vector <=> ?::vector AS distance FROM {table}"
            " WHERE mark = ? AND seq = ANY(?::bigint[])"
            for table in _TABLES
        )
        values = (_literal(vector), space.mark, list(seqs))
        rows = self._database.execute(_best_of(distances), (*values, *values))
        _check(space, token)
        return {seq: 1 - distance for seq, distance in rows if distance == distance}

    def parts_of(self, space: Space, seqs: Sequence[int]) -> dict[int, int]:
        """Return the number of vectors of each of these memories that has several."""
        rows = self._database.execute(
            "SELECT seq, count(*) + 1 FROM memory_parts WHERE mark = ? AND seq = ANY(?::bigint[]) GROUP BY seq",
            (space.mark, list(seqs)),
        )
        return dict(rows)

    def found_foreign(self, limit: int) -> Sequence[int]:
        """Return nothing: vectors of another space are left out by the statements."""
        return ()

    @property
    def _lock_number(self) -> int:
        return self._facts.schema_oid & 0x7FFFFFFF

    def _token(self) -> Result:
        """Select the token of the space of the store; a statement after it shares its round trip."""
        return self._database.execute("SELECT value FROM meta WHERE key = ?", (_TOKEN_KEY,))


def _check(space: Space, token: Result) -> None:
    """Raise an error if another embedder has taken over the store."""
    row = token.fetchone()
    if row is None or row[0] != space.token:
        raise busy("The store was opened with another embedder at this moment: try again.")


def _best_of(distances: str) -> str:
    """Return the statement for the shortest distance of each memory, shortest first, of equal ones the newest."""
    return f"SELECT seq, min(distance) AS distance FROM ({distances}) found GROUP BY seq ORDER BY 2, seq DESC"


def _samples(rows: Iterable[tuple[str, bytes, bytes]]) -> list[VectorSample]:
    return [VectorSample(content, mark + _packed(vector)) for content, mark, vector in rows]


def _literal(vector: Sequence[float]) -> str:
    return "[" + ",".join([f"{number:.7g}" for number in vector]) + "]"


def _text_of(packed: bytes) -> str:
    """Return a vector as text: of the mark, and numbers of 16 bits."""
    numbers = packed[_MARK_BYTES:]
    return "[" + ",".join([f"{number:.6g}" for number in struct.unpack(f"<{len(numbers) // 2}e", numbers)]) + "]"


def _packed(sent: bytes) -> bytes:
    """Return the numbers of a vector in the byte order in which they are packed, of what `halfvec_send` returned."""
    swapped = bytearray(sent[4:])
    swapped[::2], swapped[1::2] = sent[5::2], sent[4::2]
    return bytes(swapped)
