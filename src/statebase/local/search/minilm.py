"""The embedder of `statebase[local]`: all-MiniLM-L6-v2, its weights rounded to eight bits."""

from __future__ import annotations

import functools
from typing import Mapping, NamedTuple, Sequence

import numpy as np
import statebase_minilm
from numpy.typing import NDArray

from ..language.stop_words import foreign_part
from .calibration import Calibration
from .embedder import Kind
from .encoder import LONGEST, WIDTH, Encoder
from .wordpiece import WordPiece


class _Model(NamedTuple):
    tokenizer: WordPiece
    encoder: Encoder
    start: int
    end: int


class MiniLM:
    """Embeds a text with all-MiniLM-L6-v2. It needs no network; a sentence takes some 5 milliseconds of one thread."""

    id = statebase_minilm.ID
    calibration = Calibration(mean=0.04938, deviation=0.079127)
    """The result of `VectorSpace` for this model, so that a new store need not wait for 80 texts."""
    unfamiliar: Mapping[str, Calibration] = {
        "latin": Calibration(0.40, 0.09),
        "cjk": Calibration(0.50, 0.09),
        "hangul": Calibration(0.60, 0.10),
        "cyrillic": Calibration(0.57, 0.09),
        "arabic": Calibration(0.74, 0.08),
        "other": Calibration(0.70, 0.25),
    }
    """The same for texts of other languages, by their script; `other` for the rest."""

    def embed(self, texts: Sequence[str], kind: Kind) -> NDArray[np.float32]:
        """Return one vector a text; of zeros for a text of which it knows no part, such as emoji.

        A text longer than the model reads is cut into equal parts, and has the mean of their vectors.
        """
        # One by one, so that a text has the same vector whatever it is embedded with; together is hardly faster.
        return np.stack([_vector(text) for text in texts])

    def familiarity(self, text: str) -> float:
        """Return how much of a text is in English, the language that the model knows: 0..1."""
        return _model().tokenizer.known_part(text) * (1 - foreign_part(text))


def _vector(text: str) -> NDArray[np.float32]:
    model = _model()
    pieces = model.tokenizer.encode(text)
    if all(piece == model.tokenizer.unknown for piece in pieces):
        # To the model all such texts are the same.
        return np.zeros(WIDTH, np.float32)
    parts = -(-len(pieces) // (LONGEST - 2))
    vector = np.zeros(WIDTH, np.float32)
    for part in range(parts):
        start, end = (len(pieces) * place // parts for place in (part, part + 1))
        vector += model.encoder.mean([model.start, *pieces[start:end], model.end])
    vector /= parts
    return vector


@functools.lru_cache(maxsize=1)
def _model() -> _Model:
    vocabulary = statebase_minilm.VOCABULARY.read_text("utf-8").splitlines()
    with statebase_minilm.WEIGHTS.open("rb") as file, np.load(file) as arrays:
        encoder = Encoder(arrays)
    return _Model(WordPiece(vocabulary), encoder, vocabulary.index("[CLS]"), vocabulary.index("[SEP]"))
