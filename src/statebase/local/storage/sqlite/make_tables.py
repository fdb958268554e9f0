"""The tables of a store on SQLite."""

from __future__ import annotations

from ..tables.answers import Answers
from ..tables.entities import Entities
from ..tables.keys import Keys
from ..tables.memories import Memories
from ..tables.meta import Meta
from ..tables.removals import Removals
from ..tables.sessions import Sessions
from ..tables.states import States
from ..tables.tables import Tables
from ..tables.traces import Traces
from ..tables.turns import Turns
from ..tables.vectors import Vectors
from ..tables.words import Words
from .database import Database


def make_tables(database: Database) -> Tables:
    """Return the tables."""
    meta = Meta(database)
    vectors = Vectors(database)
    words = Words(database, meta)
    return Tables(
        meta=meta,
        sessions=Sessions(database, meta),
        states=States(database),
        turns=Turns(database),
        memories=Memories(database, vectors, words),
        vectors=vectors,
        words=words,
        entities=Entities(database),
        traces=Traces(database),
        answers=Answers(database),
        keys=Keys(database),
        removals=Removals(database),
    )
