"""The vectors of a store in memory, kept up to date with it."""

from __future__ import annotations

import itertools
from typing import NamedTuple, Optional, Sequence

import numpy as np

from ..._base.locks import FrameLock
from ..errors import busy
from ..memory_search import MemoryFilter, MemoryVectors, Space, VectorRow
from .vector_space import TOKEN, unpack
from .vector_table import VectorTable

_ROWS_AT_ONCE = 5_000
_MOST_ROOM = 250_000
_FOREIGN_AT_ONCE = 2_000
_SOON_READ = 5_000
"""If the store holds no more memories, all vectors are read at the first search, also one among few of them."""


class _Cache(NamedTuple):
    """The vectors in memory, and up to where they follow the store."""

    table: VectorTable
    token: str
    last_seq: int
    last_change: int
    foreign: tuple[int, ...]
    """Memories whose stored vectors belong to another space."""


class CachedVectors:
    """A `VectorIndex` that keeps all vectors in memory. Threads may use it at the same time.

    Cosines of a few memories of a large store are computed from the store. At the first other call all vectors are
    read; at each later one they are brought up to date: the store says what this and other processes added, changed and
    removed. A million vectors of 384 numbers take 1.5 gigabytes, and a search among them 60 milliseconds.

    Args:
        vectors: What the store offers.
    """

    def __init__(self, vectors: MemoryVectors) -> None:
        self._store = vectors
        self._cache: Optional[_Cache] = None
        self._lock = FrameLock()
        """Held while the vectors in memory are brought up to date, within a read of the store."""

    def nearest(
        self, space: Space, vector: Sequence[float], memory_filter: MemoryFilter, limit: int
    ) -> list[tuple[int, float]]:
        """Return number and cosine of the memories with the highest cosines."""
        return self._refreshed(space).nearest(np.asarray(vector, np.float32), memory_filter, limit)

    def cosines_of(self, space: Space, vector: Sequence[float], seqs: Sequence[int]) -> dict[int, float]:
        """Return the cosines of these memories by number."""
        query = np.asarray(vector, np.float32)
        if self._cache is not None or self._store.newest() <= _SOON_READ:
            return self._refreshed(space).cosines_of(query, seqs)
        rows = _own(space, self._store.vectors_of(seqs), set())
        # A plain product would wake the threads of the BLAS.
        cosines = np.einsum("ij,j->i", unpack(space, [row.vector for row in rows]), query)
        return dict(zip([row.seq for row in rows], cosines.tolist()))

    def found_foreign(self, limit: int) -> Sequence[int]:
        """Return at most `limit` memories whose vectors were found to belong to another space."""
        cache = self._cache
        return () if cache is None else cache.foreign[:limit]

    def _refreshed(self, space: Space) -> VectorTable:
        """Bring the vectors in memory up to date with the store, as the read that goes on sees it."""
        with self._lock.held():
            # If an exception is raised meanwhile, the next search starts from nothing, never from a part.
            cache, self._cache = self._cache, None
            cache = self._followed(space, cache)
            self._cache = cache
        return cache.table

    def _followed(self, space: Space, cache: Optional[_Cache]) -> _Cache:
        if self._store.get_meta(TOKEN) != space.token:
            raise busy("The store was opened with another embedder at this moment: try again.")
        change = self._store.last_change()
        changed = None
        if cache is not None and cache.token == space.token:
            if change < cache.last_change:
                # Another search has seen a later state of the store than this one.
                return cache
            changed = self._store.changes_after(cache.last_change)
        if cache is None or changed is None:
            table = VectorTable(space.dimensions, min(self._store.newest(), _MOST_ROOM))
            last_seq, foreign = 0, set[int]()
        else:
            table, last_seq, foreign = cache.table, cache.last_seq, set(cache.foreign)
            # What has a higher number has not been read at all yet, and comes below.
            known = [seq for seq in changed if seq <= last_seq]
            if known:
                foreign.difference_update(known)
                rows = _own(space, self._store.vectors_of(known), foreign)
                table = table.replaced(known, rows, unpack(space, [row.vector for row in rows]))
            if foreign:
                some = sorted(foreign)[:_FOREIGN_AT_ONCE]
                foreign -= set(some) - {row.seq for row in self._store.vectors_of(some)}
        added = self._store.vectors_after(last_seq)
        for chunk in iter(lambda: list(itertools.islice(added, _ROWS_AT_ONCE)), []):
            rows = _own(space, chunk, foreign)
            table = table.appended(rows, unpack(space, [row.vector for row in rows]))
            last_seq = chunk[-1].seq
        return _Cache(table, space.token, last_seq, change, tuple(sorted(foreign)))


def _own(space: Space, rows: Sequence[VectorRow], foreign: set[int]) -> list[VectorRow]:
    """Return the rows whose vectors belong to the space, and add the others to `foreign`."""
    own = [row for row in rows if space.owns(row.vector)]
    if len(own) < len(rows):
        foreign.update({row.seq for row in rows}.difference(row.seq for row in own))
    return own
