"""`explain_search` returns what a search finds, and the parts of each score."""

from __future__ import annotations

import math
from typing import Any, Callable

import pytest

from statebase._generated.models import MemoryCreateRequest, SessionCreateRequest
from statebase.local import EngineError
from statebase.local.operations.api import Operations
from statebase.local.operations.core import Core
from statebase.local.search.keywords import KeywordSearch
from statebase.local.storage.store import Store

TEXTS = (
    "Ann: When does the pottery course begin?",
    "Ben: Next Tuesday",
    "Ann: Who teaches it?",
    "Ben: A potter from Vienna",
    "Allergic to nuts",
)


def test_parts_add_up_to_the_scores_of_the_search(open_memories: Callable[..., Any]):
    """Of results, in the same order, and of memories below the threshold."""
    memories = open_memories()
    for text in (*TEXTS, "Drives a red car", "The invoice was paid in May", "Has two dogs"):
        memories.add(text)
    query = "When is the pottery course?"

    explained = memories.operations.explain_search(query, threshold=0.7)

    found = [(memory.result.content, memory.result.score) for memory in explained.results]
    assert found == memories.search(query, threshold=0.7)
    assert len(explained.missed) == 3
    assert all(memory.result.score < 0.7 for memory in explained.missed)
    everything = memories.search(query)
    assert [memory.result.content for memory in (*explained.results, *explained.missed)] == [
        content for content, _ in everything
    ][: len(found) + 3]
    for memory in (*explained.results, *explained.missed):
        evidence = memory.base + memory.meaning + memory.words + memory.carried_over + memory.question
        assert memory.result.score == pytest.approx(1 / (1 + math.exp(-evidence)), abs=1e-5)


def test_words_and_the_turn_before(open_memories: Callable[..., Any]):
    memories = open_memories()
    ids = [memories.add(text) for text in TEXTS]

    explained = memories.operations.explain_search("When does the pottery course begin?", threshold=0.0)

    by_id = {memory.result.id: memory for memory in explained.results}
    assert sum(word.weight for word in explained.words) == pytest.approx(1)
    assert by_id[ids[0]].held == explained.words
    assert by_id[ids[4]].held == ()
    assert by_id[ids[1]].previous_id == ids[0]
    assert by_id[ids[1]].carried_over > 0
    assert by_id[ids[4]].previous_id is None


def test_language_and_calibration(open_memories: Callable[..., Any]):
    """The calibration is that of the store, by script."""
    memories = open_memories()
    for number in range(10):
        memories.add(f"Fact {number}: {TEXTS[number % 5]}")
        memories.add(f"ノート{number} 月曜日に会議")

    english = memories.operations.explain_search("When does the course begin?", threshold=0.0, top_k=50)
    japanese = memories.operations.explain_search("会議はいつ", threshold=0.0, top_k=50)

    assert english.embedder == memories.index.embedder_id
    assert english.language_known == 1.0
    assert japanese.language_known is not None and japanese.language_known < 0.5
    assert {used.script: used.sample > 0 for used in english.calibrations} == {"cjk": True, "latin": True}
    assert all(used.deviation > 0 for used in english.calibrations)


def test_calibration_after_most_memories_were_deleted(open_memories: Callable[..., Any]):
    """Numbers of memories have gaps then; those that are left are measured all the same."""
    memories = open_memories()
    database = memories.store.database
    on_postgres = "SELECT setval(pg_get_serial_sequence('memories', 'seq'), 1000000)"
    on_sqlite = "UPDATE sqlite_sequence SET seq = 1000000 WHERE name = 'memories'"
    memories.add("The first one")
    with database.write():
        database.execute(on_postgres if database.writes_at_once else on_sqlite)
    for number in range(20):
        memories.add(f"Fact {number}: {TEXTS[number % 5]}")

    explained = memories.operations.explain_search("When does the course begin?", threshold=0.0)

    assert [used.sample for used in explained.calibrations] == [21]


def test_identical_text_and_memory_without_vector(memories: Any):
    memories.add("same words")
    with memories.store.database.write():
        memories.store.database.execute("DELETE FROM memory_vectors")
        memories.store.vectors._vectors.log_change(1)
    memories.add("same words")

    explained = memories.operations.explain_search("same words", threshold=0.0)

    assert [(memory.is_identical, memory.cosine is None) for memory in explained.results] == [
        (True, False),
        (False, True),
    ]
    assert [memory.result.score for memory in explained.results] == [1.0, 1.0]


def test_search_by_words_alone(engine_clock: Any):
    store = Store(":memory:", "normal")
    operations = Operations(Core(store, KeywordSearch(store.words), engine_clock, 86400))
    session = operations.create_session(SessionCreateRequest(agent_id="agent"))
    for text in TEXTS:
        operations.create_memory(MemoryCreateRequest(session_id=session.id, content=text))

    explained = operations.explain_search("pottery course", threshold=0.5)

    assert (explained.embedder, explained.language_known, explained.calibrations) == (None, None, ())
    assert [memory.result.content for memory in explained.results] == [TEXTS[0]]
    assert explained.results[0].held == explained.words
    store.database.close()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"query": " "}, "query must not be empty."),
        ({"query": "q", "top_k": 0}, "top_k must be an integer from 1 to 50, got 0."),
        ({"query": "q", "top_k": True}, "top_k must be an integer from 1 to 50, got bool."),
        ({"query": "q", "near": 51}, "near must be an integer from 0 to 50, got 51."),
        ({"query": "q", "threshold": 1.5}, "threshold must be a number from 0 to 1, got 1.5."),
        ({"query": "q", "threshold": "high"}, "threshold must be a number from 0 to 1, got str."),
        ({"query": "q", "types": "fact"}, "types must be a sequence of words, got str."),
        ({"query": "q", "session_id": "sess_x"}, "There is no session 'sess_x'"),
    ],
)
def test_wrong_arguments_are_named(memories: Any, arguments: Any, message: str):
    with pytest.raises(EngineError) as caught:
        memories.operations.explain_search(**arguments)

    assert str(caught.value).startswith(message)
