"""Search by words, where there is no embedder: it finds what shares words with the query, not what means the same."""

from __future__ import annotations

import math
import warnings
from typing import Any, Optional

from ..memory_search import Match, MemoryFilter, MemoryVectors
from ..storage.tables.words import Words, words_of

_MOST_WORDS = 64
"""Further words of a query are left out."""
_STOP_WORDS = frozenset(
    words_of(
        "a about am an and are as at be been but by can could did do does for from had has have he her his how i if in"
        " is it its me my of on or our she should so some tell than that the their them then there these they this"
        " those to was we were what when where which who why will with would you your"
    )
)


class KeywordSearchWarning(UserWarning):
    """Memories are searched by words, as the embedder of `statebase[local]` is not installed.

    To turn it off: `warnings.filterwarnings("ignore", category=statebase.local.KeywordSearchWarning)`.
    """


class KeywordSearch:
    """Ranks memories by the share of the query's words that they hold, a rare word counting more than a common one.

    Args:
        words: Which memories hold which words.
        vectors: What the store says about filters.
        is_fallback: Whether the first search warns that it goes by words because there is no embedder.
    """

    embedder_id: Optional[str] = None

    def __init__(self, words: Words, vectors: MemoryVectors, *, is_fallback: bool = False) -> None:
        self._words = words
        self._vectors = vectors
        self._is_fallback = is_fallback

    def encode_document(self, content: str) -> Optional[bytes]:
        """Return None: there are no vectors."""
        return None

    def encode_query(self, query: str) -> list[str]:
        """Return the words that the query asks for, each once: those that say something, else all."""
        if self._is_fallback:
            warnings.warn(
                "Memories are searched by words, not by meaning, as no embedder is installed: "
                'pip install "statebase[local]", or pass embedder=. '
                "To turn this warning off, ignore statebase.local.KeywordSearchWarning.",
                KeywordSearchWarning,
                stacklevel=1,
            )
            # Python forgets what it has shown whenever somebody changes the filters.
            self._is_fallback = False
        words = list(dict.fromkeys(words_of(query)))
        telling = [word for word in words if word not in _STOP_WORDS]
        return (telling or words)[:_MOST_WORDS]

    def search(self, query: Any, memory_filter: MemoryFilter, *, limit: int, threshold: Optional[float]) -> list[Match]:
        """Return the memories that hold most of the query, weighed by how much each word tells.

        The score is the part of the query's information (inverse document frequency) that the memory's words cover.
        """
        allowed = None if memory_filter.is_open else set(self._vectors.matching(memory_filter))
        total = self._words.about_how_many()
        holding = self._words.holding(query)
        weights = {word: math.log1p(total / max(len(seqs), 0.5)) for word, seqs in holding.items()}
        whole = sum(weights.values())
        sums: dict[int, float] = {}
        for word, seqs in holding.items():
            for seq in seqs:
                if allowed is None or seq in allowed:
                    sums[seq] = sums.get(seq, 0.0) + weights[word]
        matches = [Match(seq, min(1.0, found / whole)) for seq, found in sums.items()]
        if threshold is not None:
            matches = [match for match in matches if match.score >= threshold]
        return sorted(matches, key=lambda match: (-match.score, -match.seq))[:limit]
