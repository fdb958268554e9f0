"""Vectors in memory, one row a memory, with columns to filter by."""

from __future__ import annotations

import copy
import functools
import itertools
import json
from typing import Any, Generic, Hashable, Iterable, Optional, Sequence, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..memory_search import MemoryFilter, VectorRow

T = TypeVar("T", bound=Hashable)
Rows = NDArray[np.intp]
Vectors = NDArray[np.float32]

_COPIED_AT_ONCE = 512
"""Rows that are copied out of the others to be multiplied: so few that they stay in the processor's cache."""


class VectorTable:
    """Unit vectors with the numbers of their memories.

    A table does not change: `appended` and `replaced` return another one, so that threads may search in one while
    another is made. The two share their arrays, in which what is new stands behind the rows of the old one; of one
    table, at most one other may be made. The arrays grow by doubling, so that a memory costs the same however many
    there are. A removed row stays in place, marked as dead, until half of the rows are dead.
    """

    def __init__(self, dimensions: int, room: int = 0) -> None:
        """Make an empty table.

        Args:
            dimensions: How long each vector is.
            room: How many rows the table takes before its arrays grow.
        """
        self._count = 0
        self._vectors: Vectors = np.empty((room, dimensions), np.float32)
        self._seqs = np.empty(0, np.int64)
        self._alive = np.empty(0, np.bool_)
        self._sessions: _Column[int] = _Column()
        self._users: _Column[Optional[str]] = _Column()
        self._types: _Column[str] = _Column()
        self._tags: _Column[Optional[str]] = _Column()
        self._tag_codes: dict[str, list[int]] = {}
        self._dead = 0
        self._row_of: dict[int, int] = {}
        """The newest row of each memory, of all tables that share the arrays."""

    def appended(self, rows: Sequence[VectorRow], vectors: Vectors) -> VectorTable:
        """Return the table with rows of memories that it does not hold."""
        if not rows:
            return self
        table = copy.copy(self)
        start, end = self._count, self._count + len(rows)
        table._count = end
        table._vectors = _with(self._vectors, start, vectors)
        table._seqs = _with(self._seqs, start, np.array([row.seq for row in rows], np.int64))
        table._alive = _with(self._alive, start, np.ones(len(rows), np.bool_))
        self._row_of.update(zip([row.seq for row in rows], range(start, end)))
        table._sessions, _ = self._sessions.appended(start, [row.session_seq for row in rows])
        table._users, _ = self._users.appended(start, [row.user_id for row in rows])
        table._types, _ = self._types.appended(start, [row.type for row in rows])
        table._tags, new = self._tags.appended(start, [row.tags for row in rows])
        for text, code in new:
            for tag in set(json.loads(text)) if text is not None else ():
                self._tag_codes.setdefault(tag, []).append(code)
        return table

    def replaced(self, seqs: Sequence[int], rows: Sequence[VectorRow], vectors: Vectors) -> VectorTable:
        """Return the table with `rows` in place of all that it holds of the memories `seqs`."""
        places = self._places(seqs)
        table = self
        if len(places):
            table = copy.copy(self)
            alive: NDArray[np.bool_] = np.array(self._alive)
            alive[places] = False
            table._alive = alive
            table._dead += len(places)
            if table._dead * 2 > table._count:
                table = table._arranged(np.flatnonzero(alive[: table._count]))
        return table.appended(rows, vectors)

    def cosines_of(self, query: Vectors, seqs: Sequence[int]) -> dict[int, float]:
        """Return the cosines of memories with `query`, by number; without those that the table does not hold."""
        found: list[tuple[int, int]] = []
        for seq in seqs:
            row = self._row_of.get(seq, self._count)
            if row < self._count and self._alive[row]:
                found.append((seq, row))
        rows = np.array([row for _, row in found], np.intp)
        return dict(zip([seq for seq, _ in found], _products(self._vectors[rows], query).tolist()))

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
        best = _highest(cosines, seqs, limit)
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
        if memory_filter.removed:
            masks.append(~self._sessions.among(memory_filter.removed, self._count))
        if not masks:
            return None
        passing = functools.reduce(np.logical_and, masks)
        return None if passing.all() else passing

    def _places(self, seqs: Iterable[int]) -> Rows:
        """Return the rows of these memories that are not dead."""
        rows = np.array([self._row_of[seq] for seq in set(seqs) if seq in self._row_of], np.intp)
        return rows[self._alive[rows]]

    def _arranged(self, order: Rows) -> VectorTable:
        """Return a table of its own with the rows of `order`, none of which is dead."""
        table = copy.copy(self)
        table._count = len(order)
        table._dead = 0
        table._vectors = self._vectors[order]
        table._seqs = self._seqs[order]
        table._alive = self._alive[order]
        table._row_of = dict(zip(table._seqs.tolist(), range(len(order))))
        table._sessions = self._sessions.arranged(order)
        table._users = self._users.arranged(order)
        table._types = self._types.arranged(order)
        table._tags = self._tags.arranged(order)
        return table


class _Column(Generic[T]):
    """A value a row, as the code of that value."""

    def __init__(self, codes: Optional[dict[T, int]] = None, rows: Optional[NDArray[np.int32]] = None) -> None:
        self._codes: dict[T, int] = {} if codes is None else codes
        self._rows = np.empty(0, np.int32) if rows is None else rows

    def appended(self, start: int, values: Sequence[T]) -> tuple[_Column[T], list[tuple[T, int]]]:
        """Return the column with more rows, and the values that are new to it, with their codes."""
        known = len(self._codes)
        codes = np.array([self._codes.setdefault(value, len(self._codes)) for value in values], np.int32)
        # A dictionary starts over from its beginning to skip to its end.
        new = list(itertools.islice(self._codes.items(), known, None)) if len(self._codes) > known else []
        return _Column(self._codes, _with(self._rows, start, codes)), new

    def arranged(self, order: Rows) -> _Column[T]:
        """Return a column with the rows of `order`, in that order."""
        return _Column(self._codes, self._rows[order])

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


def _highest(values: Vectors, seqs: NDArray[np.int64], limit: int) -> Rows:
    """Return where the highest values are; of equal ones, those of the newest memories."""
    if len(values) <= limit:
        return np.arange(len(values))
    least = np.partition(values, -limit)[-limit]
    above = np.flatnonzero(values > least)
    equal = np.flatnonzero(values == least)
    return np.concatenate([above, equal[np.argsort(seqs[equal])][len(above) - limit :]])


def _with(array: NDArray[Any], start: int, values: NDArray[Any]) -> NDArray[Any]:
    """Return the array with values from `start` on, or a larger copy if it has no room for them."""
    end = start + len(values)
    if end > len(array):
        larger = np.empty((max(end, 2 * len(array), 64), *array.shape[1:]), array.dtype)
        larger[:start] = array[:start]
        array = larger
    array[start:end] = values
    return array
