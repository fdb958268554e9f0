"""Vectors in memory, one row for each part of a memory; those of a memory stand together."""

from __future__ import annotations

import copy
from typing import Any, Optional, Sequence

import numpy as np
from numpy.typing import NDArray

from .vector_space import Vectors, scale

Rows = NDArray[np.intp]
Seqs = NDArray[np.int64]

_COPIED_AT_ONCE = 512
"""Rows that are copied out of the others to be multiplied: so few that they stay in the processor's cache."""
_BLOCK = 256


class VectorTable:
    """Unit vectors with the numbers of their memories.

    A table does not change: `appended` and `replaced` return another one, so that threads may search in one while
    another is made. The two share their arrays, in which new rows stand behind those of the old one; of one table, at
    most one other may be made. The arrays grow by doubling, so that a memory costs the same however many there are. A
    removed row stays in place, marked as dead, until half of the rows are dead.

    Args:
        dimensions: The length of each vector.
        room: Rows that the table takes before its arrays grow. Rows that are not used take no memory.
    """

    def __init__(self, dimensions: int, room: int = 0) -> None:
        self._count = 0
        self._vectors: Vectors = np.empty((room, dimensions), np.float32)
        self._seqs: Seqs = np.empty(room, np.int64)
        self._alive = np.empty(room, np.bool_)
        self._dead = 0
        self._is_ascending = True
        self._by_seq: Optional[tuple[Seqs, Optional[Rows]]] = None
        """Numbers in ascending order, and their rows (None if they stand in this order); made when it is needed."""

    def __len__(self) -> int:
        return self._count - self._dead

    def appended(self, seqs: Sequence[int], vectors: NDArray[np.floating[Any]]) -> VectorTable:
        """Return the table with rows of memories that it does not hold, in ascending order.

        Args:
            seqs: The numbers of the memories.
            vectors: Their vectors, which need not have length 1.
        """
        if not seqs:
            return self
        table = copy.copy(self)
        start = self._count
        table._count = start + len(seqs)
        table._vectors = _with(self._vectors, start, vectors)
        scale(table._vectors[start : table._count])
        table._seqs = _with(self._seqs, start, np.array(seqs, np.int64))
        table._alive = _with(self._alive, start, np.ones(len(seqs), np.bool_))
        table._is_ascending = self._is_ascending and (start == 0 or seqs[0] > self._seqs[start - 1])
        table._by_seq = None
        return table

    def replaced(self, gone: Sequence[int], seqs: Sequence[int], vectors: NDArray[np.floating[Any]]) -> VectorTable:
        """Return the table with other rows in place of all that it holds of the memories `gone`."""
        rows, _ = self._rows_of(gone)
        table = self
        if len(rows):
            table = copy.copy(self)
            table._by_seq = None
            table._alive = np.array(self._alive)
            table._alive[rows] = False
            table._dead += len(rows)
            if table._dead * 2 > table._count:
                table = table._arranged()
        return table.appended(seqs, vectors)

    def cosines(self, query: Vectors) -> tuple[Seqs, Vectors]:
        """Return the numbers of all memories, in no order, with the cosine of each part with `query`."""
        seqs, cosines = self._seqs[: self._count], products(self._vectors[: self._count], query)
        if self._dead:
            alive = self._alive[: self._count]
            return seqs[alive], cosines[alive]
        return seqs, cosines

    def cosines_of(self, query: Vectors, seqs: Sequence[int]) -> tuple[Seqs, Vectors]:
        """Return those of these memories that the table holds, with the cosine of each part with `query`."""
        rows, found = self._rows_of(seqs)
        cosines: Vectors = np.empty(len(rows), np.float32)
        for start in range(0, len(rows), _COPIED_AT_ONCE):
            part = rows[start : start + _COPIED_AT_ONCE]
            cosines[start : start + len(part)] = products(self._vectors[part], query)
        return found, cosines

    def _rows_of(self, seqs: Sequence[int]) -> tuple[Rows, Seqs]:
        """Return the rows of those of these memories that the table holds, and the memories' numbers."""
        if self._by_seq is None:
            self._by_seq = self._ordered()
        known, rows = self._by_seq
        wanted = np.array(seqs, np.int64)
        firsts = np.searchsorted(known, wanted)
        counts = np.searchsorted(known, wanted, "right") - firsts
        # The places of each, from its first one on.
        starts = np.repeat(firsts - np.cumsum(counts) + counts, counts)
        places: Rows = np.add(starts, np.arange(len(starts)), dtype=np.intp)
        return (places if rows is None else rows[places]), np.repeat(wanted, counts)

    def _ordered(self) -> tuple[Seqs, Optional[Rows]]:
        seqs = self._seqs[: self._count]
        if self._is_ascending and not self._dead:
            return seqs, None
        rows = np.flatnonzero(self._alive[: self._count])
        # Most of them are in order already, which this kind of sort is quick for.
        rows = rows[np.argsort(seqs[rows], kind="stable")]
        return seqs[rows], rows

    def _arranged(self) -> VectorTable:
        """Return a table of its own with the rows that are not dead, in ascending order."""
        seqs, rows = self._ordered()
        table = copy.copy(self)
        table._vectors = self._vectors[slice(len(seqs)) if rows is None else rows]
        table._seqs = np.array(seqs)
        table._alive = np.ones(len(seqs), np.bool_)
        table._count = len(seqs)
        table._dead = 0
        table._is_ascending = True
        return table


def products(vectors: Vectors, query: Vectors) -> Vectors:
    """Return the products of each row with `query`."""
    # A plain product would wake the threads of the BLAS, which costs more than it saves at these sizes.
    found: Vectors = np.einsum("ij,j->i", vectors, query)
    return found


def best_parts(seqs: Seqs, cosines: Vectors) -> tuple[Seqs, Vectors]:
    """Return each memory once, with the highest of the cosines of its parts, which stand together."""
    if len(seqs) < 2:
        return seqs, cosines
    is_first = np.concatenate([[True], seqs[1:] != seqs[:-1]])
    if is_first.all():
        return seqs, cosines
    firsts = np.flatnonzero(is_first)
    best: Vectors = np.maximum.reduceat(cosines, firsts)
    return seqs[firsts], best


def highest(values: Vectors, seqs: Seqs, limit: int) -> Rows:
    """Return the places of the highest values; of equal ones, those of the newest memories."""
    if len(values) <= limit:
        return np.arange(len(values))
    places = np.arange(len(values))
    if len(values) >= _BLOCK * limit:
        # At least `limit` values are as high as the `limit`-th of the highest values of all blocks.
        blocks = np.reshape(values[: len(values) // _BLOCK * _BLOCK], (-1, _BLOCK)).max(axis=1)
        places = np.flatnonzero(values >= np.partition(blocks, -limit)[-limit])
        values, seqs = values[places], seqs[places]
    least = np.partition(values, -limit)[-limit]
    above = np.flatnonzero(values > least)
    equal = np.flatnonzero(values == least)
    best: Rows = places[np.concatenate([above, equal[np.argsort(seqs[equal])][len(above) - limit :]])]
    return best


def _with(array: NDArray[Any], start: int, values: NDArray[Any]) -> NDArray[Any]:
    """Return the array with values from `start` on, or a larger copy if it has no room for them."""
    end = start + len(values)
    if end > len(array):
        larger = np.empty((max(end, 2 * len(array), 64), *array.shape[1:]), array.dtype)
        larger[:start] = array[:start]
        array = larger
    array[start:end] = values
    return array
