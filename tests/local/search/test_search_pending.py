"""Memories without a vector get theirs a few at a time: no search pays for a whole import."""

from __future__ import annotations

import threading
from typing import Any, Callable, List

import pytest

from statebase._generated.models import MemoryCreateRequest, SessionCreateRequest
from statebase.local.operations.api import Operations
from statebase.local.operations.core import Core
from statebase.local.search.keywords import KeywordSearch
from statebase.local.storage.store import Store

AT_MOST = 128


@pytest.fixture
def imported(store_path: Any, engine_clock: Any) -> List[str]:
    """A store with 300 memories that an engine without embedder took in; their contents, oldest first."""
    store = Store(str(store_path), "normal")
    words = Operations(Core(store, KeywordSearch(store.words), engine_clock, 86400))
    session = words.create_session(SessionCreateRequest(agent_id="agent"))
    contents = [f"number{number} likes tea" for number in range(300)]
    for content in contents:
        words.create_memory(MemoryCreateRequest(session_id=session.id, content=content))
    store.database.close()
    return contents


def test_a_search_embeds_few_and_finds_the_rest_by_words(
    open_memories: Callable[..., Any], toy: Any, store_path: Any, imported: List[str]
):
    """The oldest first, until all have a vector."""
    memories = open_memories(store_path, toy)
    counts = []
    for _ in range(4):
        before = sum(text in imported for text in toy.embedded)
        found = memories.search("number299 tea", top_k=50)
        if len(counts) < 2:
            assert found[0] == ("number299 likes tea", 1.0)
        counts.append(sum(text in imported for text in toy.embedded) - before)

    assert counts == [AT_MOST, AT_MOST, 300 - 2 * AT_MOST, 0]
    assert [text for text in toy.embedded if text in imported] == imported
    for content in (imported[0], imported[150], imported[299]):
        assert memories.search(content, top_k=1) == [(content, 1.0)]


def test_filters_hold_for_what_is_found_by_words(
    open_memories: Callable[..., Any], toy: Any, store_path: Any, imported: List[str]
):
    memories = open_memories(store_path, toy)

    assert memories.found("number299", session_id=memories.session_id) == []
    assert memories.found("number299", types="event") == []


def test_another_embedder_replaces_vectors_a_few_at_a_time(
    open_memories: Callable[..., Any], make_toy: Any, store_path: Any
):
    first = open_memories(store_path, make_toy("first"))
    contents = [f"number{number}" for number in range(300)]
    for content in contents:
        first.add(content)
    first.store.database.close()
    toy = make_toy("second", seed="second")
    second = open_memories(store_path, toy)

    second.search("q")
    assert sum(text in contents for text in toy.embedded) == AT_MOST
    for _ in range(3):
        second.search("q")

    assert sum(text in contents for text in toy.embedded) == 300
    for content in contents[::50]:
        assert second.search(content, top_k=1) == [(content, 1.0)]


def test_a_search_does_not_wait_for_another_that_embeds(
    open_memories: Callable[..., Any], make_toy: Any, store_path: Any, imported: List[str]
):
    toy = make_toy()
    embed = toy.embed
    embedding, go_on = threading.Event(), threading.Event()

    def slow(texts: Any, kind: str) -> Any:
        if kind == "document" and any(text in imported for text in texts):
            embedding.set()
            assert go_on.wait(30)
        return embed(texts, kind)

    toy.embed = slow
    memories = open_memories(store_path, toy)
    thread = threading.Thread(target=memories.search, args=("first",))
    thread.start()
    try:
        assert embedding.wait(30)
        assert memories.search("number7 likes tea")[0] == ("number7 likes tea", 1.0)
    finally:
        go_on.set()
        thread.join()
