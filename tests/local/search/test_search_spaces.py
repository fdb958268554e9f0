"""Vectors of different embedders are never compared: a store that is opened with another one is embedded again."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable

import pytest

from statebase._generated.models import MemoryCreateRequest, SessionCreateRequest
from statebase.local.errors import EngineError
from statebase.local.operations.api import Operations
from statebase.local.operations.core import Core
from statebase.local.search.keywords import KeywordSearch
from statebase.local.storage.store import Store

Open = Callable[..., Any]


def test_vectors_are_kept_for_the_next_opening(open_memories: Open, make_toy: Open, store_path: Path):
    """The same embedder embeds nothing twice."""
    open_memories(store_path, make_toy()).add("kept")
    again = make_toy()

    found = open_memories(store_path, again).search("kept")

    assert found == [("kept", 1.0)]
    assert again.embedded.count("kept") == 1


@pytest.mark.parametrize(
    "other",
    [{"identifier": "other", "seed": "other"}, {"seed": "retrained"}, {"dimensions": 5}],
    ids=["another embedder", "another model under the same id", "other dimensions under the same id"],
)
def test_another_embedder_embeds_all_memories_anew(open_memories: Open, make_toy: Open, store_path: Path, other: Any):
    first = open_memories(store_path, make_toy())
    for number in range(100):
        first.add(f"memory {number}")
    first.store.database.close()
    embedder = make_toy(**other)

    second = open_memories(store_path, embedder)

    for number in range(100):
        assert second.search(f"memory {number}", top_k=1) == [(f"memory {number}", 1.0)]
    assert embedder.embedded.count("memory 7") == 2


def test_whoever_held_the_store_before_is_told(open_memories: Open, make_toy: Open, store_path: Path):
    """Reading and writing, and nothing is stored."""
    first = open_memories(store_path, make_toy("first"))
    first.add("old")
    second = open_memories(store_path, make_toy("second", seed="second"))
    second.add("new")

    with pytest.raises(EngineError) as searching:
        first.search("old")
    with pytest.raises(EngineError) as adding:
        first.add("lost")

    assert searching.value.status == adding.value.status == 409
    assert "'second'" in str(searching.value)
    assert set(second.found("q")) == {"old", "new"}


def test_the_same_embedder_in_two_processes_goes_on(open_memories: Open, make_toy: Open, store_path: Path):
    first = open_memories(store_path, make_toy())
    first.add("one")
    second = open_memories(store_path, make_toy())
    second.add("two")
    first.add("three")

    assert set(first.found("q")) == set(second.found("q")) == {"one", "two", "three"}


def test_vector_that_slips_in_late_is_not_compared(open_memories: Open, make_toy: Open, store_path: Path):
    """One that was made before another embedder took over the store, and stored after."""
    first = open_memories(store_path, make_toy("first"))
    first.add("old")
    late = first.index.encode_document("late")
    second = open_memories(store_path, make_toy("second", seed="second"))
    assert second.found("late") == ["old"]

    with second.store.database.write():
        second.store.memories.insert(
            "mem_late", 1, "fact", "late", None, None, 0, embed=True, embedding_id="vec_late", vector=late
        )

    assert second.search("late")[0] == ("late", 1.0)


def test_memories_from_a_time_without_embedder_are_found(
    open_memories: Open, toy: Any, store_path: Path, engine_clock: Any
):
    """They get their vectors at the first search; the vectors that were there stay."""
    first = open_memories(store_path, toy)
    first.add("by meaning")
    store = Store(str(store_path), "normal")
    words = Operations(Core(store, KeywordSearch(store.words), engine_clock, 86400))
    session = words.create_session(SessionCreateRequest(agent_id="agent"))
    added = words.create_memory(MemoryCreateRequest(session_id=session.id, content="by words"))
    assert added.vector_available is False

    assert first.search("by words", top_k=1) == [("by words", 1.0)]
    assert words.get_memory(added.id).vector_available is True
    assert toy.embedded.count("by meaning") == 1
    store.database.close()
