"""The tables of a store on PostgreSQL."""

from __future__ import annotations

from ..tables.entities import Entities
from ..tables.keys import Keys
from ..tables.memories import Memories
from ..tables.meta import Meta
from ..tables.states import States
from ..tables.tables import Tables
from ..tables.turns import Turns
from .database import Database
from .tables import PostgresAnswers, PostgresRemovals, PostgresSessions, PostgresTraces
from .vectors import PostgresVectors
from .words import PostgresWords


def make_tables(database: Database) -> Tables:
    """Return the tables."""
    meta = Meta(database)
    vectors = PostgresVectors(database, database.facts)
    words = PostgresWords(database, meta)
    return Tables(
        meta=meta,
        sessions=PostgresSessions(database, meta, database.facts),
        states=States(database),
        turns=Turns(database),
        memories=Memories(database, vectors, words),
        vectors=vectors,
        words=words,
        entities=Entities(database),
        traces=PostgresTraces(database),
        answers=PostgresAnswers(database),
        keys=Keys(database),
        removals=PostgresRemovals(database),
    )
