"""The weights that statebase searches by meaning with: all-MiniLM-L6-v2, eight bits each."""

from __future__ import annotations

from importlib.resources import files

ID = "all-MiniLM-L6-v2-int8-v1"
"""Identifies the vector space; other weights get another ID, so that vectors of different models are not compared."""

WEIGHTS = files(__name__) / "weights.npz"
"""A numpy archive: each matrix as int8, with the factor of each row beside it as `NAME.scales`; all else as floats."""

VOCABULARY = files(__name__) / "vocab.txt"
"""The pieces that texts are cut into, a line each, in the order of the rows of `pieces`."""

__all__ = ["ID", "VOCABULARY", "WEIGHTS"]
