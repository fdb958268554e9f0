"""Vectors are compared in memory or read from the store: what is nearest does not depend on it."""

from __future__ import annotations

import random
import threading
from typing import Any, Dict, List, Tuple

import numpy as np
import pytest

from statebase.local.memory_search import MemoryFilter
from statebase.local.search.vector_cache import CachedVectors
from statebase.local.search.vector_table import highest

pytestmark = pytest.mark.sqlite_only  # a database reads no vectors into memory

MEMORIES = 700
PATHS = {
    "in memory": {},
    "few are listed": {"_LISTED": 30},
    "few are tried": {"_LISTED": 1_000, "_FIRST_TRIED": 1, "_MORE_TRIED": 2},
    "none is tried": {"_LISTED": 30, "_FIRST_TRIED": 31},
    "read from the store": {"_SMALL": 0, "_FEW": 1_000},
    "too many for memory": {"_MOST_BYTES": 4_000},
}


@pytest.fixture
def filled(memories: Any) -> Tuple[Any, List[Dict[str, Any]]]:
    """A store, and its memories: every third is in a session of its own, one in ten is of another type."""
    chance = random.Random(4)
    sessions = [memories.new_session(user_id="ann"), memories.new_session(user_id="ben")]
    rows = []
    for number in range(MEMORIES):
        row = {
            "content": f"text {number}",
            "session_id": sessions[number % 3 == 0],
            "type": "event" if chance.random() < 0.1 else "fact",
            "tags": ["red"] if chance.random() < 0.5 else ["blue"],
        }
        row["id"] = memories.add(row["content"], row["session_id"], type=row["type"], tags=row["tags"])
        rows.append(row)
    for row in chance.sample(rows, 60):
        memories.operations.delete_memory(row["id"])
        rows.remove(row)
    return memories, rows


def _cosines(toy: Any, vector: Any, rows: List[Dict[str, Any]]) -> List[float]:
    stored = np.array([toy.embed([row["content"]], "document")[0] for row in rows])
    return sorted((stored @ vector / np.linalg.norm(stored, axis=1)).tolist(), reverse=True)


@pytest.mark.parametrize("path", PATHS)
def test_nearest_agrees_with_brute_force(
    filled: Tuple[Any, List[Dict[str, Any]]], toy: Any, monkeypatch: pytest.MonkeyPatch, path: str
):
    """With every filter, however the vectors are compared."""
    memories, rows = filled
    for name, value in PATHS[path].items():
        monkeypatch.setattr(f"statebase.local.search.vector_cache.{name}", value)
    vectors = CachedVectors(memories.store.vectors)
    space = memories.index._space.settle()
    with memories.store.database.read():
        seqs = {row["session_id"]: memories.store.sessions.find(row["session_id"]).seq for row in rows}
    filters = [
        (MemoryFilter(), lambda row: True),
        (MemoryFilter(types=("fact",)), lambda row: row["type"] == "fact"),
        (MemoryFilter(types=("event",)), lambda row: row["type"] == "event"),
        (MemoryFilter(types=("none",)), lambda row: False),
        (MemoryFilter(tags=("red",)), lambda row: row["tags"] == ["red"]),
        (MemoryFilter(removed=(99,)), lambda row: True),
        *(
            (MemoryFilter(session_seq=seq), lambda row, wanted=key: row["session_id"] == wanted)
            for key, seq in seqs.items()
        ),
    ]
    vector = np.asarray(toy.embed(["query"], "query")[0])
    vector = vector / np.linalg.norm(vector)

    for memory_filter, passes in filters:
        expected = _cosines(toy, vector, [row for row in rows if passes(row)]) if any(map(passes, rows)) else []
        with memories.store.database.read():
            found = vectors.nearest(space, vector.tolist(), memory_filter, 20)
            cosines = vectors.cosines_of(space, vector.tolist(), [seq for seq, _ in found])
        assert sorted((cosine for _, cosine in found), reverse=True) == pytest.approx(expected[:20], abs=2e-3)
        assert cosines == pytest.approx(dict(found), abs=1e-6)
    assert (vectors.size > 0) == (path != "too many for memory")


def test_few_vectors_are_compared_while_another_thread_reads_all(
    filled: Tuple[Any, List[Dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
):
    memories, _ = filled
    space = memories.index._space.settle()
    reading, go_on = threading.Event(), threading.Event()

    class Slow:
        def __getattr__(self, name: str) -> Any:
            return getattr(memories.store.vectors, name)

        def vectors_after(self, seq: int) -> Any:
            reading.set()
            assert go_on.wait(30)
            return memories.store.vectors.vectors_after(seq)

    vectors = CachedVectors(Slow())
    vector = [1.0] + [0.0] * 7
    found: List[Any] = []
    thread = threading.Thread(target=lambda: found.extend(vectors.nearest(space, vector, MemoryFilter(), 5)))
    thread.start()
    try:
        assert reading.wait(30)
        assert len(vectors.cosines_of(space, vector, list(range(1, 11)))) >= 1
        assert vectors.size == 0
    finally:
        go_on.set()
        thread.join()
    assert len(found) == 5


def test_an_interrupted_read_is_done_again(filled: Tuple[Any, List[Dict[str, Any]]]):
    """A KeyboardInterrupt in the middle leaves no part behind, and the next search reads everything."""
    memories, rows = filled
    space = memories.index._space.settle()

    class Interrupted:
        is_interrupted = True

        def __getattr__(self, name: str) -> Any:
            return getattr(memories.store.vectors, name)

        def vectors_after(self, seq: int) -> Any:
            for part in memories.store.vectors.vectors_after(seq):
                yield part
                if self.is_interrupted:
                    raise KeyboardInterrupt

    store = Interrupted()
    vectors = CachedVectors(store)
    with pytest.raises(KeyboardInterrupt):
        vectors.nearest(space, [1.0] + [0.0] * 7, MemoryFilter(), 5)
    assert vectors.size == 0
    store.is_interrupted = False

    vectors.nearest(space, [1.0] + [0.0] * 7, MemoryFilter(), 5)

    assert vectors.size == len(rows)


@pytest.mark.parametrize("different", [3, 1_000, 10**9])
def test_highest_of_many_are_those_that_sorting_finds(different: int):
    """Of equal values those of the newest memories."""
    chance = np.random.default_rng(different)
    for size, limit in ((30_011, 7), (30_000, 100), (30_000, 117), (500, 100), (5, 9)):
        values = (chance.integers(0, different, size) / different).astype(np.float32)
        seqs = chance.permutation(size)

        places = highest(values, seqs, limit)

        expected = sorted(zip(values.tolist(), seqs.tolist()), reverse=True)[:limit]
        assert sorted(zip(values[places].tolist(), seqs[places].tolist()), reverse=True) == expected
