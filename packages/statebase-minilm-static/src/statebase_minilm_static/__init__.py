"""The weights that statebase searches by meaning with: one vector for each token of all-MiniLM-L6-v2's vocabulary."""

from __future__ import annotations

from importlib.resources import files

ID = "minilm-static-256-v1"
"""Names the vector space; other weights get another id, so that nobody compares vectors of the one with the other."""

VECTORS = files(__name__) / "vectors.npz"
"""A numpy archive: `vectors`, int8, a row a token, and `scales`, float16, the factor of each row."""

VOCABULARY = files(__name__) / "vocab.txt"
"""The tokens, a line each, in the order of the rows."""

__all__ = ["ID", "VECTORS", "VOCABULARY"]
