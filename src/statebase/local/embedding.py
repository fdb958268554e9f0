"""What an embedder must be, for programs that bring one of their own."""

from __future__ import annotations

from .search.embedder import Embedder, Kind
from .search.embedding import EmbedderLike

__all__ = ["Embedder", "EmbedderLike", "Kind"]
