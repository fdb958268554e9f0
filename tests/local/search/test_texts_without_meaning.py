"""A text in which the embedder finds no meaning has no vector, is embedded once, and is found by its words."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable

import pytest

from statebase._generated.models import MemoryCreateRequest, SessionCreateRequest
from statebase.local.operations.api import Operations
from statebase.local.operations.core import Core
from statebase.local.search.keywords import KeywordSearch
from statebase.local.storage.store import Store

NOTHING = [0.0] * 8
MINUS_NOTHING = [-0.0] * 8


@pytest.mark.parametrize("zeros", [NOTHING, MINUS_NOTHING])
def test_it_is_embedded_once_and_has_no_vector(memories: Any, toy: Any, zeros: Any):
    toy.vectors["zzz one"] = zeros
    memory_id = memories.add("zzz one")
    memories.add("text")

    for _ in range(3):
        assert memories.search("one", threshold=0.9) == [("zzz one", 1.0)]

    memory = memories.operations.get_memory(memory_id)
    assert (memory.vector_available, memory.embedding_id) == (False, None)
    assert toy.embedded.count("zzz one") == 1


def test_one_that_got_no_vector_late_is_embedded_once(
    open_memories: Callable[..., Any], toy: Any, store_path: Path, engine_clock: Any
):
    """An engine without embedder stored it; the first search embeds it."""
    store = Store(str(store_path), "normal")
    words = Operations(Core(store, KeywordSearch(store.words), engine_clock, 86400))
    session = words.create_session(SessionCreateRequest(agent_id="agent"))
    memory_id = words.create_memory(MemoryCreateRequest(session_id=session.id, content="zzz one")).id
    store.database.close()
    toy.vectors["zzz one"] = NOTHING
    memories = open_memories(store_path, toy)

    for _ in range(3):
        assert memories.search("one", threshold=0.9) == [("zzz one", 1.0)]

    assert toy.embedded.count("zzz one") == 1
    assert memories.operations.get_memory(memory_id).vector_available is False


def test_another_embedder_embeds_it_again(open_memories: Callable[..., Any], make_toy: Any, store_path: Path):
    first = make_toy("first")
    first.vectors["zzz one"] = NOTHING
    before = open_memories(store_path, first)
    memory_id = before.add("zzz one")
    before.search("one")
    before.store.database.close()
    second = make_toy("second", seed="second")
    memories = open_memories(store_path, second)

    memories.search("one")

    assert second.embedded.count("zzz one") == 1
    assert memories.operations.get_memory(memory_id).vector_available is True


def test_new_content_gets_a_vector(memories: Any, toy: Any):
    toy.vectors["zzz one"] = NOTHING
    memory_id = memories.add("zzz one")

    memories.update(memory_id, content="text")

    assert memories.operations.get_memory(memory_id).vector_available is True
    assert memories.search("text") == [("text", 1.0)]


def test_a_query_without_meaning_is_answered_by_words(memories: Any, toy: Any):
    toy.vectors["one"] = NOTHING
    memories.add("zzz one")
    memories.add("text")

    assert memories.found("one", threshold=0.7) == ["zzz one"]
    assert memories.operations.explain_search("one").results[0].cosine is None


def test_emoji_are_not_alike(open_memories: Callable[..., Any]):
    """The default embedder knows none of them: it takes all for the same unknown word."""
    memories = open_memories()
    ids = [memories.add(text) for text in ("🎉🎉", "🥲", "🎉 for the graduation")]

    assert [memories.operations.get_memory(each).vector_available for each in ids] == [False, False, True]
    assert memories.search("🥲", threshold=0.7) == []
    assert memories.found("🎉 graduation", threshold=0.7) == ["🎉 for the graduation"]


def test_vectors_of_zeros_that_an_older_version_stored(memories: Any, toy: Any):
    """They have an id; they are compared with nothing."""
    toy.vectors["zzz one"] = NOTHING
    memory_id = memories.add("zzz one")
    with memories.store.database.write():
        memories.store.database.execute("UPDATE memories SET embedding_id = 'vec_old'")

    assert memories.found("one", threshold=0.9) == ["zzz one"]
    assert memories.operations.get_memory(memory_id).embedding_id == "vec_old"
