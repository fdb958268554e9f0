"""A score means the same with every embedder, however its cosines lie."""

from __future__ import annotations

from typing import Any, Callable, Sequence

import numpy as np
import pytest

from statebase.local.search.calibration import Calibration
from statebase.local.search.embedding import as_embedder, default_embedder
from statebase.local.search.minilm import MiniLM


class Narrow:
    """The default embedder, with all cosines pressed into 0.75..1, as those of some models are."""

    id = "narrow"

    def embed(self, texts: Sequence[str], kind: Any) -> Any:
        embedder = default_embedder()
        assert embedder is not None
        vectors = np.asarray(embedder.embed(texts, kind))
        vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return np.hstack([0.2**0.5 * vectors, np.full((len(texts), 1), 0.8**0.5)])


def test_scores_do_not_depend_on_where_the_cosines_lie(open_memories: Callable[..., Any], paraphrases: Any):
    plain = default_embedder()
    assert plain is not None

    def wide_cosines(texts: Sequence[str]) -> Any:
        return plain.embed(texts, "document")

    wide, narrow = open_memories(embedder=wide_cosines), open_memories(embedder=Narrow())
    facts = [pair["fact"] for pair in paraphrases["pairs"][:20]]
    for fact in facts:
        wide.add(fact)
        narrow.add(fact)

    for pair in paraphrases["pairs"][:20]:
        expected = dict(wide.search(pair["query"], top_k=50))
        assert dict(narrow.search(pair["query"], top_k=50)) == pytest.approx(expected, abs=0.02)


def test_embedder_is_measured_once_for_a_store(open_memories: Callable[..., Any], make_toy: Any, store_path: Any):
    """The similarity of unrelated texts in a vector space is kept in the store."""
    first = make_toy()
    open_memories(store_path, first).search("q")
    again = make_toy()

    open_memories(store_path, again).search("q")

    assert len(first.embedded) > 50
    assert len(again.embedded) <= 2


def test_embedder_that_brings_its_calibration_is_not_measured(open_memories: Callable[..., Any], make_toy: Any):
    """A new store does not wait for that."""
    toy = make_toy()
    toy.calibration = Calibration(mean=-0.1, deviation=0.1)
    toy.vectors = {"fact": [1, 0, 0, 0, 0, 0, 0, 0], "question": [0, 1, 0, 0, 0, 0, 0, 0]}
    memories = open_memories(embedder=toy)
    memories.add("fact")

    found = memories.search("question")

    assert found == [("fact", toy.calibration.score(0.0))]
    assert len(toy.embedded) == 3


def test_default_embedder_brings_what_measuring_finds(open_memories: Callable[..., Any]):
    embedder = default_embedder()
    assert isinstance(embedder, MiniLM)

    measured = open_memories(embedder=lambda texts: embedder.embed(texts, "query")).index.encode_query("q")

    assert measured.space.calibration.mean == pytest.approx(MiniLM.calibration.mean, abs=0.001)
    assert measured.space.calibration.deviation == pytest.approx(MiniLM.calibration.deviation, abs=0.001)


def test_scores_stay_in_range_for_any_cosine():
    calibration = Calibration(mean=0.5, deviation=0.0)

    scores = [calibration.score(cosine) for cosine in (-1.0, 0.0, 0.5, 0.51, 1.0, 1.0000001)]

    assert scores == sorted(scores)
    assert (scores[0], scores[-1]) == (0.0, 1.0)


def test_function_is_calibrated_too(open_memories: Callable[..., Any]):
    """One that treats questions as it treats facts."""
    embedder = as_embedder(Narrow())
    assert embedder is not None

    def embed(texts: Sequence[str]) -> Any:
        return embedder.embed(texts, "document")

    memories = open_memories(embedder=embed)
    memories.add("Prefers tea to coffee")
    memories.add("The invoice is overdue")

    assert memories.found("Does she drink coffee or tea?", threshold=0.7) == ["Prefers tea to coffee"]
