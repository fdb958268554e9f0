"""Stores that are searched with a given embedder, and an embedder whose vectors a test can choose."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Sequence, Tuple

import numpy as np
import pytest

from statebase._generated.models import MemoryCreateRequest, MemoryUpdateRequest, SessionCreateRequest
from statebase._generated.queries import SearchMemoriesQuery
from statebase.local.operations.api import Operations
from statebase.local.operations.core import Core
from statebase.local.search.embedding import as_embedder
from statebase.local.search.keywords import KeywordSearch
from statebase.local.search.search import SearchIndex
from statebase.local.search.vector_cache import CachedVectors
from statebase.local.storage.store import Store

DATA = Path(__file__).parent.parent / "data"


class ToyEmbedder:
    """Gives a text the vector that was set for it, or one that only its letters and the seed decide."""

    def __init__(self, identifier: str = "toy", *, seed: str = "", dimensions: int = 8) -> None:
        self.id = identifier
        self.vectors: Dict[str, Sequence[float]] = {}
        self.embedded: List[str] = []
        self._seed = seed
        self._dimensions = dimensions

    def embed(self, texts: Sequence[str], kind: str) -> Any:
        self.embedded += texts
        return [self.vectors[text] if text in self.vectors else self._vector(text) for text in texts]

    def _vector(self, text: str) -> Any:
        digest = hashlib.sha256((self._seed + text).encode()).digest()
        return np.random.default_rng(int.from_bytes(digest[:8], "little")).standard_normal(self._dimensions)


class Memories:
    """The operations on the memories of a store that is searched with an embedder."""

    def __init__(self, path: str, embedder: Any, clock: Any) -> None:
        chosen = as_embedder(embedder)
        assert chosen is not None
        self.store = Store(path, "normal")
        self.vectors: Any = self.store.vector_index or CachedVectors(self.store.vectors)
        self.index = SearchIndex(chosen, self.store.vectors, self.vectors, KeywordSearch(self.store.words))
        self.operations = Operations(Core(self.store, self.index, clock, 86400))
        self.session_id = self.new_session()

    def new_session(self, user_id: Any = None) -> str:
        return str(self.operations.create_session(SessionCreateRequest(agent_id="agent", user_id=user_id)).id)

    def add(self, content: str, session_id: Any = None, **fields: Any) -> str:
        body = MemoryCreateRequest(session_id=session_id or self.session_id, content=content, **fields)
        return str(self.operations.create_memory(body).id)

    def update(self, memory_id: str, **fields: Any) -> None:
        self.operations.update_memory(memory_id, MemoryUpdateRequest(**fields))

    def search(self, query: str, *, threshold: float = 0.0, **fields: Any) -> List[Tuple[str, float]]:
        """Return content and score of what is found."""
        parameters = SearchMemoriesQuery(query=query, threshold=threshold, **fields)
        return [(result.content, result.score) for result in self.operations.search_memories(parameters).data]

    def found(self, query: str, **fields: Any) -> List[str]:
        """Return the content of what is found."""
        return [content for content, _ in self.search(query, **fields)]


@pytest.fixture
def make_toy() -> Callable[..., ToyEmbedder]:
    return ToyEmbedder


@pytest.fixture
def toy() -> ToyEmbedder:
    return ToyEmbedder()


@pytest.fixture
def open_memories(engine_clock: Any, new_location: Callable[[], str]) -> Iterator[Callable[..., Memories]]:
    """Open stores, with the embedder of `statebase[local]` unless another is given; they are closed after the test."""
    opened: List[Memories] = []

    def opener(path: Any = None, embedder: Any = None) -> Memories:
        opened.append(Memories(new_location() if path is None else str(path), embedder, engine_clock))
        return opened[-1]

    yield opener
    for memories in opened:
        memories.store.database.close()


@pytest.fixture
def memories(open_memories: Callable[..., Memories], toy: ToyEmbedder) -> Memories:
    """A store that is searched with `toy`."""
    return open_memories(embedder=toy)


@pytest.fixture(scope="session")
def paraphrases() -> Any:
    return json.loads((DATA / "paraphrases.json").read_text("utf-8"))
