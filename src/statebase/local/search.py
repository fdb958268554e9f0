"""Search by meaning: exact cosines of the query with every memory that passes the filter."""

from __future__ import annotations

import itertools
from typing import Any, NamedTuple, Optional

from .embedding import Embedder
from .errors import busy
from .memory_search import Match, MemoryFilter, MemoryVectors, VectorRow
from .vector_space import TOKEN, Settled, Vectors, VectorSpace
from .vector_table import VectorTable

_TEXTS_AT_ONCE = 64
_ROWS_AT_ONCE = 5_000


class Query(NamedTuple):
    """A query as a vector."""

    vector: Vectors
    space: Settled


class SearchIndex:
    """Finds memories by the vectors of their texts.

    The vectors are kept in memory as well, and brought up to date at the start of each search: the store says what this
    and other processes added, changed and removed. A million vectors of 384 numbers take 1.5 gigabytes, and a search
    among them 60 milliseconds.
    """

    def __init__(self, embedder: Embedder, vectors: MemoryVectors) -> None:
        self.embedder_id: Optional[str] = embedder.id
        self._store = vectors
        self._space = VectorSpace(embedder, vectors)
        self._table = VectorTable(0)
        self._token = ""
        self._last_seq = 0
        self._last_change = 0
        self._found_foreign = False

    def encode_document(self, content: str) -> Optional[bytes]:
        """Return the vector of a memory's text as it is to be stored.

        Raises:
            EngineError: 500, if the embedder fails; 409, if another one has taken over the store.
        """
        space = self._space.settle()
        return space.pack(self._space.embed([content], "document"))[0]

    def encode_query(self, query: str) -> Query:
        """Return the query's vector, after all memories have got theirs.

        Raises:
            EngineError: 500, if the embedder fails; 409, if another one has taken over the store.
        """
        space = self._space.settle()
        if self._found_foreign:
            # Another embedder, or this one before the store was taken over, was still writing: make all vectors anew.
            self._found_foreign = False
            self._store.clear_vectors()
        self._embed_pending(space)
        return Query(self._space.embed([query], "query")[0], space)

    def search(self, query: Any, memory_filter: MemoryFilter, *, limit: int, threshold: Optional[float]) -> list[Match]:
        """Return the best matches, best first, of equal score the newest first.

        Args:
            query: What `encode_query` returned.
            memory_filter: Which memories may be returned.
            limit: How many matches at most.
            threshold: Only matches whose score is at least this; None for no threshold.
        """
        vector, space = query
        self._refresh(space)
        score = space.calibration.score
        matches = [Match(seq, score(cosine)) for seq, cosine in self._table.nearest(vector, memory_filter, limit)]
        matches.sort(key=lambda match: (-match.score, -match.seq))
        return [match for match in matches[:limit] if threshold is None or match.score >= threshold]

    def _embed_pending(self, space: Settled) -> None:
        if not self._store.pending(1):
            return
        with self._space.lock:
            while True:
                pending = self._store.pending(_TEXTS_AT_ONCE)
                if not pending:
                    return
                packed = space.pack(self._space.embed([memory.content for memory in pending], "document"))
                self._store.put_vectors(
                    [(memory.seq, memory.version, vector) for memory, vector in zip(pending, packed)]
                )

    def _refresh(self, space: Settled) -> None:
        if self._store.get_meta(TOKEN) != space.token:
            raise busy("The store was opened with another embedder at this moment: try again.")
        change = self._store.last_change()
        changed = None if self._token != space.token else self._store.changes_after(self._last_change)
        if changed is None:
            self._table = VectorTable(space.dimensions)
            self._token = space.token
            self._last_seq = 0
        elif changed:
            # What has a higher number has not been read at all yet, and comes below.
            known = [seq for seq in changed if seq <= self._last_seq]
            rows = self._own(space, self._store.vectors_of(known))
            self._table.replace(known, rows, space.unpack([row.vector for row in rows]))
        added = self._store.vectors_after(self._last_seq)
        for chunk in iter(lambda: list(itertools.islice(added, _ROWS_AT_ONCE)), []):
            rows = self._own(space, chunk)
            self._table.append(rows, space.unpack([row.vector for row in rows]))
            self._last_seq = chunk[-1].seq
        self._last_change = change

    def _own(self, space: Settled, rows: list[VectorRow]) -> list[VectorRow]:
        own = [row for row in rows if space.owns(row.vector)]
        if len(own) < len(rows):
            self._found_foreign = True
        return own
