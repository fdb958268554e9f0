"""On PostgreSQL vectors are compared in the database: what is nearest agrees with brute force."""

from __future__ import annotations

import random
from typing import Any, Callable, Dict, List

import numpy as np
import pytest

from statebase._generated.queries import SearchMemoriesQuery
from statebase.local import Engine, KeywordSearchWarning
from statebase.local.memory_search import MemoryFilter
from statebase.local.storage.tables.filters import memory_condition
from statebase.models import MemoryCreateRequest, SessionCreateRequest

pytestmark = pytest.mark.postgres_only  # a file reads vectors into memory: test_vector_cache.py

MEMORIES = 300
LIMIT = 10


@pytest.fixture
def filled(memories: Any) -> Any:
    """A store of two sessions; one memory in thirty is an event, every second one has a tag."""
    chance = random.Random(4)
    sessions = [memories.new_session(user_id="ann"), memories.new_session(user_id="ben")]
    for number in range(MEMORIES):
        memories.add(
            f"text {number}",
            sessions[number % 3 == 0],
            type="event" if number % 30 == 0 else "fact",
            tags=["red"] if chance.random() < 0.5 else None,
        )
    return memories


FILTERS: Dict[str, Callable[[int], MemoryFilter]] = {
    "all": lambda seq: MemoryFilter(),
    "a type that few have": lambda seq: MemoryFilter(types=("event",)),
    "a tag": lambda seq: MemoryFilter(tags=("red",)),
    "a session": lambda seq: MemoryFilter(session_seq=seq),
    "a user": lambda seq: MemoryFilter(user_id="ann"),
    "none": lambda seq: MemoryFilter(types=("none",)),
}


@pytest.mark.parametrize("name", FILTERS)
def test_nearest_agrees_with_brute_force(filled: Any, toy: Any, name: str):
    """Even if few memories pass a filter: the index is read on until there are enough."""
    store, space = filled.store, filled.index._space.settle()
    vector = np.asarray(toy.embed(["query"], "query")[0])
    vector = vector / np.linalg.norm(vector)
    with store.database.read():
        memory_filter = FILTERS[name](store.database.execute("SELECT max(seq) FROM sessions").fetchone()[0])
        condition, parameters = memory_condition(memory_filter)
        rows = store.database.execute(
            f"SELECT m.seq, m.content FROM memories m WHERE {condition}", parameters
        ).fetchall()
        found = store.vector_index.nearest(space, vector.tolist(), memory_filter, LIMIT)
        asked = store.vector_index.cosines_of(space, vector.tolist(), [seq for seq, _ in found])

    cosines: Dict[int, float] = {}
    for seq, content in rows:
        stored = np.asarray(toy.embed([content], "document")[0])
        cosines[seq] = float(stored @ vector / np.linalg.norm(stored))
    expected = sorted(cosines.values(), reverse=True)[:LIMIT]
    assert sorted((cosine for _, cosine in found), reverse=True) == pytest.approx(expected, abs=2e-3)
    assert [cosines[seq] for seq, _ in found] == pytest.approx([cosine for _, cosine in found], abs=2e-3)
    assert asked == pytest.approx({seq: cosines[seq] for seq, _ in found}, abs=5e-4)


def test_all_memories_are_searched_along_the_index(filled: Any, toy: Any):
    """Its statement, as the planner sees it when reading the whole table is dear."""
    database = filled.store.database
    name = f"memory_vectors_{filled.index._space.settle().mark.hex()}"

    with database.read():
        database.execute("SET LOCAL enable_seqscan = off")
        database.execute("SET LOCAL enable_sort = off")
        plan: List[Any] = database.execute(
            "EXPLAIN SELECT seq FROM memory_vectors WHERE mark = ? ORDER BY vector::halfvec(8) <=> ?::halfvec(8) LIMIT 5",
            (filled.index._space.settle().mark, "[1,2,3,4,5,6,7,8]"),
        ).fetchall()

    assert any(name in row[0] for row in plan)


def test_search_matches_words_without_pgvector(postgres_url: str, toy: Any):
    """And says what is missing, once."""
    url = postgres_url.replace(",public", "")  # where the type halfvec is
    engine = Engine.open(url, embedder=toy)
    try:
        session_id = engine.create_session(SessionCreateRequest(agent_id="a")).id
        memory = engine.create_memory(MemoryCreateRequest(session_id=session_id, content="likes green tea"))

        with pytest.warns(KeywordSearchWarning, match="no pgvector 0.8 or later .* CREATE EXTENSION vector"):
            found = engine.search_memories(SearchMemoriesQuery(query="tea")).data
    finally:
        engine.close()

    assert [result.id for result in found] == [memory.id]
    assert memory.vector_available is False
