"""Search by meaning and words: exact cosines of the query with the memories that pass the filter, and shared words."""

from __future__ import annotations

import time
from typing import Any, Callable, Mapping, Optional, Sequence

from ..._base.locks import calling_frame
from ..explanation import ExplainedMatches, ExplainedWord
from ..memory_search import MARK_BYTES, Match, MemoryFilter, MemoryVectors, Standing, VectorIndex
from .calibration import IDENTICAL, Calibration
from .embedder import Embedder
from .keywords import KeywordSearch
from .parts import parts_of
from .profile import KEY, SAMPLE, Profile, make_profile, read_profile
from .scoring import Query, Scores
from .vector_space import FOREIGN, TOKEN, Settled, VectorSpace, pack, unit, unpack

_STANDING = (TOKEN, FOREIGN, KEY)
_TEXTS_AT_ONCE = 64
_TEXTS_PER_SEARCH = 128
"""A search embeds at most so many memories that have no vector yet."""
_FOREIGN_PER_SEARCH = 2_000
"""A search drops at most so many vectors of another embedder."""
_NEAREST = 100
"""If a search does not look at all memories, it looks at so many whose vectors are the nearest."""
_LONG = 300
"""Texts with terms of fewer characters have one part."""
_MOST_SIMILAR = 10
"""The number of memories that are compared with all parts of a text."""
_LITTLE_KNOWN, _WELL_KNOWN = 0.35, 0.65
"""The familiarity of a query of which the embedder knows little, and of one that it knows well."""
_LEAST_TRUST = 0.25
_RELATED_FROM = 0.92


