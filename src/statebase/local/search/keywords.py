"""Search by words: what part of a query's information the terms of a memory cover."""

from __future__ import annotations

import math
import warnings
from collections import Counter
from typing import Any, Callable, Iterable, Mapping, NamedTuple, Optional, Sequence

from ..explanation import ExplainedMatches, ExplainedWord, Parts
from ..language.terms import QUESTION, Wanted, terms_of, wanted
from ..memory_search import Match, MemoryFilter
from ..storage.tables.words import Terms, Words
from .calibration import evidence_of_words_alone

_MOST_PLACES = 64
"""Further words of a query are left out."""
_ALL = 1_000
"""If no more memories pass a filter, a search looks at all of them."""
_CANDIDATES = 200
"""If more do, it looks at so many that hold the rarest words."""
_FETCHED = 3_000
"""Words that more memories hold than this find candidates only together with other words."""
_TOGETHER = 3
_RELATED_FROM = 0.35
_INSTALL = 'no embedder is installed: pip install "statebase[local]", or pass embedder=.'
_FOLLOWED = 100
"""If it does not look at all memories, it looks at what comes next after so many turns of conversations."""


class KeywordSearchWarning(UserWarning):
    """Memories are searched by words, as the embedder of `statebase[local]` is not installed.

    To turn it off: `warnings.filterwarnings("ignore", category=statebase.local.KeywordSearchWarning)`.
    """


class WordMatches(NamedTuple):
    """The memories that a search by words looked at."""

    terms: Mapping[int, str]
    """The terms of each, with a space before and after each term, newest first."""
    shares: Mapping[int, float]
    """The part of the query that each covers: 0..1."""
    weights: Sequence[float]
    """The part of the query that each of its words makes up."""
    previous: Mapping[int, int]
    """The turn before each turn of a conversation, as far as a search looked at both."""


class KeywordSearch:
    """Ranks memories by the share of the query's words that they hold, a rare word counting more than a common one.

    Args:
        words: Which memories hold which words.
        advice: What the warning says to do.
        is_fallback: Whether the first search warns that it matches words because there is no embedder.
    """

    embedder_id: Optional[str] = None
    related_from = _RELATED_FROM

    def __init__(self, words: Words, *, is_fallback: bool = False, advice: str = _INSTALL) -> None:
        self._words = words
        self._advice = advice
        self._is_fallback = is_fallback

    def encode_document(self, content: str) -> Optional[Sequence[bytes]]:
        """Return None: there are no vectors."""
        return None

    def encode_query(self, query: str) -> list[Wanted]:
        """Return what the query asks for, each once: the words that say something, else all."""
        if self._is_fallback:
            warnings.warn(
                f"Memories are searched by words, not by meaning, as {self._advice} "
                "To turn this warning off, ignore statebase.local.KeywordSearchWarning.",
                KeywordSearchWarning,
                stacklevel=1,
            )
            # Python forgets what it has shown whenever somebody changes the filters.
            self._is_fallback = False
        return wanted(query)[:_MOST_PLACES]

    def search(self, query: Any, memory_filter: MemoryFilter, *, limit: int, threshold: Optional[float]) -> list[Match]:
        """Return the memories that hold most of the query, weighed by how much each word tells.

        The score is the part of the query's information (inverse document frequency) that the memory's words cover.
        """
        shares = self.matches(query, memory_filter).shares
        least = 0.0 if threshold is None else threshold
        matches = [Match(seq, share) for seq, share in shares.items() if share > 0 and share >= least]
        return sorted(matches, key=lambda match: (-match.score, -match.seq))[:limit]

    def similar(
        self, query: Any, content: str, vectors: Optional[Sequence[bytes]], memory_filter: MemoryFilter
    ) -> Optional[Match]:
        """Return the memory that shares the largest part of its words and those of a text; None if there is none."""
        words = set(terms_of(content))
        best: Optional[Match] = None
        for seq, text in self.matches(query, memory_filter).terms.items():
            held = set(text.split())
            match = Match(seq, len(words & held) / max(len(words | held), 1))
            if best is None or match.score > best.score:
                best = match
        return best

    def explain(self, query: Any, memory_filter: MemoryFilter, *, limit: int) -> ExplainedMatches:
        """Return the best matches with the words that they hold."""
        found = self.matches(query, memory_filter)
        best = self.search(query, memory_filter, limit=limit, threshold=None)
        words = tuple(ExplainedWord(place.terms, weight) for place, weight in zip(query, found.weights))
        ranked = [
            Parts(
                seq=match.seq,
                score=match.score,
                script="",
                cosine=None,
                surprise=None,
                is_identical=False,
                base=0.0,
                meaning=0.0,
                words=evidence_of_words_alone(match.score),
                held=held_words(query, found, match.seq),
                carried_over=0.0,
                question=0.0,
                previous=None,
            )
            for match in best
        ]
        return ExplainedMatches(None, words, (), ranked)

    def matches(
        self,
        query: Sequence[Wanted],
        memory_filter: MemoryFilter,
        also: Optional[Callable[[], Sequence[int]]] = None,
    ) -> WordMatches:
        """Look at all memories that pass the filter, or if they are many at those that hold most of the query.

        Args:
            query: What `encode_query` returned.
            memory_filter: Which memories pass.
            also: Returns memories that pass, to be looked at if not all are.
        """
        passing = self._words.few(memory_filter, _ALL)
        if passing is not None:
            counts = _counted(query, passing)
            return _matches(query, _weights(query, counts, len(passing)), passing)
        counts = self._words.counts({term for place in query for term in place.terms})
        weights = _weights(query, counts, self._words.about_how_many())
        found = self._candidates(query, weights, counts, memory_filter)
        looked_at = self._words.terms_of(sorted({*found, *(() if also is None else also())}))
        turns = [memory.seq for memory in looked_at if memory.speaker is not None][:_FOLLOWED]
        next_ones = set(self._words.followers(turns, memory_filter)).difference(memory.seq for memory in looked_at)
        looked_at = sorted([*looked_at, *self._words.terms_of(sorted(next_ones))], reverse=True)
        return _matches(query, weights, looked_at)

    def _candidates(
        self,
        query: Sequence[Wanted],
        weights: Sequence[float],
        counts: Mapping[str, int],
        memory_filter: MemoryFilter,
    ) -> list[int]:
        """Return the memories that hold the rarest words, and those that hold several at once."""
        known = [
            (sum(counts[term] for term in place.terms), weight, place.terms)
            for place, weight in zip(query, weights)
            if any(counts[term] for term in place.terms)
        ]
        known.sort(key=lambda place: place[0])
        sums: dict[int, float] = {}
        fetched = 0
        for count, weight, terms in known:
            if fetched + count <= _FETCHED:
                fetched += count
                for seq in self._words.holding([terms], memory_filter, _FETCHED):
                    sums[seq] = sums.get(seq, 0.0) + weight
        together = known[:_TOGETHER]
        while together and together[-1][0] > _FETCHED // _TOGETHER:
            # A common word tells something where it stands beside others.
            for seq in self._words.holding([terms for _, _, terms in together], memory_filter, _CANDIDATES):
                sums[seq] = max(sums.get(seq, 0.0), sum(weight for _, weight, _ in together))
            if sums:
                break
            together.pop()
        best = sorted(zip(sums.values(), sums), reverse=True)
        return [seq for _, seq in best[:_CANDIDATES]]


