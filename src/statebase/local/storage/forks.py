"""Forks of the process: every open database prepares for one, and goes on after it."""

from __future__ import annotations

import os
import weakref
from types import FrameType
from typing import Protocol

from ..._base.locks import FrameLock, Owner, calling_frame


class Forked(Protocol):
    """A database that prepares for forks."""

    def before_fork(self, frame: FrameType) -> None:
        """Prepare for a fork.

        Args:
            frame: The frame that forks.
        """
        ...

    def after_fork(self) -> None:
        """Go on, in the parent or in the child."""
        ...


_databases: weakref.WeakSet[Forked] = weakref.WeakSet()
_fork_lock = FrameLock()
_forks: list[tuple[Owner, list[Forked]]] = []
"""The fork under way, and the databases that wait for it."""


def register(database: Forked) -> None:
    """Tell a database of forks as long as it exists."""
    _databases.add(database)


def _before_fork() -> None:
    frame = calling_frame()
    owner = _fork_lock.acquire(frame)
    databases = sorted(_databases, key=id)
    if owner is not None:
        _forks.append((owner, databases))
    for database in databases:
        database.before_fork(frame)


def _after_fork() -> None:
    owner, databases = _forks.pop()
    for database in databases:
        database.after_fork()
    _fork_lock.release(owner)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)
