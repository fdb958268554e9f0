"""Memories: their texts, labels, and what searches go by."""

from __future__ import annotations

from typing import Iterable, NamedTuple, Optional

from ... import jsontext
from ...errors import EngineError
from ...identifiers import new_id
from ...memory_search import MemoryFilter
from ..database import Database
from .filters import marks, memory_condition
from .vectors import Vectors
from .words import Words

_COPIED_AT_ONCE = 500
_INTEGER_MAX = 2**63 - 1
_SELECT = (
    "SELECT m.seq, m.id, m.session_seq, s.id, m.type, m.content, m.tags, m.metadata, m.embed, m.embedding_id,"
    " m.created_us, m.updated_us, m.version"
    " FROM memories m JOIN sessions s ON s.seq = m.session_seq"
)


class MemoryRow(NamedTuple):
    """A memory as it is stored; tags and metadata as JSON text."""

    seq: int
    id: str
    session_seq: int
    session_id: str
    type: str
    content: str
    tags: Optional[str]
    metadata: Optional[str]
    embed: int
    embedding_id: Optional[str]
    """The id of its vector; None if it has none yet, empty if its text has none."""
    created_us: int
    updated_us: int
    version: int


class Memories:
    """The table of memories with its labels, vectors and words."""

    def __init__(self, database: Database, vectors: Vectors, words: Words) -> None:
        self._database = database
        self._vectors = vectors
        self._words = words

    def insert(
        self,
        memory_id: str,
        session_seq: int,
        memory_type: str,
        content: str,
        tags: Optional[str],
        metadata: Optional[str],
        now_us: int,
        *,
        embed: bool,
        embedding_id: Optional[str],
        vector: Optional[bytes],
    ) -> int:
        """Store a new memory, as version 1, and return its number."""
        seq = self._database.insert(
            "INSERT INTO memories (id, session_seq, type, content, tags, metadata, embed, embedding_id,"
            " created_us, updated_us, version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1)",
            (memory_id, session_seq, memory_type, content, tags, metadata, int(embed), embedding_id, now_us, now_us),
        )
        if embed:
            self._label(seq, tags)
            self._words.add(seq, content)
            if vector is not None:
                self._vectors.put(seq, vector)
        return seq

    def copy(self, source_seq: int, session_seq: int, before_us: Optional[int]) -> int:
        """Copy the memories of a session, with their vectors.

        Args:
            source_seq: The session.
            session_seq: The session that gets the copies.
            before_us: Only those stored before this time; None for all.

        Returns:
            How many memories.
        """
        copied = last = 0
        while True:
            rows = self._database.execute(
                f"{_SELECT} WHERE m.session_seq = ? AND m.seq > ? AND m.created_us < ? ORDER BY m.seq LIMIT ?",
                (source_seq, last, _INTEGER_MAX if before_us is None else before_us, _COPIED_AT_ONCE),
            ).fetchall()
            for row in map(MemoryRow._make, rows):
                seq = self.insert(
                    new_id("mem_"),
                    session_seq,
                    row.type,
                    row.content,
                    row.tags,
                    row.metadata,
                    row.created_us,
                    embed=bool(row.embed),
                    embedding_id=row.embedding_id,
                    vector=None,
                )
                self._vectors.copy(row.seq, seq)
            if len(rows) < _COPIED_AT_ONCE:
                return copied + len(rows)
            copied, last = copied + len(rows), int(rows[-1][0])

    def find(self, memory_id: str) -> Optional[MemoryRow]:
        """Return a memory; None if there is none."""
        self._database.lock(
            "SELECT 1 FROM sessions WHERE seq = (SELECT session_seq FROM memories WHERE id = ?) FOR UPDATE",
            (memory_id,),
        )
        row = self._database.execute(_SELECT + " WHERE m.id = ?", (memory_id,)).fetchone()
        return None if row is None else MemoryRow._make(row)

    def of(self, seqs: Iterable[int]) -> dict[int, MemoryRow]:
        """Return the memories with these numbers, by number."""
        wanted = list(seqs)
        if not wanted:
            return {}
        rows = self._database.execute(f"{_SELECT} WHERE m.seq IN ({marks(wanted)})", wanted)
        return {row[0]: MemoryRow._make(row) for row in rows}

    def newest(self, memory_filter: MemoryFilter, limit: int) -> list[MemoryRow]:
        """Return at most `limit` memories that pass the filter, newest first."""
        condition, parameters = memory_condition(memory_filter)
        rows = self._database.execute(f"{_SELECT} WHERE {condition} ORDER BY m.seq DESC LIMIT ?", (*parameters, limit))
        return [MemoryRow._make(row) for row in rows]

    def newest_number(self) -> int:
        """Return the number of the newest memory; 0 if there is none."""
        newest = self._database.execute("SELECT max(seq) FROM memories").fetchone()[0]
        return 0 if newest is None else int(newest)

    def update(self, old: MemoryRow, new: MemoryRow, vector: Optional[bytes]) -> None:
        """Replace a memory.

        Args:
            old: The memory as it is stored.
            new: As it is to be, with the same number.
            vector: The vector of its content, if that is new and there is an embedder.
        """
        self._database.execute(
            "UPDATE memories SET type = ?, content = ?, tags = ?, metadata = ?, embedding_id = ?, updated_us = ?,"
            " version = ? WHERE seq = ?",
            (new.type, new.content, new.tags, new.metadata, new.embedding_id, new.updated_us, new.version, new.seq),
        )
        if not new.embed:
            return
        if new.tags != old.tags:
            self._unlabel(old)
            self._label(new.seq, new.tags)
        if new.content != old.content:
            self._words.remove(old.seq, old.content)
            self._words.add(new.seq, new.content)
            self._vectors.remove(old.seq)
            if vector is not None:
                self._vectors.put(new.seq, vector)
        if (new.content, new.type, new.tags) != (old.content, old.type, old.tags):
            self._vectors.log_change(new.seq)

    def delete(self, memory: MemoryRow) -> None:
        """Remove a memory."""
        if memory.embed:
            self._unlabel(memory)
            self._words.remove(memory.seq, memory.content)
            self._vectors.remove(memory.seq)
            self._vectors.log_change(memory.seq)
        self._database.execute("DELETE FROM memories WHERE seq = ?", (memory.seq,))

    def delete_some(self, session_seq: int, limit: int) -> int:
        """Remove at most `limit` memories of a session, which may be gone itself, and return how many that were."""
        rows = self._database.execute(
            _SELECT.replace(" JOIN", " LEFT JOIN") + " WHERE m.session_seq = ? ORDER BY m.seq LIMIT ?",
            (session_seq, limit),
        ).fetchall()
        for row in rows:
            self.delete(MemoryRow._make(row))
        return len(rows)

    def _label(self, seq: int, tags: Optional[str]) -> None:
        rows = [(tag, seq) for tag in _tags(tags)]
        if rows:
            self._database.execute_many("INSERT INTO memory_tags (tag, seq) VALUES (?, ?)", rows)

    def _unlabel(self, memory: MemoryRow) -> None:
        try:
            rows = [(tag, memory.seq) for tag in _tags(memory.tags)]
        except EngineError:
            # Damage must not keep a memory from being removed; this looks at all labels.
            self._database.execute("DELETE FROM memory_tags WHERE seq = ?", (memory.seq,))
            return
        if rows:
            self._database.execute_many("DELETE FROM memory_tags WHERE tag = ? AND seq = ?", rows)


def _tags(text: Optional[str]) -> set[str]:
    return set() if text is None else set(jsontext.decode(text))
