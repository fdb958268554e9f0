"""What an embedder has to be, for programs that bring one of their own."""

from __future__ import annotations

from .search.embedding import Embedder, EmbedderLike, Kind

__all__ = ["Embedder", "EmbedderLike", "Kind"]
