"""The words of memories: their terms, and an FTS5 index of them, or a plain scan where SQLite lacks FTS5."""

from __future__ import annotations

import sqlite3
from operator import itemgetter
from typing import Any, Iterable, NamedTuple, Optional, Sequence

from ...language.terms import VERSION, speaker_of, terms_of
from ...memory_search import MemoryFilter
from ..database import Database
from .filters import memory_condition
from .meta import Meta

_STALE = "words.stale"
"""Set while the index lacks terms, since a SQLite without FTS5 has written to the file."""
TODO = "words.todo"
"""The newest memory whose terms are still to be stored; nothing when all are."""
VERSION_KEY = "words.version"
"""Which terms the store holds."""
_PARAMETERS = 500
"""A statement takes no more of them; SQLite allows 999."""


_SELECT = "SELECT m.seq, m.session_seq, t.terms, t.speaker FROM memories m LEFT JOIN memory_terms t ON t.seq = m.seq"
_seq = itemgetter(0)


class Terms(NamedTuple):
    """A memory as search by words sees it."""

    seq: int
    session_seq: int
    terms: str
    """Its terms, with a space before and after each."""
    speaker: Optional[str]
    """The speaker, if it is a turn of a conversation: `ann` of `Ann: ...`."""


class Words:
    """Which memories hold which terms; only memories that are to be found (`embed: true`) are in it.

    A store of an older version gets its terms in pieces. Until then its memories are looked up in the index of that
    version, `memory_words`, which goes with the last piece.
    """

    def __init__(self, database: Database, meta: Meta) -> None:
        self._database = database
        self._meta = meta
        self._indexed = False
        self._marked_stale = False

    def prepare(self) -> None:
        """Create the index if SQLite has FTS5, and fill it if it lacks terms; within `write`."""
        if self._meta.get(VERSION_KEY) != VERSION:
            self._database.execute("DELETE FROM memory_terms")
            self._meta.set({VERSION_KEY: VERSION, _STALE: "1"})
            newest = self.about_how_many()
            if newest:
                self._meta.set({TODO: str(newest)})
        try:
            self._database.execute(
                "CREATE VIRTUAL TABLE IF NOT EXISTS memory_index USING fts5 (terms, content = 'memory_terms',"
                " content_rowid = 'seq', detail = 'none', tokenize = \"ascii tokenchars '.'\")"
            )
            self._database.execute(
                "CREATE VIRTUAL TABLE IF NOT EXISTS memory_index_counts USING fts5vocab (memory_index, 'row')"
            )
            self._database.execute("SELECT rowid FROM memory_index LIMIT 1")
        except sqlite3.OperationalError as error:
            if "fts5" not in str(error):
                raise
            return
        self._indexed = True
        if self._meta.get(_STALE) is not None:
            self._database.execute("INSERT INTO memory_index (memory_index) VALUES ('rebuild')")
            self._meta.delete(_STALE)

    def add(self, seq: int, content: str) -> None:
        """Take in the terms of a memory."""
        terms = self._store(seq, content)
        if self._indexed:
            self._database.execute("INSERT INTO memory_index (rowid, terms) VALUES (?, ?)", (seq, terms))
        else:
            self._mark_stale()

    def remove(self, seq: int, content: str) -> None:
        """Forget the terms of a memory, which were those of this content."""
        row = self._database.execute("SELECT terms FROM memory_terms WHERE seq = ?", (seq,)).fetchone()
        if row is None:
            self._remove_old(seq, content)
            return
        if self._indexed:
            self._database.execute(
                "INSERT INTO memory_index (memory_index, rowid, terms) VALUES ('delete', ?, ?)", (seq, row[0])
            )
        else:
            self._mark_stale()
        self._database.execute("DELETE FROM memory_terms WHERE seq = ?", (seq,))

    def merge(self, pages: int) -> bool:
        """Remove the terms of removed memories from the pages of the index, some pages at a time; within `write`.

        Args:
            pages: About how many pages to write; negative for the first piece.

        Returns:
            Whether there is more to do.
        """
        if not self._indexed:
            return False
        before = self._database.execute("SELECT total_changes()").fetchone()[0]
        self._database.execute("INSERT INTO memory_index (memory_index, rank) VALUES ('merge', ?)", (pages,))
        # FTS5 documents this way to find out whether it has done anything.
        return bool(self._database.execute("SELECT total_changes()").fetchone()[0] - before >= 2)

    def are_missing(self) -> bool:
        """Return whether there are memories for `add_piece`."""
        return self._meta.get(TODO) is not None

    def add_piece(self, limit: int) -> None:
        """Take in the terms of at most `limit` memories that an older version has stored; within `write`."""
        todo = self._meta.get(TODO)
        if todo is None:
            return
        rows = self._database.execute(
            "SELECT seq, content FROM memories WHERE embed = 1 AND seq <= ? ORDER BY seq DESC LIMIT ?",
            (int(todo), limit),
        ).fetchall()
        for seq, content in rows:
            self.add(seq, content)
        if len(rows) == limit:
            self._meta.set({TODO: str(rows[-1][0] - 1)})
            return
        self._meta.delete(TODO)
        if self._indexed:
            self._database.execute("DROP TABLE IF EXISTS memory_words")

    def about_how_many(self) -> int:
        """Return how many memories there are, or a little more: numbers of deleted ones count."""
        newest = self._database.execute("SELECT max(seq) FROM memories").fetchone()[0]
        return 0 if newest is None else int(newest)

    def few(self, memory_filter: MemoryFilter, most: int) -> Optional[list[Terms]]:
        """Return all memories that pass the filter, newest first; None if more than `most` pass."""
        condition, parameters = memory_condition(memory_filter)
        count = f"(SELECT count(*) FROM (SELECT 1 FROM memories m WHERE {condition} LIMIT ?) AS passing)"
        counted = self._database.execute(f"SELECT {count}", (*parameters, most + 1))
        if self._database.writes_at_once:
            # Over a network, one round trip for both.
            passing = self._database.execute(
                f"{_SELECT} WHERE {condition} AND {count} <= ?", (*parameters, *parameters, most + 1, most)
            )
            if counted.fetchone()[0] > most:
                return None
            return sorted(self._split(passing.fetchall()), key=_seq, reverse=True)
        return None if counted.fetchone()[0] > most else self.passing(memory_filter)

    def passing(self, memory_filter: MemoryFilter) -> list[Terms]:
        """Return all memories that pass the filter, newest first."""
        condition, parameters = memory_condition(memory_filter)
        rows = self._database.execute(f"{_SELECT} WHERE {condition}", parameters).fetchall()
        return sorted(self._split(rows), key=_seq, reverse=True)

    def terms_of(self, seqs: Sequence[int]) -> list[Terms]:
        """Return memories by their numbers, newest first; without those that are not there or not to be found."""
        rows: list[Any] = []
        for part in _parts(seqs):
            rows += self._database.execute(f"{_SELECT} WHERE m.embed = 1 AND m.seq IN ({_marks(part)})", part)
        return sorted(self._split(rows), key=_seq, reverse=True)

    def followers(self, seqs: Sequence[int], memory_filter: MemoryFilter) -> list[int]:
        """Return the memories that come next in the session after each of these, and pass the filter."""
        condition, parameters = memory_condition(memory_filter)
        found: list[int] = []
        for part in _parts(seqs):
            rows = self._database.execute(
                "SELECT (SELECT min(m.seq) FROM memories m"
                f" WHERE m.session_seq = before.session_seq AND m.seq > before.seq AND {condition})"
                f" FROM memories before WHERE before.seq IN ({_marks(part)})",
                (*parameters, *part),
            )
            found += [row[0] for row in rows if row[0] is not None]
        return found

    def counts(self, terms: Iterable[str]) -> dict[str, int]:
        """Return how many memories hold each of the terms, as far as these are indexed."""
        if not self._indexed:
            held = [memory.terms for memory in self.passing(MemoryFilter())]
            return {term: sum(f" {term} " in some for some in held) for term in terms}
        counted: dict[str, int] = {}
        for term in terms:
            row = self._database.execute("SELECT doc FROM memory_index_counts WHERE term = ?", (term,)).fetchone()
            counted[term] = 0 if row is None else int(row[0])
        return counted

    def holding(self, places: Sequence[Sequence[str]], memory_filter: MemoryFilter, limit: int) -> list[int]:
        """Return the numbers of at most `limit` memories that pass the filter, newest first.

        Args:
            places: Terms; a memory must hold one of each.
            memory_filter: What must hold besides.
            limit: How many memories at most.
        """
        if not self._indexed:
            found = [
                memory.seq
                for memory in self.passing(memory_filter)
                if all(any(f" {term} " in memory.terms for term in terms) for terms in places)
            ]
            return found[:limit]
        wanted = " AND ".join("(" + " OR ".join(f'"{term}"' for term in terms) + ")" for terms in places)
        found = self._matching("memory_index", wanted, memory_filter, limit)
        if self.are_missing() and self._has_old():
            found += self._matching("memory_words", wanted, memory_filter, limit)
        return sorted(set(found), reverse=True)[:limit]

    def _matching(self, table: str, wanted: str, memory_filter: MemoryFilter, limit: int) -> list[int]:
        join, condition, parameters = "", "", list[Any]()
        if not memory_filter.is_open:
            condition, parameters = memory_condition(memory_filter)
            join, condition = " CROSS JOIN memories m ON m.seq = i.rowid", f" AND {condition}"
        rows = self._database.execute(
            f"SELECT i.rowid FROM {table} i{join} WHERE i.{table} MATCH ?{condition} ORDER BY i.rowid DESC LIMIT ?",
            (wanted, *parameters, limit),
        )
        return [row[0] for row in rows]

    def _split(self, rows: Sequence[tuple[int, int, Any, Any]]) -> list[Terms]:
        found: list[Terms] = []
        for seq, session_seq, terms, speaker in rows:
            if terms is None:
                # Of an older version, and not stored yet.
                content = self._database.execute("SELECT content FROM memories WHERE seq = ?", (seq,)).fetchone()[0]
                terms, speaker = " ".join(terms_of(content)), speaker_of(content)
            found.append(Terms(seq, session_seq, f" {terms} ", speaker))
        return found

    def _store(self, seq: int, content: str) -> str:
        """Store the terms of a memory, and return them."""
        terms = " ".join(terms_of(content))
        self._database.execute(
            "INSERT INTO memory_terms (seq, terms, speaker) VALUES (?, ?, ?)", (seq, terms, speaker_of(content))
        )
        return terms

    def _has_old(self) -> bool:
        return self._database.execute("SELECT 1 FROM sqlite_master WHERE name = 'memory_words'").fetchone() is not None

    def _remove_old(self, seq: int, content: str) -> None:
        """Forget the words of a memory that only the index of an older version has."""
        if self._indexed and self._has_old():
            self._database.execute(
                "INSERT INTO memory_words (memory_words, rowid, content) VALUES ('delete', ?, ?)", (seq, content)
            )

    def _mark_stale(self) -> None:
        if not self._marked_stale:
            # Another process, with another SQLite, may have an index on this file.
            self._meta.set({_STALE: "1"})
            self._marked_stale = True


def _parts(seqs: Sequence[int]) -> list[Sequence[int]]:
    return [seqs[start : start + _PARAMETERS] for start in range(0, len(seqs), _PARAMETERS)]


def _marks(values: Sequence[object]) -> str:
    return ", ".join("?" * len(values))
