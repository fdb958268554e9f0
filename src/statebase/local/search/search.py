"""Search by meaning and words: exact cosines of the query with the memories that pass the filter, and shared words."""

from __future__ import annotations

import itertools
import time
from typing import Any, Callable, Mapping, NamedTuple, Optional, Sequence

from ..._base.locks import FrameLock, calling_frame
from ..errors import busy
from ..language.script import script_of
from ..language.terms import Wanted
from ..memory_search import Match, MemoryFilter, MemoryVectors, VectorRow
from .calibration import IDENTICAL, Calibration, carried_over, evidence, evidence_of_words, score
from .embedder import Embedder
from .keywords import KeywordSearch, WordMatches
from .profile import KEY, SAMPLE, Profile, make_profile, read_profile
from .vector_space import FOREIGN, TOKEN, Settled, Vectors, VectorSpace
from .vector_table import VectorTable

_TEXTS_AT_ONCE = 64
_TEXTS_PER_SEARCH = 128
"""A search embeds at most so many memories that have no vector yet."""
_FOREIGN_PER_SEARCH = 2_000
"""A search drops at most so many vectors of another embedder."""
_NEAREST = 100
"""If a search does not look at all memories, it looks at so many whose vectors are the nearest."""
_ROWS_AT_ONCE = 5_000
_MOST_ROOM = 250_000
_SOON_READ = 5_000
"""If the store holds no more memories, all vectors are read at the first search, also one among few of them."""
_LITTLE_KNOWN, _WELL_KNOWN = 0.35, 0.65
"""How familiar to its embedder a query is of which it knows little, and one that it knows well."""
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


class _Cache(NamedTuple):
    """The vectors in memory, and up to where they follow the store."""

    table: VectorTable
    token: str
    last_seq: int
    last_change: int
    foreign: tuple[int, ...]
    """Memories whose stored vectors are of another space."""


