"""Entities: the things that a session deals with, and what is known about them."""

from __future__ import annotations

from typing import NamedTuple, Optional

from ..database import Database
from .filters import conditions, number_of

_SELECT = (
    "SELECT e.seq, e.id, e.session_seq, s.id, e.entity_type, e.entity_id, e.attributes,"
    " e.created_us, e.updated_us, e.version"
    " FROM entities e JOIN sessions s ON s.seq = e.session_seq"
)
_INTEGER_MAX = 2**63 - 1


class EntityRow(NamedTuple):
    """An entity as it is stored; attributes as JSON text."""

    seq: int
    id: str
    session_seq: int
    session_id: str
    entity_type: str
    entity_id: str
    attributes: str
    created_us: int
    updated_us: int
    version: int


class Entities:
    """The table of entities. An entity is there as long as its session lives."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def insert(
        self, new_id: str, session_seq: int, entity_type: str, entity_id: str, attributes: str, now_us: int
    ) -> None:
        """Store a new entity, as version 1."""
        self._database.execute(
            "INSERT INTO entities"
            " (id, session_seq, entity_type, entity_id, attributes, created_us, updated_us, version)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, 1)",
            (new_id, session_seq, entity_type, entity_id, attributes, now_us, now_us),
        )

    def exists(self, session_seq: int, entity_type: str, entity_id: str) -> bool:
        """Say whether the session has this entity."""
        row = self._database.execute(
            "SELECT 1 FROM entities WHERE session_seq = ? AND entity_type = ? AND entity_id = ?",
            (session_seq, entity_type, entity_id),
        ).fetchone()
        return row is not None

    def find(self, new_id: str, now_us: int) -> Optional[EntityRow]:
        """Return an entity; None if there is none, or its session has expired."""
        self._database.lock(
            "SELECT 1 FROM sessions WHERE seq = (SELECT session_seq FROM entities WHERE id = ?) FOR UPDATE", (new_id,)
        )
        row = self._database.execute(_SELECT + " WHERE e.id = ? AND s.expires_us > ?", (new_id, now_us)).fetchone()
        return None if row is None else EntityRow._make(row)

    def seq_of(self, entity_id: str) -> Optional[int]:
        """Return the number of an entity, of one that was deleted lately as well; None if there is none."""
        return number_of(self._database, "entities", entity_id)

    def page(
        self,
        now_us: int,
        limit: int,
        before_seq: Optional[int],
        *,
        session_id: Optional[str],
        entity_type: Optional[str],
    ) -> list[EntityRow]:
        """Return at most `limit` entities that pass all filters given, newest first."""
        condition, values = conditions(self._database, {"s.id": session_id}, {"e.entity_type": entity_type})
        rows = self._database.execute(
            f"{_SELECT} WHERE e.seq < ? AND s.expires_us > ?{condition} ORDER BY e.seq DESC LIMIT ?",
            (_INTEGER_MAX if before_seq is None else before_seq, now_us, *values, limit),
        )
        return [EntityRow._make(row) for row in rows]

    def update(self, seq: int, attributes: str, version: int, now_us: int) -> None:
        """Replace the attributes of an entity."""
        self._database.execute(
            "UPDATE entities SET attributes = ?, version = ?, updated_us = ? WHERE seq = ?",
            (attributes, version, now_us, seq),
        )

    def delete(self, seq: int) -> None:
        """Remove an entity."""
        self._database.execute("DELETE FROM entities WHERE seq = ?", (seq,))

    def count_of(self, session_seq: int) -> int:
        """Count the entities of a session."""
        row = self._database.execute("SELECT count(*) FROM entities WHERE session_seq = ?", (session_seq,)).fetchone()
        return int(row[0])

    def delete_some(self, session_seq: int, limit: int) -> int:
        """Remove at most `limit` entities of a session and return how many that were."""
        return self._database.execute(
            "DELETE FROM entities WHERE seq IN (SELECT seq FROM entities WHERE session_seq = ? LIMIT ?)",
            (session_seq, limit),
        ).rowcount
