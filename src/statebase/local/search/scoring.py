"""The scores of the memories that a search looks at: evidence from meaning, from words, and from the turn before."""

from __future__ import annotations

import math
from typing import Mapping, NamedTuple

from ..explanation import ExplainedCalibration, Parts
from ..language.script import script_of
from ..language.terms import Wanted
from .calibration import (
    BASE,
    IDENTICAL,
    QUESTION,
    Calibration,
    carried_over,
    evidence_of_meaning,
    evidence_of_words,
    evidence_of_words_alone,
    score,
)
from .keywords import WordMatches, held_words, is_question
from .profile import Profile
from .vector_space import Settled, Vectors

_LEAST_SURPRISE = 1.5


class Query(NamedTuple):
    """A query as a vector and as words."""

    vector: Vectors
    space: Settled
    profile: Profile
    words: list[Wanted]
    trust: float
    """How much the embedder knows of the query's language: 0..1."""


class Scores:
    """The scores of one search.

    Args:
        query: The query.
        matches: The memories that the search looks at, with their words.
        cosines: The cosines of those that have a vector.
        parts: The number of vectors of those that have several.
        unfamiliar: The calibrations of the embedder for languages that it does not know, by script.
    """

    def __init__(
        self,
        query: Query,
        matches: WordMatches,
        cosines: Mapping[int, float],
        parts: Mapping[int, int],
        unfamiliar: Mapping[str, Calibration],
    ) -> None:
        self._query = query
        self.matches = matches
        self._cosines = cosines
        self._parts = parts
        self._unfamiliar = unfamiliar
        self._calibrations: dict[str, Calibration] = {}
        self._own = {seq: self._evidence(seq) for seq in matches.terms}
        self._found = dict(self._own)
        for seq, before in matches.previous.items():
            self._found[seq] += carried_over(self._own[before])
        self._turns = {*matches.previous, *matches.previous.values()}
        for seq in self._turns:
            self._found[seq] += self._question(seq)

    def ranked(self, limit: int) -> list[tuple[int, float]]:
        """Return numbers and scores of the best memories, best first, of equal score the newest first."""
        found = self._found
        best = sorted(found, key=lambda seq: (-found[seq], -seq))[:limit]
        return [(seq, score(found[seq])) for seq in best]

    def parts(self, seq: int) -> Parts:
        """Return the parts of the score of a memory."""
        query, share = self._query, self.matches.shares[seq]
        cosine = self._cosines.get(seq)
        script = _script_of(self.matches.terms[seq])
        previous = self.matches.previous.get(seq)
        held = held_words(query.words, self.matches, seq)
        before = 0.0 if previous is None else carried_over(self._own[previous])
        found = score(self._found[seq])
        if cosine is None:
            words = self._evidence_without_vector(share)
            return Parts(seq, found, script, None, None, False, 0.0, 0.0, words, held, before, 0.0, previous)
        return Parts(
            seq=seq,
            score=found,
            script=script,
            cosine=cosine,
            surprise=self._surprise(seq, script, cosine),
            is_identical=self._is_identical(cosine, share),
            base=BASE,
            meaning=evidence_of_meaning(self._surprise(seq, script, cosine), query.trust),
            words=evidence_of_words(share, query.trust),
            held=held,
            carried_over=before,
            question=self._question(seq) if seq in self._turns else 0.0,
            previous=previous,
        )

    def calibrations(self) -> tuple[ExplainedCalibration, ...]:
        """Return the calibrations that were used, by script."""
        sizes = {name: script.size for name, script in self._query.profile.scripts.items()}
        return tuple(
            ExplainedCalibration(script, sizes.get(script, 0), used.mean, used.deviation)
            for script, used in sorted(self._calibrations.items())
        )

    def _evidence(self, seq: int) -> float:
        """Return how much speaks for a memory by itself."""
        share = self.matches.shares[seq]
        cosine = self._cosines.get(seq)
        if cosine is None:
            return self._evidence_without_vector(share)
        if self._is_identical(cosine, share):
            return float("inf")
        surprise = self._surprise(seq, _script_of(self.matches.terms[seq]), cosine)
        trust = self._query.trust
        return BASE + evidence_of_meaning(surprise, trust) + evidence_of_words(share, trust)

    def _evidence_without_vector(self, share: float) -> float:
        # Words count as much as beside vectors, where the embedder does not know the language.
        return max(evidence_of_words_alone(share), BASE + evidence_of_words(share, self._query.trust))

    def _question(self, seq: int) -> float:
        """Return the evidence against a turn of a conversation that is a question."""
        return QUESTION if seq in self._cosines and is_question(self.matches.terms[seq]) else 0.0

    def _is_identical(self, cosine: float, share: float) -> bool:
        return cosine >= IDENTICAL and (self._query.trust == 1 or share > 0.999)

    def _surprise(self, seq: int, script: str, cosine: float) -> float:
        calibration = self._calibrations.get(script)
        if calibration is None:
            prior = self._prior(script)
            calibration = self._query.profile.calibration(script, self._query.vector, prior)
            self._calibrations[script] = calibration
        surprise = (cosine - calibration.mean) / max(calibration.deviation, 1e-6)
        # The highest of several cosines is high by chance: about as much as this, if they are normally distributed.
        return surprise - math.log(self._parts.get(seq, 1)) / max(surprise, _LEAST_SURPRISE)

    def _prior(self, script: str) -> Calibration:
        """Return what is known of the embedder's cosines with memories in a script."""
        known, trust = self._query.space.calibration, self._query.trust
        if (script == "latin" and trust == 1) or not self._unfamiliar:
            return known
        other = self._unfamiliar.get(script, self._unfamiliar["other"])
        part = trust if script == "latin" else 0.0
        mean = part * known.mean + (1 - part) * other.mean
        return Calibration(mean, part * known.deviation + (1 - part) * other.deviation)


def _script_of(terms: str) -> str:
    return "latin" if terms.isascii() else script_of(terms.split())