class SearchIndex:
    """Finds memories by the vectors of their texts and by their words. Threads may search at the same time.

    A search among few memories of a large store reads their vectors from it. From the first other search on, all
    vectors are kept in memory as well, and brought up to date at the start of each search: the store says what this and
    other processes added, changed and removed. A million vectors of 384 numbers take 1.5 gigabytes, and a search among
    them 60 milliseconds.

    Memories without a vector, as an engine without embedder stores them, or with one of another embedder, get theirs
    from searches, each of which embeds a few, the oldest first. Until it is their turn they are found by their words.

    Args:
        embedder: Turns texts into vectors.
        vectors: What the store offers.
        keywords: Finds memories by their words.
    """

    def __init__(self, embedder: Embedder, vectors: MemoryVectors, keywords: KeywordSearch) -> None:
        self.embedder_id: Optional[str] = embedder.id
        self.related_from = _RELATED_FROM
        self._familiarity: Optional[Callable[[str], float]] = getattr(embedder, "familiarity", None)
        self._unfamiliar: Mapping[str, Calibration] = getattr(embedder, "unfamiliar", {})
        self._store = vectors
        self._keywords = keywords
        self._space = VectorSpace(embedder, vectors)
        self._profile: tuple[Optional[str], Profile] = (None, read_profile(None))
        self._cache: Optional[_Cache] = None
        self._lock = FrameLock()
        """Held while the vectors in memory are brought up to date, within a read of the store."""

    def encode_document(self, content: str) -> Optional[bytes]:
        """Return the vector of a memory's text as it is to be stored; None if the text has no meaning.

        Raises:
            EngineError: 500, if the embedder returns no vectors; 409, if another one has taken over the store.
        """
        space = self._space.settle()
        return space.pack(self._space.embed([content], "document"))[0]

    def encode_query(self, query: str) -> Query:
        """Return the query's vector and words, after a few memories have got their vectors.

        Raises:
            EngineError: 500, if the embedder returns no vectors; 409, if another one has taken over the store; 503, if
                that happens at this moment.
        """
        space = self._space.settle()
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
            table = self._refreshed(asked.space).table
            return [seq for seq, _ in table.nearest(asked.vector, memory_filter, max(_NEAREST, limit))]

        matches = self._keywords.matches(asked.words, memory_filter, nearest)
        if matches.is_complete and self._cache is None and self._store.newest() > _SOON_READ:
            cosines = self._cosines_read(asked, list(matches.terms))
        else:
            cosines = self._refreshed(asked.space).table.cosines_of(asked.vector, list(matches.terms))
        own = {seq: self._evidence(asked, matches, cosines, seq) for seq in matches.terms}
        found = dict(own)
        for seq, before in matches.previous.items():
            found[seq] += carried_over(own[before])
        ranked = sorted(found, key=lambda seq: (-found[seq], -seq))
        best = [Match(seq, score(found[seq])) for seq in ranked[:limit]]
        return [match for match in best if threshold is None or match.score >= threshold]

    def _cosines_read(self, query: Query, seqs: Sequence[int]) -> dict[int, float]:
        """Return the cosines of a few memories, by number, without reading the vectors of all others."""
        rows = _own(query.space, self._store.vectors_of(seqs), set())
        return dict(zip([row.seq for row in rows], query.space.cosines(query.vector, [row.vector for row in rows])))

    def _evidence(self, query: Query, matches: WordMatches, cosines: Mapping[int, float], seq: int) -> float:
        """Return how much speaks for a memory."""
        share = matches.shares[seq]
        cosine = cosines.get(seq)
        if cosine is None:
            return evidence_of_words(share)
        if cosine >= IDENTICAL and (query.trust == 1 or share > 0.999):
            return float("inf")
        script = script_of(matches.terms[seq])
        calibration = query.profile.calibration(script, query.vector, self._prior(query, script))
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
        rows = [row for row in self._store.sample(SAMPLE) if space.owns(row.vector)]
        vectors = space.unpack([row.vector for row in rows])
        profile = make_profile(space.token, newest, [row.content for row in rows], vectors)
        self._store.set_meta({KEY: profile.text()})
        return profile

    def _drop_foreign(self, space: Settled) -> None:
        """Drop some of the vectors that another embedder has left."""
        foreign: Sequence[int] = () if self._cache is None else self._cache.foreign[:_FOREIGN_PER_SEARCH]
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
                packed = space.pack(self._space.embed([memory.content for memory in pending], "document"))
                self._store.put_vectors(
                    [(memory.seq, memory.version, vector) for memory, vector in zip(pending, packed)]
                )
        finally:
            lock.release(owner)

    def _refreshed(self, space: Settled) -> _Cache:
        """Bring the vectors in memory up to date with the store, as the read that goes on sees it."""
        with self._lock.held():
            # Whatever strikes meanwhile: the next search starts from nothing, never from a part.
            cache, self._cache = self._cache, None
            cache = self._followed(space, cache)
            self._cache = cache
        return cache

    def _followed(self, space: Settled, cache: Optional[_Cache]) -> _Cache:
        if self._store.get_meta(TOKEN) != space.token:
            raise busy("The store was opened with another embedder at this moment: try again.")
        change = self._store.last_change()
        changed = None
        if cache is not None and cache.token == space.token:
            if change < cache.last_change:
                # Another search has seen a later state of the store than this one.
                return cache
            changed = self._store.changes_after(cache.last_change)
        if cache is None or changed is None:
            table, last_seq, foreign = (
                VectorTable(space.dimensions, min(self._store.newest(), _MOST_ROOM)),
                0,
                set[int](),
            )
        else:
            table, last_seq, foreign = cache.table, cache.last_seq, set(cache.foreign)
            # What has a higher number has not been read at all yet, and comes below.
            known = [seq for seq in changed if seq <= last_seq]
            if known:
                foreign.difference_update(known)
                rows = _own(space, self._store.vectors_of(known), foreign)
                table = table.replaced(known, rows, space.unpack([row.vector for row in rows]))
            if foreign:
                some = sorted(foreign)[:_FOREIGN_PER_SEARCH]
                foreign -= set(some) - {row.seq for row in self._store.vectors_of(some)}
        added = self._store.vectors_after(last_seq)
        for chunk in iter(lambda: list(itertools.islice(added, _ROWS_AT_ONCE)), []):
            rows = _own(space, chunk, foreign)
            table = table.appended(rows, space.unpack([row.vector for row in rows]))
            last_seq = chunk[-1].seq
        return _Cache(table, space.token, last_seq, change, tuple(sorted(foreign)))


def _own(space: Settled, rows: Sequence[VectorRow], foreign: set[int]) -> list[VectorRow]:
    """Return the rows whose vectors are of the space, and add the others to `foreign`."""
    own = [row for row in rows if space.owns(row.vector)]
    if len(own) < len(rows):
        foreign.update({row.seq for row in rows}.difference(row.seq for row in own))
    return own
