"""The protocol of embedders, for applications that pass their own."""

from __future__ import annotations

from .search.embedder import Embedder, Kind
from .search.embedding import EmbedderLike

__all__ = ["Embedder", "EmbedderLike", "Kind"]
