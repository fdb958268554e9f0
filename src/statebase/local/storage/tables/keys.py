"""API keys: who may ask; of the keys themselves only digests."""

from __future__ import annotations

from typing import Mapping, NamedTuple, Optional

from ..database import Database

_COLUMNS = (
    "id, digest, prefix, name, owner_id, rate_limit, is_active, created_us, expires_us, last_used_us, total_requests"
)


class KeyRow(NamedTuple):
    """An API key as it is stored."""

    id: str
    digest: bytes
    prefix: str
    name: str
    owner_id: Optional[str]
    rate_limit: int
    is_active: int
    created_us: int
    expires_us: Optional[int]
    last_used_us: Optional[int]
    total_requests: int


class Keys:
    """The table of API keys."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def insert(self, key: KeyRow) -> None:
        """Store a key."""
        self._database.execute(f"INSERT INTO api_keys ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", key)

    def by_digest(self, digest: bytes) -> Optional[KeyRow]:
        """Return the key with this digest; None if there is none."""
        row = self._database.execute(f"SELECT {_COLUMNS} FROM api_keys WHERE digest = ?", (digest,)).fetchone()
        return None if row is None else KeyRow._make(row)

    def all(self) -> list[KeyRow]:
        """Return all keys, newest first."""
        rows = self._database.execute(f"SELECT {_COLUMNS} FROM api_keys ORDER BY seq DESC")
        return [KeyRow._make(row) for row in rows]

    def revoke(self, key_id: str) -> bool:
        """Make a key stop working; say whether there is such a key."""
        return self._database.execute("UPDATE api_keys SET is_active = 0 WHERE id = ?", (key_id,)).rowcount == 1

    def count_uses(self, uses: Mapping[str, tuple[int, int]]) -> None:
        """Add to the requests that came with keys: by key, how many, and when the last one came."""
        for key_id, (requests, last_used_us) in sorted(uses.items()):
            self._database.execute(
                "UPDATE api_keys SET total_requests = total_requests + ?,"
                # Another process may have stored a later use.
                " last_used_us = CASE WHEN last_used_us > ? THEN last_used_us ELSE ? END WHERE id = ?",
                (requests, last_used_us, last_used_us, key_id),
            )
