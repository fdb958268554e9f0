"""The engine: the operations on a store; opening, sharing, closing and backing up the store."""

from __future__ import annotations

import os
from typing import Any, Callable, Literal, Optional, Sequence, Union

from .._base.limits import LONGEST_TTL_SECONDS
from .._base.locks import FrameLock
from .caller import LOCAL
from .clock import Clock, machine_clock
from .clock import read as read_clock
from .errors import EngineError
from .operations.api import Operations
from .operations.core import Core
from .search.embedder import Embedder
from .search.embedding import as_embedder
from .search.opening import open_search
from .storage.location import is_url
from .storage.sqlite.connection import MEMORY
from .storage.store import Store

Durability = Literal["full", "normal"]
"""`"full"`: completed writes survive a power failure. `"normal"`: the last writes may be lost in one; faster."""

EmbedFunction = Callable[[Sequence[str]], Any]
"""A function that returns one vector for each text: the simplest embedder."""

_PURGED_AT_ONCE = 100

_engines: dict[str, Engine] = {}
"""The engines of this process on files, by path."""
_registry_lock = FrameLock()


class Engine(Operations):
    """StateBase in this process. Threads can share one; `Engine.open` opens it.

    Every operation takes its path parameters, then its body or query, then the caller. Errors are raised as
    `EngineError`; then nothing was changed.

    Example:
        >>> from statebase.local import Engine
        >>> from statebase.models import SessionCreateRequest
        >>> engine = Engine.open()
        >>> session = engine.create_session(SessionCreateRequest(agent_id="support"))
        >>> engine.get_state(session.id).version
        0
        >>> engine.close()
    """

    def __init__(self, core: Core, *, path: str, quick: bool, options: tuple[object, ...]) -> None:
        super().__init__(core)
        self.now_us = core.now_us
        self.find_response = core.find_response
        self.store_response = core.store_response
        self._path = path
        self._quick = quick
        self._options = options
        self._openers = 1

    @classmethod
    def open(
        cls,
        path: Union[str, os.PathLike[str]] = MEMORY,
        *,
        embedder: Union[Embedder, EmbedFunction, None] = None,
        durability: Durability = "full",
        default_ttl_seconds: int = 86400,
        clock: Optional[Clock] = None,
    ) -> Engine:
        """Open a store, and create it if it does not exist. Call `close` once for each call of `open`.

        Args:
            path: The file; not on a network disk. Opening a file again in this process returns the same engine.
                `":memory:"`: a new store that exists until it is closed. A URL such as
                `"postgresql://user@host:5432/database"`: a PostgreSQL database, which any number of processes share.
            embedder: Computes the vectors for semantic search. Default: the model of `statebase[local]` if it is
                installed, else keyword search.
            durability: `"full"`: completed writes survive a power failure. `"normal"`: they survive a crash of the
                process, or on PostgreSQL of the engine; faster.
            default_ttl_seconds: The lifetime of sessions created without one, 1 to 2,592,000 seconds.
            clock: Returns the current time as an aware datetime. Default: the system clock.

        Raises:
            EngineError: The file cannot be opened, was written by a newer version, or is open with other options.
        """
        if durability not in ("full", "normal"):
            raise EngineError(400, "invalid_request", "durability must be 'full' or 'normal'.", "durability")
        if type(default_ttl_seconds) is not int:
            message = f"default_ttl_seconds must be an integer, got {type(default_ttl_seconds).__name__}."
            raise EngineError(400, "invalid_request", message, "default_ttl_seconds")
        if not 1 <= default_ttl_seconds <= LONGEST_TTL_SECONDS:
            message = f"default_ttl_seconds must be from 1 to {LONGEST_TTL_SECONDS:,}, got {default_ttl_seconds}."
            raise EngineError(400, "invalid_request", message, "default_ttl_seconds")
        if clock is not None and not callable(clock):
            message = f"clock must be a function that returns an aware datetime, got {type(clock).__name__}."
            raise EngineError(400, "invalid_request", message, "clock")
        if not _is_path(path):
            message = f"path must be a non-empty file path or ':memory:', got {type(path).__name__}."
            raise EngineError(400, "invalid_request", message, "path")
        name = os.fspath(path)
        if name == MEMORY:
            return cls._made(name, embedder, durability, default_ttl_seconds, clock)
        options = (embedder, durability, default_ttl_seconds, clock)
        if not is_url(name):
            name = os.path.realpath(name)
        with _registry_lock.held():
            engine = _engines.get(name)
            if engine is None or not engine.is_intact:
                engine = _engines[name] = cls._made(name, embedder, durability, default_ttl_seconds, clock)
            elif engine._options != options:
                shown = engine._core.store.database.name
                message = (
                    f"{shown} is already open in this process with other options: pass the same ones, or close it."
                )
                raise EngineError(400, "invalid_request", message, "path")
            else:
                engine._openers += 1
        return engine

    @classmethod
    def _made(
        cls,
        path: str,
        embedder: Union[Embedder, EmbedFunction, None],
        durability: Durability,
        default_ttl_seconds: int,
        clock: Optional[Clock],
    ) -> Engine:
        chosen = as_embedder(embedder)
        if clock is not None:
            read_clock(clock)  # checked before a file is created
        store = Store(path, durability)
        core = Core(store, open_search(store, chosen), machine_clock if clock is None else clock, default_ttl_seconds)
        options = (embedder, durability, default_ttl_seconds, clock)
        return cls(core, path=path, quick=path == MEMORY and chosen is None, options=options)

    @property
    def is_quick(self) -> bool:
        """Whether no operation waits for a disk, another process or an embedder."""
        return self._quick

    @property
    def in_memory(self) -> bool:
        """Whether the store is in memory: nothing waits for a disk or another process."""
        return self._core.store.database.in_memory

    @property
    def reads_at_once(self) -> bool:
        """Whether a read that begins now waits for no other thread; in memory, also a write."""
        return self._core.store.database.reads_at_once

    @property
    def is_intact(self) -> bool:
        """Whether the file is still the one that was opened. After it was removed or replaced, all operations fail.

        Opening the path again then returns a new engine.
        """
        return self._core.store.database.is_intact

    def settle(self) -> None:
        """Roll back the transaction of a call in this thread that an exception of a signal handler interrupted.

        The next call of any thread would also do that, but other processes could not write until then.
        """
        self._core.store.database.settle()

    def close(self) -> None:
        """Close the store if this is the last of its openings."""
        with _registry_lock.held():
            self._openers -= 1
            if self._openers > 0:
                return
            if _engines.get(self._path) is self:
                del _engines[self._path]
        self._core.close()

    def backup(self, path: Union[str, os.PathLike[str]]) -> None:
        """Copy the store to a file while it is in use. An existing file is replaced when the copy is complete.

        Raises:
            EngineError: The copy cannot be written.
        """
        self._core.store.database.backup(os.fspath(path))

    def purge(self) -> int:
        """Remove expired sessions and all their data except traces.

        Returns:
            The number of removed sessions.
        """
        removed = _PURGED_AT_ONCE
        total = 0
        # In batches, so that other writes can run in between.
        while removed == _PURGED_AT_ONCE:
            removed = self._purge_some(LOCAL, _PURGED_AT_ONCE)
            total += removed
        return total

    def tidy(self) -> bool:
        """Do a little of what is left to clean up, such as removing sessions that expired 30 days ago.

        Writes do some of it too: call this where nothing may write for long, or to get done sooner. It never raises.

        Returns:
            Whether there is more of it.
        """
        return self._core.chores.do(self.now_us())


def _is_path(value: object) -> bool:
    return isinstance(value, (str, os.PathLike)) and value != ""
