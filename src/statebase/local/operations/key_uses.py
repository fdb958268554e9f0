"""The uses of API keys that are not in the store yet."""

from __future__ import annotations

from typing import Mapping

from ..._base.locks import FrameLock


class KeyUses:
    """Uses of API keys that are not stored yet, so that reads need not write."""

    def __init__(self) -> None:
        self._uses: dict[str, tuple[int, int]] = {}
        self._lock = FrameLock()

    @property
    def are_pending(self) -> bool:
        """Whether there are uses to store."""
        return bool(self._uses)

    def count(self, key_id: str, now_us: int) -> None:
        """Count a request."""
        self._add(key_id, 1, now_us)

    def take(self) -> dict[str, tuple[int, int]]:
        """Return and reset the counts: the number of requests and the time of the last one, by key."""
        if not self._uses:
            return {}
        with self._lock.held():
            uses, self._uses = self._uses, {}
        return uses

    def put_back(self, uses: Mapping[str, tuple[int, int]]) -> None:
        """Add counts back that could not be stored."""
        for key_id, (requests, last_used_us) in uses.items():
            self._add(key_id, requests, last_used_us)

    def _add(self, key_id: str, requests: int, last_used_us: int) -> None:
        with self._lock.held():
            counted, last_counted_us = self._uses.get(key_id, (0, 0))
            self._uses[key_id] = (counted + requests, max(last_counted_us, last_used_us))
