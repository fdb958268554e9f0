"""Where a copy takes the place of a store, for programs: `statebase.local.backup.restore`."""

from __future__ import annotations

from .storage.sqlite.backup import restore

__all__ = ["restore"]
