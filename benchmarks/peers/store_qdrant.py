"""qdrant-client in its local mode."""

from __future__ import annotations

from typing import Any

from qdrant_client import QdrantClient, models

from benchmarks.peers.vectors import DIMENSIONS, documents, query, session_of

_AT_ONCE = 1000


class Sync:
    def __init__(self, address: str) -> None:
        self._count = int(address)
        self._client = QdrantClient(":memory:")
        vectors = models.VectorParams(size=DIMENSIONS, distance=models.Distance.COSINE)
        self._client.create_collection("memories", vectors_config=vectors)

    def fill(self) -> None:
        for start in range(0, self._count, _AT_ONCE):
            points = [
                models.PointStruct(
                    id=number,
                    vector=documents(self._count)[number].tolist(),
                    payload={"content": str(number), "session": session_of(number)},
                )
                for number in range(start, min(start + _AT_ONCE, self._count))
            ]
            self._client.upsert("memories", points)

    def search(self) -> Any:
        return self._client.query_points("memories", query=query().tolist(), limit=10)

    def search_session(self) -> Any:
        match = models.MatchValue(value=session_of(self._count - 1))
        of_session = models.Filter(must=[models.FieldCondition(key="session", match=match)])
        return self._client.query_points("memories", query=query().tolist(), query_filter=of_session, limit=10)
