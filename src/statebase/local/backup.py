"""Restores a backup over a store: `statebase.local.backup.restore`."""

from __future__ import annotations

from .storage.sqlite.backup import restore

__all__ = ["restore"]
