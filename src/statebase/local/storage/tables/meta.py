"""Facts about the store itself."""

from __future__ import annotations

from typing import Mapping, Optional, Sequence

from ..database import Database, Result
from .filters import marks


class Meta:
    """The table of facts, by key."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, key: str) -> Optional[str]:
        """Return a value, or None."""
        row = self._database.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return None if row is None else str(row[0])

    def select(self, keys: Sequence[str]) -> Result:
        """Select keys and values, of the keys that have one."""
        return self._database.execute(f"SELECT key, value FROM meta WHERE key IN ({marks(keys)})", keys)

    def set(self, values: Mapping[str, str]) -> None:
        """Store values, replacing those that are there."""
        self._database.execute_many(
            "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            list(values.items()),
        )

    def delete(self, key: str) -> None:
        """Remove a value."""
        self._database.execute("DELETE FROM meta WHERE key = ?", (key,))
