"""Vectors in memory, one row a memory, with columns to filter by."""

from __future__ import annotations

import functools
import itertools
import json
from typing import Any, Generic, Hashable, Iterable, Optional, Sequence, TypeVar, Union

import numpy as np
from numpy.typing import NDArray

from .memory_search import MemoryFilter, VectorRow

T = TypeVar("T", bound=Hashable)
Rows = NDArray[np.intp]
Vectors = NDArray[np.float32]
Places = Union[Rows, slice]

_COPIED_AT_ONCE = 512
"""Rows that are copied out of the others to be multiplied: so few that they stay in the processor's cache."""


class VectorTable:
    """Unit vectors in ascending order of their memories' numbers.

    The arrays grow by doubling, so that a memory costs the same however many there are. A removed row stays in place,
    marked as dead, until it is used again or half of the rows are dead.
    """

    def __init__(self, dimensions: int) -> None:
        self._count = 0
        self._vectors: Vectors = np.empty((0, dimensions), np.float32)
        self._seqs = np.empty(0, np.int64)
        self._alive = np.empty(0, np.bool_)
        self._sessions: _Column[int] = _Column()
        self._users: _Column[Optional[str]] = _Column()
        self._types: _Column[str] = _Column()
        self._tags: _Column[Optional[str]] = _Column()
        self._columns = (self._sessions, self._users, self._types, self._tags)
        self._tag_codes: dict[str, list[int]] = {}
        self._dead = 0

    def append(self, rows: Sequence[VectorRow], vectors: Vectors) -> None:
        """Add rows whose numbers are above all that are here, in ascending order."""
        self._put(self._extend([row.seq for row in rows]), rows, vectors)

    def replace(self, seqs: Sequence[int], rows: Sequence[VectorRow], vectors: Vectors) -> None:
        """Put `rows`, in ascending order, in place of all that is here of the memories `seqs`."""
        self._kill(np.array(sorted(seqs), np.int64))
        if not rows:
            return
        numbers = np.array([row.seq for row in rows], np.int64)
        places = np.searchsorted(self._seqs[: self._count], numbers)
        if not self._holds(places, numbers).all():
            self._extend(np.setdiff1d(numbers, self._seqs[: self._count]))
            self._arrange(np.argsort(self._seqs[: self._count]))
            places = np.searchsorted(self._seqs[: self._count], numbers)
        self._put(places, rows, vectors)

    def nearest(self, query: Vectors, memory_filter: MemoryFilter, limit: int) -> list[tuple[int, float]]:
        """Return number and cosine of the memories whose vectors have the highest cosines with `query`, exactly.

        At most `limit`, in no order; of those that tie for the last places, the newest.
        """
        passing = self._passing(memory_filter)
        vectors, seqs = self._vectors[: self._count], self._seqs[: self._count]
        if passing is None:
            cosines = _products(vectors, query)
        else:
            chosen = np.flatnonzero(passing)
            cosines, seqs = _products_of(vectors, chosen, query), seqs[chosen]
        best = _highest(cosines, limit)
        return list(zip(seqs[best].tolist(), cosines[best].tolist()))

    def _passing(self, memory_filter: MemoryFilter) -> Optional[NDArray[np.bool_]]:
        """Say of each row whether it passes the filter; None if all do."""
        masks: list[NDArray[np.bool_]] = []
        if self._dead:
            masks.append(self._alive[: self._count])
        if memory_filter.session_seq is not None:
            masks.append(self._sessions.among([memory_filter.session_seq], self._count))
        if memory_filter.user_id is not None:
            masks.append(self._users.among([memory_filter.user_id], self._count))
        if memory_filter.types:
            masks.append(self._types.among(memory_filter.types, self._count))
        if memory_filter.tags:
            codes = {code for tag in memory_filter.tags for code in self._tag_codes.get(tag, ())}
            masks.append(self._tags.coded(codes, self._count))
        if not masks:
            return None
        passing = functools.reduce(np.logical_and, masks)
        return None if passing.all() else passing

    def _kill(self, numbers: NDArray[np.int64]) -> None:
        places = np.searchsorted(self._seqs[: self._count], numbers)
        places = places[self._holds(places, numbers)]
        self._dead += int(self._alive[places].sum())
        self._alive[places] = False
        if self._dead * 2 > self._count:
            self._arrange(np.flatnonzero(self._alive[: self._count]))
            self._dead = 0

    def _holds(self, places: Rows, numbers: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Say of each of the numbers whether it stands at its place."""
        there = places < self._count
        there[there] = self._seqs[places[there]] == numbers[there]
        return there

    def _extend(self, seqs: Union[Sequence[int], NDArray[np.int64]]) -> slice:
        """Add dead rows for these numbers at the end and return their places."""
        start, end = self._count, self._count + len(seqs)
        self._vectors = _grown(self._vectors, end)
        self._seqs = _grown(self._seqs, end)
        self._alive = _grown(self._alive, end)
        for column in self._columns:
            column.reserve(end)
        self._seqs[start:end] = seqs
        self._alive[start:end] = False
        self._count = end
        self._dead += end - start
        return slice(start, end)

    def _put(self, places: Places, rows: Sequence[VectorRow], vectors: Vectors) -> None:
        """Fill dead rows."""
        self._vectors[places] = vectors
        self._alive[places] = True
        self._dead -= len(rows)
        self._sessions.put(places, [row.session_seq for row in rows])
        self._users.put(places, [row.user_id for row in rows])
        self._types.put(places, [row.type for row in rows])
        for text, code in self._tags.put(places, [row.tags for row in rows]):
            for tag in set(json.loads(text)) if text is not None else ():
                self._tag_codes.setdefault(tag, []).append(code)

    def _arrange(self, order: Rows) -> None:
        """Keep the rows of `order`, in that order."""
        self._vectors = self._vectors[order]
        self._seqs = self._seqs[order]
        self._alive = self._alive[order]
        for column in self._columns:
            column.arrange(order)
        self._count = len(order)


class _Column(Generic[T]):
    """A value a row, as the code of that value."""

    def __init__(self) -> None:
        self._codes: dict[T, int] = {}
        self._rows = np.empty(0, np.int32)

    def put(self, places: Places, values: Sequence[T]) -> list[tuple[T, int]]:
        """Set the values of rows and return those that are new to the column, with their codes."""
        known = len(self._codes)
        self._rows[places] = [self._codes.setdefault(value, len(self._codes)) for value in values]
        # A dictionary starts over from its beginning to skip to its end.
        return list(itertools.islice(self._codes.items(), known, None)) if len(self._codes) > known else []

    def reserve(self, count: int) -> None:
        """Make room for `count` rows."""
        self._rows = _grown(self._rows, count)

    def arrange(self, order: Rows) -> None:
        """Keep the rows of `order`, in that order."""
        self._rows = self._rows[order]

    def among(self, values: Iterable[T], count: int) -> NDArray[np.bool_]:
        """Say of each of the first rows whether its value is one of these."""
        return self.coded({self._codes[value] for value in values if value in self._codes}, count)

    def coded(self, codes: set[int], count: int) -> NDArray[np.bool_]:
        """Say of each of the first rows whether its code is one of these."""
        if len(codes) == 1:
            return np.equal(self._rows[:count], next(iter(codes)))
        wanted = np.zeros(len(self._codes) + 1, np.bool_)
        wanted[list(codes)] = True
        return wanted[self._rows[:count]]


def _products(vectors: Vectors, query: Vectors) -> Vectors:
    # A plain product would wake the threads of the BLAS, which costs more than it saves at these sizes.
    products: Vectors = np.einsum("ij,j->i", vectors, query)
    return products


def _products_of(vectors: Vectors, chosen: Rows, query: Vectors) -> Vectors:
    """Multiply only the chosen rows, or all where that is faster."""
    if len(chosen) * 2 > len(vectors):
        return _products(vectors, query)[chosen]
    products = np.empty(len(chosen), np.float32)
    copied = np.empty((_COPIED_AT_ONCE, vectors.shape[1]), np.float32)
    for start in range(0, len(chosen), _COPIED_AT_ONCE):
        part = chosen[start : start + _COPIED_AT_ONCE]
        products[start : start + len(part)] = _products(vectors.take(part, 0, copied[: len(part)], "clip"), query)
    return products


def _highest(values: Vectors, limit: int) -> Rows:
    """Return where the highest values are; of equal ones, the last."""
    if len(values) <= limit:
        return np.arange(len(values))
    least = np.partition(values, -limit)[-limit]
    above = np.flatnonzero(values > least)
    return np.concatenate([above, np.flatnonzero(values == least)[len(above) - limit :]])


def _grown(array: NDArray[Any], count: int) -> NDArray[Any]:
    """Return the array, or a larger copy if it has no room for `count` rows."""
    if count <= len(array):
        return array
    larger = np.empty((max(count, 2 * len(array), 64), *array.shape[1:]), array.dtype)
    larger[: len(array)] = array
    return larger
