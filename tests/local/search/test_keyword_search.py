"""Search by words, which is what there is without an embedder: no vectors, and scores that say how much was found."""

from __future__ import annotations

import sqlite3
import warnings
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest

from statebase import StateBase
from statebase._generated.models import ContextRequest, MemoryCreateRequest, MemoryUpdateRequest, SessionCreateRequest
from statebase._generated.queries import SearchMemoriesQuery
from statebase.local import KeywordSearchWarning
from statebase.local.memory_search import MemoryFilter
from statebase.local.operations.api import Operations
from statebase.local.operations.core import Core
from statebase.local.search.keywords import KeywordSearch
from statebase.local.storage.store import Store


class Words:
    """The operations on a store that is searched by words."""

    def __init__(self, path: str, clock: Any) -> None:
        self.store = Store(path, "normal")
        search = KeywordSearch(self.store.words)
        self.operations = Operations(Core(self.store, search, clock, 86400))
        self.session_id = self.operations.create_session(SessionCreateRequest(agent_id="agent", user_id="u")).id

    def add(self, content: str, **fields: Any) -> Any:
        return self.operations.create_memory(MemoryCreateRequest(session_id=self.session_id, content=content, **fields))

    def search(self, query: str, threshold: float = 0.0, **fields: Any) -> Any:
        answer = self.operations.search_memories(SearchMemoriesQuery(query=query, threshold=threshold, **fields))
        return {result.content: round(result.score, 3) for result in answer.data}


@pytest.fixture
def open_words(store_path: Path, engine_clock: Any) -> Iterator[Callable[[], Words]]:
    opened = []

    def opener() -> Words:
        opened.append(Words(str(store_path), engine_clock))
        return opened[-1]

    yield opener
    for words in opened:
        words.store.database.close()


@pytest.fixture
def words(open_words: Callable[[], Words]) -> Words:
    return open_words()


def test_there_are_no_vectors(words: Words):
    memory = words.add("likes tea")

    assert (memory.embedding_id, memory.vector_available) == (None, False)
    assert words.operations.get_memory(memory.id).vector_available is False
    assert words.operations.health_check().services["vectors"]["status"] == "off"


def test_score_is_the_share_of_the_query_that_was_found(words: Words):
    """A rare word counts more than a common one; all words found is 1."""
    for _ in range(20):
        words.add("likes coffee")
    words.add("likes tea")

    scores = words.search("likes tea", top_k=50)

    assert scores["likes tea"] == 1.0
    assert 0.0 < scores["likes coffee"] < 0.3


def test_inflections_and_case_do_not_matter(words: Words):
    words.add("The customer PREFERS window seats")

    assert words.search("which seat is preferred by customers", threshold=1.0)


def test_words_that_say_nothing_do_not_count(words: Words):
    words.add("likes tea")

    assert words.search("What does he like?", threshold=1.0) == {"likes tea": 1.0}
    assert words.search("who is the") == {}


def test_word_that_no_memory_holds_lowers_the_score(words: Words):
    words.add("likes tea")

    assert words.search("tea zeppelin", threshold=0.7) == {}


def test_threshold_is_obeyed_exactly(words: Words):
    for content in ("alpha beta", "gamma delta"):
        words.add(content)
    score = words.search("alpha gamma")["alpha beta"]

    assert words.search("alpha gamma", threshold=0.5) == {"gamma delta": score, "alpha beta": score}
    assert words.search("alpha gamma", threshold=0.501) == {}


def test_filters_apply(words: Words):
    words.add("likes tea", type="fact", tags=["a"])
    words.add("likes green tea", type="event", tags=["b"])

    assert list(words.search("tea", types="fact")) == ["likes tea"]
    assert list(words.search("tea", tags="b", session_id=words.session_id)) == ["likes green tea"]


def test_updated_and_deleted_words_are_not_found(words: Words):
    memory = words.add("likes tea")

    words.operations.update_memory(memory.id, MemoryUpdateRequest(content="likes coffee"))
    assert (words.search("tea"), list(words.search("coffee"))) == ({}, ["likes coffee"])

    words.operations.delete_memory(memory.id)
    assert words.search("coffee") == {}


def test_context_takes_the_best_whatever_their_score(words: Words):
    words.add("likes tea")

    context = words.operations.get_context(words.session_id, ContextRequest(query="tea zeppelin airship balloon"))

    assert [memory.content for memory in context.memories] == ["likes tea"]
    assert context.drift_warning is True
    assert 0.0 < context.average_relevance < 0.35


def test_other_process_finds_what_was_stored(open_words: Callable[[], Words]):
    first, second = open_words(), open_words()

    first.add("likes tea")

    assert list(second.search("tea")) == ["likes tea"]


def test_store_that_was_used_without_an_index_gets_one(open_words: Callable[[], Words], store_path: Path):
    """The store after a write by an SQLite without FTS5."""
    words = open_words()
    words.add("likes tea")
    words.store.database.close()
    connection = sqlite3.connect(store_path)
    connection.execute("INSERT INTO meta (key, value) VALUES ('words.stale', '1')")
    connection.execute("UPDATE memory_terms SET terms = 'like coffe'")
    connection.commit()
    connection.close()

    reopened = open_words()

    assert (reopened.search("tea"), list(reopened.search("coffee"))) == ({}, ["likes tea"])


def test_plain_scan_finds_whole_words(words: Words):
    """The store if SQLite lacks FTS5."""
    words.add("Likes tea, a lot")
    words.add("tea and cake")
    words.add("hidden tea", embed=False)
    without_index = type(words.store.words)(words.store.database, words.store.meta)
    everything = MemoryFilter()

    with words.store.database.read():
        found = {word: without_index.holding([[word]], everything, 10) for word in ("tea", "lot", "lo")}
        both = without_index.holding([["tea"], ["lot", "cake"]], MemoryFilter(session_seq=1), 10)
        counts = without_index.counts(["tea", "cake"])

    assert found == {"tea": [2, 1], "lot": [1], "lo": []}
    assert both == [2, 1]
    assert counts == {"tea": 2, "cake": 1}


def test_write_without_an_index_says_so(words: Words):
    without_index = type(words.store.words)(words.store.database, words.store.meta)

    with words.store.database.write():
        without_index.add(1, "text")
        without_index.remove(1, "text")

    assert words.store.vectors.get_meta("words.stale") == "1"


def test_first_search_without_the_embedder_warns(monkeypatch: pytest.MonkeyPatch):
    """A search that falls back to keywords warns, and the warning can be disabled."""
    monkeypatch.setattr("statebase.local.engine.as_embedder", lambda embedder: None)
    with StateBase.local() as client, warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        session = client.sessions.create("agent")
        client.memory.add("likes tea", "fact", session.id)
        assert warned == []

        for _ in range(3):
            client.memory.search("tea", session.id)
            client.state.get_context(session.id, "tea")

        assert [warning.category for warning in warned] == [KeywordSearchWarning]
        assert 'pip install "statebase[local]"' in str(warned[0].message)

    with StateBase.local() as client, warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", category=KeywordSearchWarning)
        assert client.memory.search("tea").data == []
