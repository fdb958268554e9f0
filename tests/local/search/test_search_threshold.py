"""Scores run from 0 to 1, best first, and a threshold keeps exactly what reaches it."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture
def scale(memories: Any, toy: Any) -> Any:
    """Memories at all angles to the query "q"."""
    toy.vectors["q"] = [1, 0, 0, 0, 0, 0, 0, 0]
    for percent in range(-100, 101, 10):
        cosine = percent / 100
        toy.vectors[f"{percent}"] = [cosine, (1 - cosine**2) ** 0.5, 0, 0, 0, 0, 0, 0]
        memories.add(f"{percent}")
    return memories


def test_higher_cosines_have_higher_scores(scale: Any):
    found = scale.search("q", top_k=50)

    assert [content for content, _ in found] == [f"{percent}" for percent in range(100, -101, -10)]
    scores = [score for _, score in found]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] == 1.0
    assert 0.0 <= scores[-1] < 0.05


def test_threshold_is_obeyed_exactly(scale: Any):
    """A score that reaches the threshold is returned, one that is a millionth below is not."""
    everything = scale.search("q", top_k=50)
    for content, score in everything[1:-1]:
        assert (content, score) in scale.search("q", top_k=50, threshold=score)
        assert (content, score) not in scale.search("q", top_k=50, threshold=score + 1e-6)


def test_threshold_that_nothing_reaches_returns_nothing(memories: Any, toy: Any):
    """It is not relaxed for the sake of an answer."""
    toy.vectors.update({"q": [1, 0, 0, 0, 0, 0, 0, 0], "a": [0, 1, 0, 0, 0, 0, 0, 0]})
    memories.add("a")

    assert memories.search("q", threshold=0.7) == []


def test_equal_scores_come_newest_first(memories: Any, toy: Any):
    """Also where only some of them have a place."""
    for number in range(9):
        toy.vectors[f"{number}"] = [0, 1, 0, 0, 0, 0, 0, 0] if number == 4 else [1, 1, 0, 0, 0, 0, 0, 0]
        memories.add(f"{number}")
    toy.vectors["q"] = [0, 1, 0, 0, 0, 0, 0, 0]

    assert memories.found("q", top_k=5) == ["4", "8", "7", "6", "5"]


def test_text_without_a_known_word_is_far_from_all(memories: Any, toy: Any):
    """Its vector is zero: it is stored, found last, and finds nothing at the default threshold."""
    toy.vectors["☃"] = [0] * 8
    memories.add("☃")
    memories.add("snow")

    assert memories.found("snow") == ["snow", "☃"]
    assert memories.search("☃", threshold=0.7) == []
