"""Whose vectors a store holds. Cosines between vectors of different embedders mean nothing, so they must never meet."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from typing import Any, Optional, Sequence

import numpy as np
from numpy.typing import NDArray

from ..._base.locks import FrameLock
from ..errors import EngineError
from ..memory_search import MARK_BYTES, SPACE_KEY, MemoryVectors, Space
from .calibration import DOCUMENTS, QUERIES, Calibration
from .embedder import Embedder, Kind

Vectors = NDArray[np.float32]

TOKEN = "search.token"
FOREIGN = "search.foreign"
"""Set to the token while there may be many vectors of the embedder that had the store before."""
_SAME = 0.1
"""Embedders that run elsewhere do not answer the same text with the same bits; a distance up to this is the same."""


@dataclass(frozen=True)
class Settled(Space):
    """The space of a store's vectors, with the calibration of its embedder."""

    calibration: Calibration


class VectorSpace:
    """An embedder and its claim to the vectors of a store.

    The first use of a store by an embedder that the store does not know takes it over: all vectors are foreign from
    then on, and are computed again from the texts. An embedder is known by its id and by its vector of one sentence, so
    that a model that changed under its id is noticed. A process that used the store with another embedder until then
    gets an error from then on.
    """

    def __init__(self, embedder: Embedder, store: MemoryVectors) -> None:
        self._embedder = embedder
        self._store = store
        self._settled: Optional[Settled] = None
        self.lock = FrameLock()
        """For slow work that no two threads should do twice; never taken within a read or write of the store."""

    def settle(self) -> Settled:
        """Return the space of the store's vectors, which is this embedder's.

        Raises:
            EngineError: 409, if the store was taken over by another embedder meanwhile; 500, if the embedder fails.
        """
        settled = None if self._settled is None else self.settled(self._store.get_meta(TOKEN))
        if settled is not None:
            return settled
        with self.lock.held():
            self._settled = self._adopt() or self._take_over()
            return self._settled

    def settled(self, token: Optional[str]) -> Optional[Settled]:
        """Return the space of the store's vectors; None if it is unknown, or the store has another token by now."""
        settled = self._settled
        return settled if settled is not None and settled.token == token else None

    def embed(self, texts: Sequence[str], kind: Kind) -> Vectors:
        """Embed texts into one unit vector each; what the embedder raises passes through.

        Raises:
            EngineError: 500, if what the embedder returns is not one vector of finite numbers for each text.
        """
        answer = self._embedder.embed(texts, kind)
        try:
            vectors = np.asarray(answer, np.float32)
        except (TypeError, ValueError) as error:
            raise self._failure(
                f"must return one list of numbers for each text, all of the same length, got {type(answer).__name__}."
            ) from error
        if vectors.ndim != 2 or vectors.shape[0] != len(texts) or vectors.shape[1] == 0:
            raise self._failure(f"returned the shape {vectors.shape}; it must be {len(texts)} vectors of one length.")
        if self._settled is not None and vectors.shape[1] != self._settled.dimensions:
            raise self._failure(f"returned {vectors.shape[1]} dimensions, but {self._settled.dimensions} before.")
        if not np.isfinite(vectors).all():
            raise self._failure("returned a number that is not finite.")
        return unit(vectors)

    def _adopt(self) -> Optional[Settled]:
        """Return the space that the store has, if it is this embedder's; None if another may be put in its place."""
        text = self._store.get_meta(SPACE_KEY)
        if text is None:
            return None
        stored = json.loads(text)
        if stored["embedder"] == self._embedder.id:
            known = _decoded(stored["probe"])
            probe = self._probe()
            if probe.shape == known.shape and float(np.linalg.norm(probe - known)) <= _SAME:
                return _settled(text)
        if self._settled is None:
            return None
        message = (
            f"Another process has opened the store with the embedder {stored['embedder']!r}, this one searches with "
            f"{self._embedder.id!r}: open it with the same embedder everywhere."
        )
        raise EngineError(409, "conflict", message)

    def _take_over(self) -> Settled:
        calibration = getattr(self._embedder, "calibration", None)
        if not isinstance(calibration, Calibration):
            calibration = self._measured()
        description = {
            "embedder": self._embedder.id,
            "probe": _encoded(self._probe()),
            "mean": calibration.mean,
            "deviation": calibration.deviation,
        }
        text = json.dumps(description)
        settled = _settled(text)
        # The vectors that are there, and those that another process still stores, carry the mark of another space:
        # searches leave them out, and replace them.
        self._store.set_meta({SPACE_KEY: text, TOKEN: settled.token, FOREIGN: settled.token})
        return settled

    def _measured(self) -> Calibration:
        cosines: Vectors = np.einsum("ik,jk->ij", self.embed(QUERIES, "query"), self.embed(DOCUMENTS, "document"))
        return Calibration(round(float(cosines.mean()), 6), round(float(cosines.std()), 6))

    def _probe(self) -> Vectors:
        probe: Vectors = self.embed(DOCUMENTS[:1], "document")[0]
        return probe

    def _failure(self, what: str) -> EngineError:
        return EngineError(500, "internal_error", f"The embedder {self._embedder.id!r} {what}")


def pack(space: Space, vectors: Vectors) -> list[bytes]:
    """Return the form in which vectors are stored: the mark of their space, then float16, little-endian."""
    # Adding zero makes -0.0 the zero whose bytes are zeros.
    return [space.mark + row.tobytes() for row in (vectors + np.float32(0)).astype("<f2")]


def unpack(space: Space, stored: Sequence[bytes]) -> NDArray[np.float16]:
    """Return the vectors in what `pack` or `joined` returned, in order, each of about length 1."""
    size = len(space.mark) + 2 * space.dimensions
    if any(len(each) != size for each in stored):
        numbers = b"".join(each[len(space.mark) :] for each in stored)
        return np.reshape(np.frombuffer(numbers, np.dtype("<f2")), (-1, space.dimensions))
    # The mark takes the room of some numbers.
    marked = len(space.mark) // 2
    rows = np.reshape(np.frombuffer(b"".join(stored), np.dtype("<f2")), (len(stored), marked + space.dimensions))
    vectors: NDArray[np.float16] = rows[:, marked:]
    return vectors


def unit(vectors: NDArray[np.floating[Any]]) -> Vectors:
    """Return each row scaled to length 1; a row of zeros stays."""
    scaled = np.array(vectors, np.float32)
    scale(scaled)
    return scaled


def scale(vectors: Vectors) -> None:
    """Scale each row to length 1, in place; a row of zeros stays."""
    lengths: Vectors = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
    lengths[lengths == 0] = 1
    vectors /= lengths[:, None]


def _settled(text: str) -> Settled:
    stored = json.loads(text)
    digest = hashlib.sha256(text.encode()).digest()
    calibration = Calibration(stored["mean"], stored["deviation"])
    return Settled(digest.hex(), digest[:MARK_BYTES], len(_decoded(stored["probe"])), calibration)


def _encoded(vector: Vectors) -> str:
    return base64.b64encode(vector.astype("<f2").tobytes()).decode()


def _decoded(text: str) -> Vectors:
    return np.frombuffer(base64.b64decode(text), "<f2").astype(np.float32)
