"""The words of memories on PostgreSQL: a GIN index of their terms."""

from __future__ import annotations

from typing import Any, Iterable, Sequence

from ...language.terms import VERSION
from ...memory_search import MemoryFilter
from ..tables.filters import memory_condition
from ..tables.words import TODO, VERSION_KEY, Words

_COUNTED = 3_000
"""Up to so many memories that hold a term are counted; above, a sample says about how many they are."""
_SAMPLED = 5_000


class PostgresWords(Words):
    """Which memories hold which terms; only memories that are to be found (`embed: true`) are in it."""

    def prepare(self) -> None:
        """Have the terms stored again if they are those of an older version; within `write`."""
        if self._meta.get(VERSION_KEY) != VERSION:
            self._database.execute("DELETE FROM memory_terms")
            self._meta.set({VERSION_KEY: VERSION})
            newest = self.about_how_many()
            if newest:
                self._meta.set({TODO: str(newest)})

    def add(self, seq: int, content: str) -> None:
        """Take in the terms of a memory."""
        self._store(seq, content)

    def remove(self, seq: int, content: str) -> None:
        """Forget the terms of a memory."""
        self._database.execute("DELETE FROM memory_terms WHERE seq = ?", (seq,))

    def add_piece(self, limit: int) -> None:
        """Take in the terms of at most `limit` memories that lack them; of several processes, one at a time."""
        self._database.lock("SELECT 1 FROM meta WHERE key = ? FOR UPDATE", (TODO,))
        super().add_piece(limit)

    def counts(self, terms: Iterable[str]) -> dict[str, int]:
        """Return how many memories hold each of the terms; about how many for terms that many hold."""
        wanted = list(terms)
        rows = [
            self._database.execute(
                "SELECT count(*) FROM (SELECT 1 FROM memory_terms WHERE string_to_array(terms, ' ') @> ARRAY[?::text]"
                " LIMIT ?) held",
                (term, _COUNTED),
            )
            for term in wanted
        ]
        counts = {term: int(row.fetchone()[0]) for term, row in zip(wanted, rows)}
        common = [term for term, count in counts.items() if count == _COUNTED]
        if common:
            counts.update(self._estimated(common))
        return counts

    def holding(self, places: Sequence[Sequence[str]], memory_filter: MemoryFilter, limit: int) -> list[int]:
        """Return the numbers of at most `limit` memories that pass the filter, newest first."""
        condition, parameters = memory_condition(memory_filter)
        rows = self._database.execute(
            "SELECT m.seq FROM memory_terms t JOIN memories m ON m.seq = t.seq WHERE "
            + " AND ".join("string_to_array(t.terms, ' ') && ?::text[]" for _ in places)
            + f" AND {condition} ORDER BY m.seq DESC LIMIT ?",
            (*(list(terms) for terms in places), *parameters, limit),
        )
        return [row[0] for row in rows]

    def _estimated(self, terms: Sequence[str]) -> dict[str, int]:
        """Return about how many memories hold terms that at least `_COUNTED` hold, by a sample of them."""
        total = max(self.about_how_many(), 1)
        percent = min(100.0, 100.0 * _SAMPLED / total)
        looked_at, *found = self._database.execute(
            "SELECT count(*)"
            + ", count(*) FILTER (WHERE string_to_array(terms, ' ') @> ARRAY[?::text])" * len(terms)
            + " FROM memory_terms TABLESAMPLE SYSTEM (?::real) REPEATABLE (0)",
            (*terms, percent),
        ).fetchone()
        scale = total / max(looked_at, 1)
        return {term: max(_COUNTED, int(count * scale)) for term, count in zip(terms, found)}

    def _has_old(self) -> Any:
        return False
