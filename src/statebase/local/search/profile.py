"""The distribution of the vectors of a store: what all its memories have in common says nothing about one of them.

The memories of one user are of one world, and those in a language that the model does not know are all alike to it.
So a cosine is compared with those that the query has with the store's memories at large: their mean vector says what
to expect, and how far the pairs of some of them lie from it says what is far. The profile is kept in the store.
"""

from __future__ import annotations

import base64
import json
from typing import Mapping, NamedTuple, Optional, Sequence

import numpy as np
from numpy.typing import NDArray

from ..language.script import script_of
from ..language.terms import terms_of
from .calibration import Calibration

Vectors = NDArray[np.float32]

KEY = "search.profile"
SAMPLE = 256
"""So many memories are looked at."""
_AT_LEAST = 8
"""Fewer memories of a script say nothing."""
_PRIOR = 20
"""The embedder's own calibration counts as much as so many memories."""
_GROWTH = 1.5
"""The profile is computed again when the store has grown by this factor."""


class Script(NamedTuple):
    """The distribution of the vectors of memories in one script."""

    size: int
    """How many were looked at."""
    mean: Vectors
    deviation: float


class Profile(NamedTuple):
    """The distribution of the vectors of a store, by script."""

    token: str
    """The space of the vectors."""
    newest: int
    """The newest memory when the profile was made."""
    scripts: Mapping[str, Script]

    def fits(self, token: str, newest: int) -> bool:
        """Whether the profile still holds for a store, whose newest memory is given."""
        return self.token == token and newest <= max(self.newest, _AT_LEAST - 1) * _GROWTH

    def calibration(self, script: str, query: Vectors, prior: Calibration) -> Calibration:
        """Return what the cosines of unrelated memories in a script with a query are like.

        Args:
            script: The script.
            query: The vector of the query.
            prior: What they are like in general.
        """
        known = self.scripts.get(script)
        if known is None:
            return prior
        weight = known.size / (known.size + _PRIOR)
        mean = weight * float(known.mean @ query) + (1 - weight) * prior.mean
        # Questions lie closer together than memories do, which share speakers and forms.
        deviation = max(known.deviation, 1e-6) ** (weight / 2) * max(prior.deviation, 1e-6) ** (1 - weight / 2)
        return Calibration(mean, deviation)

    def text(self) -> str:
        """Return the profile as the store keeps it."""
        scripts = {
            name: [script.size, base64.b64encode(script.mean.astype("<f2").tobytes()).decode(), script.deviation]
            for name, script in self.scripts.items()
        }
        return json.dumps({"token": self.token, "newest": self.newest, "scripts": scripts})


def read_profile(text: Optional[str]) -> Profile:
    """Return the profile that a store keeps; one that says nothing if it keeps none."""
    if text is None:
        return Profile("", 0, {})
    stored = json.loads(text)
    scripts = {
        name: Script(size, np.frombuffer(base64.b64decode(mean), "<f2").astype(np.float32), deviation)
        for name, (size, mean, deviation) in stored["scripts"].items()
    }
    return Profile(stored["token"], stored["newest"], scripts)


def make_profile(token: str, newest: int, contents: Sequence[str], vectors: Vectors) -> Profile:
    """Return the profile of a store.

    Args:
        token: The space of the vectors.
        newest: The newest memory.
        contents: The texts of some memories.
        vectors: Their vectors.
    """
    rows: dict[str, list[int]] = {}
    for row, content in enumerate(contents):
        rows.setdefault(script_of(terms_of(content)), []).append(row)
    scripts: dict[str, Script] = {}
    for name, places in rows.items():
        if len(places) >= _AT_LEAST:
            own = vectors[places]
            mean: Vectors = own.mean(0)
            # Products in small tiles, for the reason that `encoder.py` gives.
            cosines: Vectors = np.einsum("ik,jk->ij", own, own)
            beyond = (cosines - (own @ mean)[:, None])[~np.eye(len(own), dtype=np.bool_)]
            scripts[name] = Script(len(places), mean, round(float(beyond.std()), 6))
    return Profile(token, newest, scripts)