def held_words(query: Sequence[Wanted], matches: WordMatches, seq: int) -> tuple[ExplainedWord, ...]:
    """Return the words of a query that a memory holds."""
    terms = matches.terms[seq]
    return tuple(
        ExplainedWord(place.terms, weight)
        for place, weight in zip(query, matches.weights)
        if any(f" {term} " in terms for term in place.terms)
    )


def is_question(terms: str) -> bool:
    """Return whether a memory with these terms ends as a question."""
    return f" {QUESTION} " in terms


def _counted(query: Sequence[Wanted], memories: Iterable[Terms]) -> dict[str, int]:
    """Return how many of the memories hold each term of the query."""
    asked = {term: f" {term} " for place in query for term in place.terms}
    texts = [memory.terms for memory in memories]
    return {term: sum([spaced in text for text in texts]) for term, spaced in asked.items()}


def _weights(query: Sequence[Wanted], counts: Mapping[str, int], total: int) -> list[float]:
    weights: list[float] = []
    for place in query:
        count = min(total, sum(counts[term] for term in place.terms))
        weights.append(place.weight * math.log1p(total / max(count, 0.5)))
    return weights


def _matches(query: Sequence[Wanted], weights: Sequence[float], memories: Sequence[Terms]) -> WordMatches:
    """Return what part of the query each of the memories covers; they come newest first."""
    whole = sum(weights) or 1.0
    asked = [(weight, [f" {term} " for term in place.terms]) for place, weight in zip(query, weights)]
    speakers = Counter(memory.speaker for memory in memories)
    shares: dict[int, float] = {}
    previous: dict[int, int] = {}
    later: dict[int, int] = {}
    for memory in memories:
        share = 0.0
        for weight, terms in asked:
            for term in terms:
                if term in memory.terms:
                    share += weight
                    break
        shares[memory.seq] = min(1.0, share / whole)
        # Of notes such as "Allergy: nuts" each begins with another word.
        if memory.speaker is not None and speakers[memory.speaker] > 1:
            if memory.session_seq in later:
                previous[later[memory.session_seq]] = memory.seq
            later[memory.session_seq] = memory.seq
        else:
            later.pop(memory.session_seq, None)
    texts = {memory.seq: memory.terms for memory in memories}
    return WordMatches(texts, shares, [weight / whole for weight in weights], previous)