class SearchIndex:
    """Finds memories by the vectors of their texts and by their words. Threads may search at the same time.

    Memories without a vector, as an engine without embedder stores them, or with one of another embedder, get theirs
    from searches, each of which embeds a few, the oldest first. Until it is their turn they are found by their words.

    Args:
        embedder: Turns texts into vectors.
        vectors: What the store offers.
        index: Compares the stored vectors with that of a query.
        keywords: Finds memories by their words.
    """

    def __init__(self, embedder: Embedder, vectors: MemoryVectors, index: VectorIndex, keywords: KeywordSearch) -> None:
        self.embedder_id: Optional[str] = embedder.id
        self.related_from = _RELATED_FROM
        self._familiarity: Optional[Callable[[str], float]] = getattr(embedder, "familiarity", None)
        self._unfamiliar: Mapping[str, Calibration] = getattr(embedder, "unfamiliar", {})
        self._store = vectors
        self._index = index
        self._keywords = keywords
        self._space = VectorSpace(embedder, vectors)
        self._profile: tuple[Optional[str], Profile] = (None, read_profile(None))

    def encode_document(self, content: str) -> Optional[Sequence[bytes]]:
        """Return the vectors of the parts of a text; one of zeros if the text has no meaning to the embedder.

        Raises:
            EngineError: 500, if the embedder returns no vectors; 409, if another one has taken over the store.
        """
        space = self._space.settle()
        self._index.prepare(space)
        return self._packed(space, [content])[0]

    def encode_query(self, query: str) -> Query:
        """Return the query's vector and words, after a few memories have got their vectors.

        Raises:
            EngineError: 500, if the embedder returns no vectors; 409, if another one has taken over the store; 503, if
                that happens at this moment.
        """
        standing = self._store.standing(_STANDING)
        space = self._space.settled(standing.values.get(TOKEN))
        if space is None:
            space = self._space.settle()
            standing = self._store.standing(_STANDING)
        self._index.prepare(space)
        if self._drop_foreign(space, standing) or standing.has_pending:
            self._embed_pending(space)
        profile = self._current_profile(space, standing)
        vector = self._space.embed([query], "query")[0]
        return Query(vector, space, profile, self._keywords.encode_query(query), self._trust(query))

    def search(self, query: Any, memory_filter: MemoryFilter, *, limit: int, threshold: Optional[float]) -> list[Match]:
        """Return the best matches, best first, of equal score the newest first.

        Args:
            query: The result of `encode_query`.
            memory_filter: Which memories may be returned.
            limit: Maximum number of matches.
            threshold: Only matches whose score is at least this; None for no threshold.
        """
        ranked = self._scores(query, memory_filter, limit).ranked(limit)
        return [Match(seq, found) for seq, found in ranked if threshold is None or found >= threshold]

    def similar(
        self, query: Any, content: str, vectors: Optional[Sequence[bytes]], memory_filter: MemoryFilter
    ) -> Optional[Match]:
        """Return the memory whose vector is the nearest to that of a text; None if there is none.

        Of a text of several parts, the part that is the least similar decides: parts of two texts may be the same.
        """
        asked: Query = query
        if vectors is None or not asked.space.owns_all(vectors):
            return self._keywords.similar(asked.words, content, None, memory_filter)
        first, *others = unit(unpack(asked.space, vectors)).tolist()
        if not any(first):
            return self._keywords.similar(asked.words, content, None, memory_filter)
        cosines = dict(self._index.nearest(asked.space, first, memory_filter, _MOST_SIMILAR))
        for part in others:
            found = self._index.cosines_of(asked.space, part, list(cosines))
            cosines = {seq: min(cosine, found.get(seq, 0.0)) for seq, cosine in cosines.items()}
        if not cosines:
            return None
        seq = max(cosines, key=lambda each: (cosines[each], each))
        return Match(seq, 1.0 if cosines[seq] >= IDENTICAL else cosines[seq])

    def explain(self, query: Any, memory_filter: MemoryFilter, *, limit: int) -> ExplainedMatches:
        """Return the best matches with the parts of their scores."""
        asked: Query = query
        scores = self._scores(asked, memory_filter, limit)
        ranked = [scores.parts(seq) for seq, _ in scores.ranked(limit)]
        words = tuple(ExplainedWord(place.terms, weight) for place, weight in zip(asked.words, scores.matches.weights))
        return ExplainedMatches(asked.trust, words, scores.calibrations(), ranked)

    def _scores(self, query: Query, memory_filter: MemoryFilter, limit: int) -> Scores:
        vector: list[float] = query.vector.tolist()

        def nearest() -> list[int]:
            return [seq for seq, _ in self._index.nearest(query.space, vector, memory_filter, max(_NEAREST, limit))]

        if not any(vector):
            # The embedder finds no meaning in the query: words decide.
            return Scores(query, self._keywords.matches(query.words, memory_filter), {}, {}, self._unfamiliar)
        matches = self._keywords.matches(query.words, memory_filter, nearest)
        found = self._index.cosines_of(query.space, vector, list(matches.terms))
        # PostgreSQL has no cosine for a vector of zeros, which belongs to a text without meaning: it returns NaN.
        cosines = {seq: cosine for seq, cosine in found.items() if cosine == cosine}
        long = [seq for seq in cosines if len(matches.terms[seq]) > _LONG]
        parts = self._index.parts_of(query.space, long) if long else {}
        return Scores(query, matches, cosines, parts, self._unfamiliar)

    def _trust(self, query: str) -> float:
        if self._familiarity is None:
            return 1.0
        part = (self._familiarity(query) - _LITTLE_KNOWN) / (_WELL_KNOWN - _LITTLE_KNOWN)
        return _LEAST_TRUST + (1 - _LEAST_TRUST) * min(max(part, 0.0), 1.0)

    def _current_profile(self, space: Settled, standing: Standing) -> Profile:
        """Return what the vectors of the store are like, after looking at some if it has grown."""
        text, newest = standing.values.get(KEY), standing.newest
        known, profile = self._profile
        if text != known:
            profile = read_profile(text)
            self._profile = (text, profile)
        if profile.fits(space.token, newest):
            return profile
        rows = [row for row in self._store.sample(SAMPLE) if space.owns_all([row.vector])]
        vectors = unit(unpack(space, [space.first_of(row.vector) for row in rows]))
        text = make_profile(space.token, newest, [row.content for row in rows], vectors).text()
        self._store.set_meta({KEY: text})
        # As stored, with fewer digits: the scores of the next search are the same.
        return read_profile(text)

    def _packed(self, space: Settled, contents: Sequence[str]) -> list[list[bytes]]:
        """Return the vectors of the parts of each text; parts without meaning are left out, unless all are."""
        parts = [parts_of(content) for content in contents]
        texts = [part for each in parts for part in each]
        packed: list[bytes] = []
        for start in range(0, len(texts), _TEXTS_AT_ONCE):
            packed += pack(space, self._space.embed(texts[start : start + _TEXTS_AT_ONCE], "document"))
        vectors = iter(packed)
        own = [[next(vectors) for _ in each] for each in parts]
        return [[vector for vector in each if vector[MARK_BYTES:].strip(b"\0")] or each[:1] for each in own]

    def _drop_foreign(self, space: Settled, standing: Standing) -> bool:
        """Drop some of the vectors that another embedder has left, and return whether there were any."""
        foreign = self._index.found_foreign(_FOREIGN_PER_SEARCH)
        if standing.values.get(FOREIGN):
            foreign = self._store.foreign(space.mark, _FOREIGN_PER_SEARCH)
            if len(foreign) < _FOREIGN_PER_SEARCH:
                self._store.set_meta({FOREIGN: ""})
        if foreign:
            self._store.drop_vectors(foreign, space.mark)
        return bool(foreign)

    def _embed_pending(self, space: Settled) -> None:
        """Embed a few memories that have no vector."""
        lock = self._space.lock
        # Where another search is at it, this one does not wait.
        owner = lock.acquire(calling_frame(), time.monotonic())
        if owner is None:
            return
        try:
            for _ in range(0, _TEXTS_PER_SEARCH, _TEXTS_AT_ONCE):
                pending = self._store.pending(_TEXTS_AT_ONCE)
                if not pending:
                    break
                packed = self._packed(space, [memory.content for memory in pending])
                self._store.put_vectors(
                    [(memory.seq, memory.version, vectors) for memory, vectors in zip(pending, packed)]
                )
        finally:
            lock.release(owner)
