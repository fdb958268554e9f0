"""The quality of the embedder of `statebase[local]`, measured on questions that share few words with their facts."""

from __future__ import annotations

from typing import Any, Callable, List

import pytest

DEFAULT_THRESHOLD = 0.7


@pytest.fixture
def facts(open_memories: Callable[..., Any], paraphrases: Any) -> Any:
    """A store that holds the answer to each question, and as much that answers none."""
    memories = open_memories()
    for content in [pair["fact"] for pair in paraphrases["pairs"]] + paraphrases["distractors"]:
        memories.add(content)
    return memories


def test_answer_is_among_the_first_five(facts: Any, paraphrases: Any):
    """For at least seven questions of ten."""
    hits = [pair["fact"] in facts.found(pair["query"], top_k=5) for pair in paraphrases["pairs"]]

    assert len(hits) >= 60
    assert sum(hits) / len(hits) >= 0.70


def test_questions_are_answered_at_the_default_threshold(facts: Any, paraphrases: Any):
    """At least 95 of 100 questions whose fact is stored get an answer."""
    answered = [bool(facts.found(pair["query"], threshold=DEFAULT_THRESHOLD)) for pair in paraphrases["pairs"]]

    assert sum(answered) / len(answered) >= 0.95


def test_unrelated_memories_stay_below_the_default_threshold(facts: Any, paraphrases: Any):
    """At most 5 of 100 pairs of a question and a memory that does not answer it pass."""
    passing: List[str] = []
    for pair in paraphrases["pairs"]:
        found = facts.found(pair["query"], threshold=DEFAULT_THRESHOLD, top_k=50)
        assert len(found) < 50
        passing += [content for content in found if content != pair["fact"]]

    stored = len(paraphrases["pairs"]) + len(paraphrases["distractors"])
    assert len(passing) / (len(paraphrases["pairs"]) * (stored - 1)) <= 0.05


def test_a_memorys_own_words_find_it(facts: Any, paraphrases: Any):
    """The same text scores 1 and comes first, whatever else is stored."""
    for pair in paraphrases["pairs"]:
        assert facts.search(pair["fact"], top_k=1) == [(pair["fact"], 1.0)]
