"""The opening of a store on PostgreSQL."""

from __future__ import annotations

from typing import Optional

from ...memory_search import VectorIndex
from ..tables.tables import Tables
from .database import Database
from .make_tables import make_tables
from .vectors import DatabaseVectors


def open_database(url: str, durability: str) -> tuple[Database, Tables, Optional[VectorIndex]]:
    """Open a database.

    Returns:
        The database, its tables, and what compares vectors in it; None for the last if it has no table of vectors.

    Raises:
        EngineError: The database cannot be used, with what to do.
    """
    database = Database(url, durability)
    index = DatabaseVectors(database, database.facts) if database.facts.has_vectors else None
    return database, make_tables(database), index
