"""The words of memories, for a search without vectors: an FTS5 index, or a plain scan where SQLite lacks FTS5."""

from __future__ import annotations

import re
import sqlite3

from ..sqlite.database import Database
from .meta import Meta

_STALE = "words.stale"
_WORD = re.compile(r"[^\W_]+")


def words_of(text: str) -> list[str]:
    """Cut a text into its words, in lower case."""
    return _WORD.findall(text.lower())


class Words:
    """Which memories hold which words; only memories that are to be found (`embed: true`) are in it."""

    def __init__(self, database: Database, meta: Meta) -> None:
        self._database = database
        self._meta = meta
        self._indexed = False
        self._marked_stale = False

    def prepare(self) -> None:
        """Make the index if SQLite can, and fill it if it lacks memories; within `write`."""
        try:
            self._database.execute(
                "CREATE VIRTUAL TABLE IF NOT EXISTS memory_words USING fts5"
                " (content, content = 'memories', content_rowid = 'seq', tokenize = 'porter unicode61')"
            )
            self._database.execute("SELECT rowid FROM memory_words LIMIT 1")
        except sqlite3.OperationalError as error:
            if "fts5" not in str(error):
                raise
            return
        self._indexed = True
        if self._meta.get(_STALE) is not None:
            self._database.execute("INSERT INTO memory_words (memory_words) VALUES ('delete-all')")
            self._database.execute(
                "INSERT INTO memory_words (rowid, content) SELECT seq, content FROM memories WHERE embed = 1"
            )
            self._meta.delete(_STALE)

    def add(self, seq: int, content: str) -> None:
        """Take in the words of a memory."""
        if self._indexed:
            self._database.execute("INSERT INTO memory_words (rowid, content) VALUES (?, ?)", (seq, content))
        else:
            self._mark_stale()

    def remove(self, seq: int, content: str) -> None:
        """Forget the words of a memory, which were those of this content."""
        if self._indexed:
            self._database.execute(
                "INSERT INTO memory_words (memory_words, rowid, content) VALUES ('delete', ?, ?)", (seq, content)
            )
        else:
            self._mark_stale()

    def about_how_many(self) -> int:
        """Return how many memories there are, or a little more: numbers of deleted ones count."""
        newest = self._database.execute("SELECT max(seq) FROM memories").fetchone()[0]
        return 0 if newest is None else int(newest)

    def holding(self, words: list[str]) -> dict[str, list[int]]:
        """Return the numbers of the memories that hold each of the words, in any inflection if there is an index."""
        if not self._indexed:
            return self._scan(words)
        found: dict[str, list[int]] = {}
        for word in words:
            rows = self._database.execute("SELECT rowid FROM memory_words WHERE memory_words MATCH ?", (f'"{word}"',))
            found[word] = [row[0] for row in rows]
        return found

    def _scan(self, words: list[str]) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {word: [] for word in words}
        for seq, content in self._database.execute("SELECT seq, content FROM memories WHERE embed = 1"):
            held = set(words_of(content))
            for word in words:
                if word in held:
                    found[word].append(seq)
        return found

    def _mark_stale(self) -> None:
        if not self._marked_stale:
            # Another process, with another SQLite, may have an index on this file.
            self._meta.set({_STALE: "1"})
            self._marked_stale = True
