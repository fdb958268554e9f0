"""The parts of the scores of a search, as `Engine.explain_search` returns them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Optional, Sequence

from .._generated.models import MemorySearchResult


@dataclass(frozen=True)
class ExplainedWord:
    """A word of a query."""

    terms: tuple[str, ...]
    """The forms of the word that are compared; a memory holds the word if it holds one of them."""
    weight: float
    """The part of the query that the word makes up: 0..1. Rare words have higher weights."""


@dataclass(frozen=True)
class ExplainedCalibration:
    """The cosines that memories unrelated to the query are expected to have with it."""

    script: str
    """The script of the memories, such as `latin` or `cjk`."""
    sample: int
    """The number of stored memories that were measured. If it is 0, the embedder's own calibration is used."""
    mean: float
    deviation: float


@dataclass(frozen=True)
class ExplainedMemory:
    """A memory and the parts of its score.

    The score is `1 / (1 + exp(-evidence))`, where the evidence is the sum of `base`, `meaning`, `words`,
    `carried_over` and `question`. The text of a memory may be identical to the query: then the score is 1.
    """

    result: MemorySearchResult
    """The memory and its score."""
    script: str
    cosine: Optional[float]
    """The cosine of its vector with that of the query; None if it has no vector."""
    surprise: Optional[float]
    """Standard deviations of the cosine above the mean of unrelated memories; None if it has no vector."""
    is_identical: bool
    """Whether it has the meaning of the query word for word."""
    base: float
    """The evidence of a memory that is unrelated to the query."""
    meaning: float
    words: float
    held: tuple[ExplainedWord, ...]
    """The words of the query that it holds."""
    carried_over: float
    """The evidence carried over from the turn before it, which it may answer."""
    question: float
    """The evidence against a turn that asks a question itself; 0 for other memories."""
    previous_id: Optional[str]
    """The turn before it in the conversation; None if it is not a turn, or that was not looked at."""


@dataclass(frozen=True)
class SearchExplanation:
    """The results of a search and the reasons for their scores."""

    query: str
    threshold: float
    embedder: Optional[str]
    """The id of the embedder; None if memories are searched by words only."""
    language_known: Optional[float]
    """The part that the embedder knows of the query's language, 0.25 to 1; None if there is no embedder."""
    words: tuple[ExplainedWord, ...]
    """The words of the query that are searched for."""
    calibrations: tuple[ExplainedCalibration, ...]
    """One for each script of the memories below."""
    results: tuple[ExplainedMemory, ...]
    """The results of the search, best first."""
    missed: tuple[ExplainedMemory, ...]
    """The next memories, whose scores are below the threshold, best first."""


class Parts(NamedTuple):
    """The parts of the score of a memory; see `ExplainedMemory`."""

    seq: int
    score: float
    script: str
    cosine: Optional[float]
    surprise: Optional[float]
    is_identical: bool
    base: float
    meaning: float
    words: float
    held: tuple[ExplainedWord, ...]
    carried_over: float
    question: float
    previous: Optional[int]


class ExplainedMatches(NamedTuple):
    """The explanation of a search before memories have their ids; see `SearchExplanation`."""

    language_known: Optional[float]
    words: tuple[ExplainedWord, ...]
    calibrations: tuple[ExplainedCalibration, ...]
    ranked: Sequence[Parts]
    """The best matches, best first, whatever their scores."""
