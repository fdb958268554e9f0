"""Stores in schemas of one database are stores of their own, though one is in the search_path of the other."""

from __future__ import annotations

from typing import Any, Iterator, Tuple

import pytest

from statebase import StateBase

pytest.importorskip("psycopg")


@pytest.fixture
def urls(postgres_server: Any) -> Iterator[Tuple[str, str]]:
    """The URLs of two empty stores; the search_path of the second has the schema of the first behind its own."""
    schemas = ("behind", "before")
    for schema in schemas:
        postgres_server.admin.execute(f"CREATE SCHEMA {schema}")
    behind, before = map(postgres_server.url_of, schemas)
    yield behind, before.replace("before,", "before,behind,")
    for schema in schemas:
        postgres_server.admin.execute(f"DROP SCHEMA {schema} CASCADE")


def test_vectors_are_of_their_store(urls: Tuple[str, str], postgres_server: Any) -> None:
    """Both stores number their memories alike, and each has its own table and index of vectors."""
    for url, text in zip(urls, ("Likes green tea", "Lives in Lisbon")):
        with StateBase.local(url, embedder=lambda texts: [[float(len(text)), 1.0] for text in texts]) as client:
            session = client.sessions.create("bot")
            client.memory.add(text, "fact", session.id)
            assert [memory.content for memory in client.memory.search(text, threshold=0)] == [text]

    tables = "SELECT schemaname FROM pg_indexes WHERE indexname LIKE 'memory_vectors%' AND schemaname IN ('behind', 'before')"
    indexes = [row[0] for row in postgres_server.admin.execute(tables)]
    assert indexes.count("behind") == indexes.count("before") >= 2
