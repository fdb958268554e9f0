"""Search by meaning: exact cosines of the query with every memory that passes the filter."""

from __future__ import annotations

import itertools
import time
from typing import Any, NamedTuple, Optional

from ..._base.locks import FrameLock, calling_frame
from ..errors import busy
from ..memory_search import Match, MemoryFilter, MemoryVectors, VectorRow
from .embedder import Embedder
from .keywords import KeywordSearch
from .vector_space import TOKEN, Settled, Vectors, VectorSpace
from .vector_table import VectorTable

_TEXTS_AT_ONCE = 64
_TEXTS_PER_SEARCH = 128
"""A search embeds at most so many memories that have no vector yet."""
_FOREIGN_PER_SEARCH = 2_000
"""A search drops at most so many vectors of another embedder."""
_WORD_MATCHES = 1_000
_ROWS_AT_ONCE = 5_000


class Query(NamedTuple):
    """A query as a vector, and the vectors to compare it with."""

    vector: Vectors
    space: Settled
    table: VectorTable
    words: Optional[list[str]]
    """The words of the query, where there are memories without a vector; else None."""


class _Cache(NamedTuple):
    """The vectors in memory, and up to where they follow the store."""

    table: VectorTable
    token: str
    last_seq: int
    last_change: int
    foreign: tuple[int, ...]
    """Memories whose stored vectors are of another space."""


class SearchIndex:
    """Finds memories by the vectors of their texts. Threads may search at the same time.

    The vectors are kept in memory as well, and brought up to date at the start of each search: the store says what this
    and other processes added, changed and removed. A million vectors of 384 numbers take 1.5 gigabytes, and a search
    among them 60 milliseconds.

    Memories without a vector, as an engine without embedder stores them, or with one of another embedder, get theirs
    from searches, each of which embeds a few, the oldest first. Until it is their turn they are found by their words.

    Args:
        embedder: Turns texts into vectors.
        vectors: What the store offers.
        keywords: Finds memories by their words.
    """

    def __init__(self, embedder: Embedder, vectors: MemoryVectors, keywords: KeywordSearch) -> None:
        self.embedder_id: Optional[str] = embedder.id
        self._store = vectors
        self._keywords = keywords
        self._space = VectorSpace(embedder, vectors)
        self._cache: Optional[_Cache] = None
        self._lock = FrameLock()
        """Held while the vectors in memory are brought up to date; the store is read within it, never written."""

    def encode_document(self, content: str) -> Optional[bytes]:
        """Return the vector of a memory's text as it is to be stored.

        Raises:
            EngineError: 500, if the embedder returns no vectors; 409, if another one has taken over the store.
        """
        space = self._space.settle()
        return space.pack(self._space.embed([content], "document"))[0]

    def encode_query(self, query: str) -> Query:
        """Return the query's vector and the vectors to compare it with, after a few memories have got theirs.

        Raises:
            EngineError: 500, if the embedder returns no vectors; 409, if another one has taken over the store; 503, if
                that happens at this moment.
        """
        space = self._space.settle()
        cache = self._refreshed(space)
        if cache.foreign:
            self._store.drop_vectors(cache.foreign[:_FOREIGN_PER_SEARCH], space.mark)
        complete = self._embed_pending(space)
        if cache.foreign or not complete:
            cache = self._refreshed(space)
        words = None
        if cache.foreign or self._store.pending(1):
            words = self._keywords.encode_query(query)
        return Query(self._space.embed([query], "query")[0], space, cache.table, words)

    def search(self, query: Any, memory_filter: MemoryFilter, *, limit: int, threshold: Optional[float]) -> list[Match]:
        """Return the best matches, best first, of equal score the newest first.

        Args:
            query: What `encode_query` returned.
            memory_filter: Which memories may be returned.
            limit: How many matches at most.
            threshold: Only matches whose score is at least this; None for no threshold.
        """
        vector, space, table, words = query
        score = space.calibration.score
        matches = [Match(seq, score(cosine)) for seq, cosine in table.nearest(vector, memory_filter, limit)]
        if words is not None:
            by_words = self._keywords.search(words, memory_filter, limit=_WORD_MATCHES, threshold=None)
            held = table.held(match.seq for match in by_words)
            matches += [match for match in by_words if match.seq not in held]
        matches.sort(key=lambda match: (-match.score, -match.seq))
        return [match for match in matches[:limit] if threshold is None or match.score >= threshold]

    def _embed_pending(self, space: Settled) -> bool:
        """Embed a few memories that have no vector; return whether there was none."""
        if not self._store.pending(1):
            return True
        lock = self._space.lock
        # Where another search is at it, this one does not wait.
        owner = lock.acquire(calling_frame(), time.monotonic())
        if owner is None:
            return False
        try:
            for _ in range(0, _TEXTS_PER_SEARCH, _TEXTS_AT_ONCE):
                pending = self._store.pending(_TEXTS_AT_ONCE)
                if not pending:
                    break
                packed = space.pack(self._space.embed([memory.content for memory in pending], "document"))
                self._store.put_vectors(
                    [(memory.seq, memory.version, vector) for memory, vector in zip(pending, packed)]
                )
        finally:
            lock.release(owner)
        return False

    def _refreshed(self, space: Settled) -> _Cache:
        """Bring the vectors in memory up to date with the store."""
        with self._lock.held():
            # Whatever strikes meanwhile: the next search starts from nothing, never from a part.
            cache, self._cache = self._cache, None
            cache = self._followed(space, cache)
            self._cache = cache
        return cache

    def _followed(self, space: Settled, cache: Optional[_Cache]) -> _Cache:
        if self._store.get_meta(TOKEN) != space.token:
            raise busy("The store was opened with another embedder at this moment: try again.")
        change = self._store.last_change()
        changed = None
        if cache is not None and cache.token == space.token:
            changed = self._store.changes_after(cache.last_change)
        if cache is None or changed is None:
            table, last_seq, foreign = VectorTable(space.dimensions), 0, set[int]()
        else:
            table, last_seq, foreign = cache.table, cache.last_seq, set(cache.foreign)
            # What has a higher number has not been read at all yet, and comes below.
            known = [seq for seq in changed if seq <= last_seq]
            if known:
                foreign.difference_update(known)
                rows = _own(space, self._store.vectors_of(known), foreign)
                table = table.replaced(known, rows, space.unpack([row.vector for row in rows]))
            if foreign:
                there = {row.seq for row in self._store.vectors_of(sorted(foreign)[:_FOREIGN_PER_SEARCH])}
                foreign -= {seq for seq in sorted(foreign)[:_FOREIGN_PER_SEARCH] if seq not in there}
        added = self._store.vectors_after(last_seq)
        for chunk in iter(lambda: list(itertools.islice(added, _ROWS_AT_ONCE)), []):
            rows = _own(space, chunk, foreign)
            table = table.appended(rows, space.unpack([row.vector for row in rows]))
            last_seq = chunk[-1].seq
        return _Cache(table, space.token, last_seq, change, tuple(sorted(foreign)))


def _own(space: Settled, rows: list[VectorRow], foreign: set[int]) -> list[VectorRow]:
    """Return the rows whose vectors are of the space, and add the others to `foreign`."""
    foreign.update(row.seq for row in rows if not space.owns(row.vector))
    return [row for row in rows if space.owns(row.vector)]
