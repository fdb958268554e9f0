"""Search by meaning and words: exact cosines of the query with the memories that pass the filter, and shared words."""

from __future__ import annotations

import time
from typing import Any, Callable, Mapping, NamedTuple, Optional

from ..._base.locks import calling_frame
from ..language.script import script_of
from ..language.terms import Wanted
from ..memory_search import Match, MemoryFilter, MemoryVectors, VectorIndex
from .calibration import IDENTICAL, Calibration, carried_over, evidence, evidence_of_words, score
from .embedder import Embedder
from .keywords import KeywordSearch, WordMatches
from .profile import KEY, SAMPLE, Profile, make_profile, read_profile
from .vector_space import FOREIGN, Settled, Vectors, VectorSpace, pack, unit, unpack

_TEXTS_AT_ONCE = 64
_TEXTS_PER_SEARCH = 128
"""A search embeds at most so many memories that have no vector yet."""
_FOREIGN_PER_SEARCH = 2_000
"""A search drops at most so many vectors of another embedder."""
_NEAREST = 100
"""If a search does not look at all memories, it looks at so many whose vectors are the nearest."""
_LITTLE_KNOWN, _WELL_KNOWN = 0.35, 0.65
"""The familiarity of a query of which the embedder knows little, and of one that it knows well."""
_LEAST_TRUST = 0.25
_RELATED_FROM = 0.92


class Query(NamedTuple):
    """A query as a vector and as words."""

    vector: Vectors
    space: Settled
    profile: Profile
    words: list[Wanted]
    trust: float
    """How much the embedder knows of the query's language: 0..1."""


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

    def encode_document(self, content: str) -> Optional[bytes]:
        """Return the vector of a memory's text as it is to be stored; None if the text has no meaning.

        Raises:
            EngineError: 500, if the embedder returns no vectors; 409, if another one has taken over the store.
        """
        space = self._space.settle()
        self._index.prepare(space)
        return pack(space, self._space.embed([content], "document"))[0]

    def encode_query(self, query: str) -> Query:
        """Return the query's vector and words, after a few memories have got their vectors.

        Raises:
            EngineError: 500, if the embedder returns no vectors; 409, if another one has taken over the store; 503, if
                that happens at this moment.
        """
        space = self._space.settle()
        self._index.prepare(space)
        self._drop_foreign(space)
        self._embed_pending(space)
        profile = self._current_profile(space)
        vector = self._space.embed([query], "query")[0]
        return Query(vector, space, profile, self._keywords.encode_query(query), self._trust(query))

    def search(self, query: Any, memory_filter: MemoryFilter, *, limit: int, threshold: Optional[float]) -> list[Match]:
        """Return the best matches, best first, of equal score the newest first.

        Args:
            query: What `encode_query` returned.
            memory_filter: Which memories may be returned.
            limit: How many matches at most.
            threshold: Only matches whose score is at least this; None for no threshold.
        """
        asked: Query = query

        def nearest() -> list[int]:
            return [seq for seq, _ in self._index.nearest(asked.space, vector, memory_filter, max(_NEAREST, limit))]

        vector: list[float] = asked.vector.tolist()
        matches = self._keywords.matches(asked.words, memory_filter, nearest)
        cosines = self._index.cosines_of(asked.space, vector, list(matches.terms))
        calibrations: dict[str, Calibration] = {}
        own = {seq: self._evidence(asked, matches, cosines, calibrations, seq) for seq in matches.terms}
        found = dict(own)
        for seq, before in matches.previous.items():
            found[seq] += carried_over(own[before])
        ranked = sorted(found, key=lambda seq: (-found[seq], -seq))
        best = [Match(seq, score(found[seq])) for seq in ranked[:limit]]
        return [match for match in best if threshold is None or match.score >= threshold]

    def _evidence(
        self,
        query: Query,
        matches: WordMatches,
        cosines: Mapping[int, float],
        calibrations: dict[str, Calibration],
        seq: int,
    ) -> float:
        """Return how much speaks for a memory."""
        share = matches.shares[seq]
        cosine = cosines.get(seq)
        if cosine is None:
            return evidence_of_words(share)
        if cosine >= IDENTICAL and (query.trust == 1 or share > 0.999):
            return float("inf")
        script = _script_of(matches.terms[seq])
        calibration = calibrations.get(script)
        if calibration is None:
            calibration = query.profile.calibration(script, query.vector, self._prior(query, script))
            calibrations[script] = calibration
        surprise = (cosine - calibration.mean) / max(calibration.deviation, 1e-6)
        return evidence(surprise, share, query.trust)

    def _prior(self, query: Query, script: str) -> Calibration:
        """Return what is known of the embedder's cosines with memories in a script."""
        known = query.space.calibration
        if (script == "latin" and query.trust == 1) or not self._unfamiliar:
            return known
        other = self._unfamiliar.get(script, self._unfamiliar["other"])
        part = query.trust if script == "latin" else 0.0
        mean = part * known.mean + (1 - part) * other.mean
        return Calibration(mean, part * known.deviation + (1 - part) * other.deviation)

    def _trust(self, query: str) -> float:
        if self._familiarity is None:
            return 1.0
        part = (self._familiarity(query) - _LITTLE_KNOWN) / (_WELL_KNOWN - _LITTLE_KNOWN)
        return _LEAST_TRUST + (1 - _LEAST_TRUST) * min(max(part, 0.0), 1.0)

    def _current_profile(self, space: Settled) -> Profile:
        """Return what the vectors of the store are like, after looking at some if it has grown."""
        text = self._store.get_meta(KEY)
        known, profile = self._profile
        if text != known:
            profile = read_profile(text)
            self._profile = (text, profile)
        newest = self._store.newest()
        if profile.fits(space.token, newest):
            return profile
        rows = [row for row in self._store.sample(SAMPLE) if space.owns_all([row.vector])]
        vectors = unit(unpack(space, [row.vector for row in rows]))
        profile = make_profile(space.token, newest, [row.content for row in rows], vectors)
        self._store.set_meta({KEY: profile.text()})
        return profile

    def _drop_foreign(self, space: Settled) -> None:
        """Drop some of the vectors that another embedder has left."""
        foreign = self._index.found_foreign(_FOREIGN_PER_SEARCH)
        if self._store.get_meta(FOREIGN):
            foreign = self._store.foreign(space.mark, _FOREIGN_PER_SEARCH)
            if len(foreign) < _FOREIGN_PER_SEARCH:
                self._store.set_meta({FOREIGN: ""})
        if foreign:
            self._store.drop_vectors(foreign, space.mark)

    def _embed_pending(self, space: Settled) -> None:
        """Embed a few memories that have no vector."""
        if not self._store.pending(1):
            return
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
                packed = pack(space, self._space.embed([memory.content for memory in pending], "document"))
                self._store.put_vectors(
                    [(memory.seq, memory.version, vector) for memory, vector in zip(pending, packed)]
                )
        finally:
            lock.release(owner)


def _script_of(terms: str) -> str:
    return "latin" if terms.isascii() else script_of(terms.split())
