"""Which search a store gets."""

from __future__ import annotations

from typing import Optional

from ..memory_search import MemorySearch
from ..storage.store import Store
from .embedder import Embedder
from .keywords import KeywordSearch

_NO_VECTORS = (
    "the database has no pgvector 0.8 or later within its search_path: install it on the server, run CREATE EXTENSION "
    "vector as a user who may do so, and open the store again."
)


def open_search(store: Store, embedder: Optional[Embedder]) -> MemorySearch:
    """Return what finds the memories of a store.

    Args:
        store: The store.
        embedder: Turns texts into vectors; None to search by words.
    """
    if embedder is None:
        return KeywordSearch(store.words, is_fallback=True)
    if not store.has_vectors:
        return KeywordSearch(store.words, is_fallback=True, advice=_NO_VECTORS)
    # Only semantic search needs numpy, and the time to import it.
    from .search import SearchIndex
    from .vector_cache import CachedVectors

    index = CachedVectors(store.vectors) if store.vector_index is None else store.vector_index
    return SearchIndex(embedder, store.vectors, index, KeywordSearch(store.words))
