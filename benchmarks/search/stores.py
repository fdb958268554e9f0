"""Stores of vectors that are given the vectors of this SDK: what a search by vectors alone finds.

Run as `python -m benchmarks.search.stores NAME` in the environment of the stores, it reads vectors from the standard
input and writes the order in which the store ranks them.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any, Callable, Sequence

from benchmarks.environment import STORES_PYTHON
from benchmarks.processes import ROOT
from benchmarks.search.texts import Text

_AT_ONCE = 64
_LIMIT = 5
_Vectors = list[list[float]]
_Orders = list[list[int]]


def ranked_by_stores(texts: Sequence[tuple[Sequence[Text], Sequence[Text]]], embedder: Any) -> dict[str, list[_Orders]]:
    """Rank memories for questions in each store that is installed; name the others in a line each.

    Args:
        texts: Pairs of memories and the questions about them.
        embedder: An embedder, or None for the default one.

    Returns:
        By the name of a store, for each pair and question, the numbers of the first memories.
    """
    from statebase.local.search.embedding import as_embedder

    model = as_embedder(embedder)
    if model is None:
        print("\nThere is no embedder: install statebase[local]. Stores of vectors are left out.")
        return {}
    vectors = [
        (_embed(model, memories, "document"), _embed(model, questions, "query")) for memories, questions in texts
    ]
    found = {}
    for name in _STORES:
        if not _is_installed(name):
            print(f"\n{name} is not installed and is left out: `python -m benchmarks.environment` installs it.")
            continue
        command = [str(STORES_PYTHON), "-m", "benchmarks.search.stores", name]
        finished = subprocess.run(
            command, input=json.dumps(vectors), cwd=ROOT, check=True, stdout=subprocess.PIPE, encoding="utf-8"
        )
        found[name] = json.loads(finished.stdout)
    return found


def _is_installed(name: str) -> bool:
    if not STORES_PYTHON.exists():
        return False
    module = {"chromadb": "chromadb", "qdrant": "qdrant_client"}[name]
    check = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({module!r}) is None)"
    return subprocess.run([str(STORES_PYTHON), "-c", check]).returncode == 0


def _embed(model: Any, texts: Sequence[Text], kind: str) -> _Vectors:
    vectors: _Vectors = []
    for start in range(0, len(texts), _AT_ONCE):
        batch = model.embed([text.text for text in texts[start : start + _AT_ONCE]], kind)
        vectors += [[float(number) for number in vector] for vector in batch]
    return vectors


def _chromadb(memories: _Vectors, questions: _Vectors) -> _Orders:
    import chromadb
    from chromadb.config import Settings

    client = chromadb.EphemeralClient(Settings(anonymized_telemetry=False, allow_reset=True))
    client.reset()
    collection = client.create_collection("memories", metadata={"hnsw:space": "cosine"})
    collection.add(ids=[str(number) for number in range(len(memories))], embeddings=memories)
    found = collection.query(query_embeddings=questions, n_results=_LIMIT, include=[])
    return [[int(number) for number in order] for order in found["ids"]]


def _qdrant(memories: _Vectors, questions: _Vectors) -> _Orders:
    from qdrant_client import QdrantClient, models

    client = QdrantClient(":memory:")
    size = models.VectorParams(size=len(memories[0]), distance=models.Distance.COSINE)
    client.create_collection("memories", vectors_config=size)
    points = [models.PointStruct(id=number, vector=vector) for number, vector in enumerate(memories)]
    client.upsert("memories", points)
    return [
        [int(point.id) for point in client.query_points("memories", query=vector, limit=_LIMIT).points]
        for vector in questions
    ]


_STORES: dict[str, Callable[[_Vectors, _Vectors], _Orders]] = {"chromadb": _chromadb, "qdrant": _qdrant}


if __name__ == "__main__":
    json.dump([_STORES[sys.argv[1]](*pair) for pair in json.load(sys.stdin)], sys.stdout)
