"""The vectors of a store in memory, kept up to date with it."""

from __future__ import annotations

import time
from typing import NamedTuple, Optional, Sequence

import numpy as np
from numpy.typing import NDArray

from ..._base.locks import FrameLock, calling_frame
from ..errors import busy
from ..memory_search import MemoryFilter, Space, VectorRow, VectorRows
from .vector_space import TOKEN, Vectors, unit, unpack
from .vector_table import Seqs, VectorTable, best_parts, highest, products

_MOST_BYTES = 2 << 30
"""Maximum size of the vectors in memory: 1.4 million of 384 numbers."""
_SMALL = 5_000
"""If the store holds no more memories, its vectors are read into memory at the first search."""
_FEW = 1_000
"""The vectors of so many memories are read from the store if they are not in memory yet."""
_LISTED = 20_000
"""If no more memories pass a filter, only their vectors are compared."""
_FIRST_TRIED, _MORE_TRIED = 4, 8
"""A filter that many memories pass is applied to 4 times as many of the nearest as are wanted, then to 8 times more."""
_FOREIGN_AT_ONCE = 2_000


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

    Few memories of a large store are compared without it: their vectors are read from the store. The first search that
    needs more reads all vectors, 200,000 of 384 numbers in half a second. Later searches bring them up to date: the
    store says what this and other processes added, changed and removed. Meanwhile other threads read, write, and
    search among few memories; those that need all vectors wait.

    The vectors take at most 2 GiB. A store with more of them is read in pieces by each search, which keeps none.

    Args:
        vectors: What the store offers.
    """

    def __init__(self, vectors: VectorRows) -> None:
        self._store = vectors
        self._cache: Optional[_Cache] = None
        self._is_too_large = False
        self._lock = FrameLock()
        """Held while the vectors in memory are brought up to date, within a read of the store."""

    @property
    def size(self) -> int:
        """The number of vectors in memory."""
        cache = self._cache
        return 0 if cache is None else len(cache.table)

    def prepare(self, space: Space) -> None:
        """Do nothing: the first search reads the vectors."""

    def nearest(
        self, space: Space, vector: Sequence[float], memory_filter: MemoryFilter, limit: int
    ) -> list[tuple[int, float]]:
        """Return number and cosine of the memories with the highest cosines."""
        query = np.asarray(vector, np.float32)
        if not memory_filter.is_wide:
            passing = self._store.passing(memory_filter, _LISTED + 1)
            if len(passing) <= _LISTED:
                return _best(*self._cosines_of(space, query, passing), limit)
        seqs, cosines = self._all_cosines(space, query)
        if memory_filter.is_open:
            return _best(seqs, cosines, limit)
        tried = _FIRST_TRIED * limit
        while tried <= _LISTED:
            places = highest(cosines, seqs, tried)
            passing = self._store.passing_of(seqs[places].tolist(), memory_filter)
            if len(passing) >= limit or len(places) == len(seqs):
                places = places[np.isin(seqs[places], passing)]
                return _best(seqs[places], cosines[places], limit)
            tried *= _MORE_TRIED
        places = np.flatnonzero(np.isin(seqs, self._store.passing(memory_filter, -1)))
        return _best(seqs[places], cosines[places], limit)

    def cosines_of(self, space: Space, vector: Sequence[float], seqs: Sequence[int]) -> dict[int, float]:
        """Return the cosines of these memories by number."""
        found, cosines = self._cosines_of(space, np.asarray(vector, np.float32), seqs)
        return dict(zip(found.tolist(), cosines.tolist()))

    def parts_of(self, space: Space, seqs: Sequence[int]) -> dict[int, int]:
        """Return the number of vectors of each of these memories that has several."""
        counts = ((seq, space.count_of(vector)) for seq, vector in self._store.vectors_of(seqs))
        return {seq: count for seq, count in counts if count > 1}

    def found_foreign(self, limit: int) -> Sequence[int]:
        """Return at most `limit` memories whose vectors were found to belong to another space."""
        cache = self._cache
        return () if cache is None else cache.foreign[:limit]

    def _cosines_of(self, space: Space, query: Vectors, seqs: Sequence[int]) -> tuple[Seqs, Vectors]:
        table = None
        if len(seqs) > _FEW:
            table = self._refreshed(space)
        elif self._cache is not None or self._store.newest() <= _SMALL:
            # If another thread is reading vectors, these few are not worth the wait.
            table = self._refreshed(space, time.monotonic())
        if table is not None:
            return best_parts(*table.cosines_of(query, seqs))
        found, vectors = _own(space, self._store.vectors_of(seqs), set())
        return best_parts(np.array(found, np.int64), products(unit(vectors), query))

    def _all_cosines(self, space: Space, query: Vectors) -> tuple[Seqs, Vectors]:
        """Return the numbers of all memories with a vector, in no order, and their cosines."""
        table = self._refreshed(space)
        if table is not None:
            return best_parts(*table.cosines(query))
        seqs: list[int] = []
        cosines = [np.empty(0, np.float32)]
        for rows in self._store.vectors_after(0):
            found, vectors = _own(space, rows, set())
            seqs += found
            cosines.append(products(unit(vectors), query))
        return best_parts(np.array(seqs, np.int64), np.concatenate(cosines))

    def _refreshed(self, space: Space, deadline: Optional[float] = None) -> Optional[VectorTable]:
        """Bring the vectors in memory up to date with the store, as the read that goes on sees it.

        Returns:
            The vectors; None if there are too many, or another thread was reading them up to the deadline.
        """
        owner = None if self._is_too_large else self._lock.acquire(calling_frame(), deadline)
        if owner is None:
            return None
        try:
            # If an exception is raised meanwhile, the next search starts from nothing, never from a part.
            cache, self._cache = self._cache, None
            self._cache = self._followed(space, cache)
            return None if self._cache is None else self._cache.table
        finally:
            self._lock.release(owner)

    def _followed(self, space: Space, cache: Optional[_Cache]) -> Optional[_Cache]:
        if self._store.get_meta(TOKEN) != space.token:
            raise busy("The store was opened with another embedder at this moment: try again.")
        most = _MOST_BYTES // (4 * space.dimensions)
        change = self._store.last_change()
        changed = None
        if cache is not None and cache.token == space.token:
            if change < cache.last_change:
                # Another search has seen a later state of the store than this one.
                return cache
            changed = self._store.changes_after(cache.last_change)
        if cache is None or changed is None:
            table = VectorTable(space.dimensions, min(self._store.newest(), most))
            last_seq, foreign = 0, set[int]()
        else:
            table, last_seq, foreign = cache.table, cache.last_seq, set(cache.foreign)
            # Memories with higher numbers have not been read at all yet, and are read below.
            known = [seq for seq in changed if seq <= last_seq]
            if known:
                foreign.difference_update(known)
                table = table.replaced(known, *_own(space, self._store.vectors_of(known), foreign))
            if foreign:
                some = sorted(foreign)[:_FOREIGN_AT_ONCE]
                foreign -= set(some) - {row[0] for row in self._store.vectors_of(some)}
        for rows in self._store.vectors_after(last_seq):
            table = table.appended(*_own(space, rows, foreign))
            last_seq = rows[-1][0]
            if len(table) > most:
                self._is_too_large = True
                return None
        return _Cache(table, space.token, last_seq, change, tuple(sorted(foreign)))


def _own(space: Space, rows: Sequence[VectorRow], foreign: set[int]) -> tuple[list[int], NDArray[np.float16]]:
    """Return numbers and vectors of the rows that belong to the space; add the numbers of the others to `foreign`.

    Vectors of zeros, which belong to texts without meaning, are left out.
    """
    if not space.owns_all([row[1] for row in rows]):
        foreign.update(row[0] for row in rows if not space.owns_all([row[1]]))
        rows = [row for row in rows if space.owns_all([row[1]])]
    vectors = unpack(space, [row[1] for row in rows])
    blank = [int(place) for place in np.flatnonzero(vectors[:, 0] == 0) if not vectors[place].any()]
    counts = [space.count_of(row[1]) for row in rows]
    seqs = np.delete(np.repeat(np.array([row[0] for row in rows], np.int64), counts), blank)
    return seqs.tolist(), np.delete(vectors, blank, axis=0) if blank else vectors


def _best(seqs: Seqs, cosines: Vectors, limit: int) -> list[tuple[int, float]]:
    places = highest(cosines, seqs, limit)
    return list(zip(seqs[places].tolist(), cosines[places].tolist()))
