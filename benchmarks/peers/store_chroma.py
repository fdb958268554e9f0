"""chromadb without a server."""

from __future__ import annotations

from typing import Any

import chromadb
from chromadb.config import Settings

from benchmarks.peers.vectors import documents, query, session_of

_AT_ONCE = 1000


class Sync:
    def __init__(self, address: str) -> None:
        self._count = int(address)
        client = chromadb.EphemeralClient(Settings(anonymized_telemetry=False))
        self._memories = client.create_collection("memories", metadata={"hnsw:space": "cosine"})

    def fill(self) -> None:
        for start in range(0, self._count, _AT_ONCE):
            numbers = range(start, min(start + _AT_ONCE, self._count))
            self._memories.add(
                ids=[str(number) for number in numbers],
                embeddings=documents(self._count)[numbers.start : numbers.stop],
                documents=[str(number) for number in numbers],
                metadatas=[{"session": session_of(number)} for number in numbers],
            )

    def search(self) -> Any:
        return self._memories.query(query_embeddings=[query().tolist()], n_results=10)

    def search_session(self) -> Any:
        where: Any = {"session": session_of(self._count - 1)}
        return self._memories.query(query_embeddings=[query().tolist()], n_results=10, where=where)
