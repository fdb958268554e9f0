"""The threads that a process knows, so that it stores each record once, and finds the newest by one request."""

from __future__ import annotations

import hashlib
import uuid
from functools import lru_cache
from threading import Lock
from typing import Any, Dict, Optional

from .._log import Log
from .._steps import Steps
from .records import NEWEST, Found, Key, Scan

_REMEMBERED = 2_000
"""How many checkpoints of a thread are remembered."""


class Thread:
    """The records of a thread, and what this process knows of them.

    Args:
        log: The records.
        threads: All threads of the saver.
    """

    def __init__(self, log: Log, threads: Threads) -> None:
        self.log = log
        self._threads = threads
        self._lock = Lock()
        self._last: Optional[int] = None  # the number of a record that was stored or read
        self._stored: Dict[Key, int] = {}
        self._early: Dict[Key, int] = {}
        self._newest: Dict[str, int] = {}
        self._special: Dict[str, str] = {}

    def put(self, key: Key, run: str, body: Any, parent: Optional[Key]) -> Steps[None]:
        """Store a checkpoint.

        Args:
            key: Its names.
            run: The name of its run.
            body: Its content.
            parent: The checkpoint of the graph around it, from whose task it comes.
        """
        self._belongs(parent)
        with self._lock:
            bounds = [self._early.get(key), self._stored.get(key), self._last]
        bound = min((number for number in bounds if number is not None), default=None)
        number = yield from self.append(f"put {key[1]} {key[0]} {run} {'-' if bound is None else bound}", body)
        with self._lock:
            self._early.pop(key, None)
            _remember(self._stored, key, number if bound is None else min(number, bound))
            _remember(self._newest, key[0], number)

    def write(self, key: Key, task: str, body: Any, *, replaces: bool) -> Steps[None]:
        """Store writes of a task.

        Args:
            key: The names of their checkpoint.
            task: The name of the task.
            body: The writes.
            replaces: They replace earlier ones, so the same writes may follow others.
        """
        head = f"write {key[1]} {key[0]} {task}"
        self._belongs(key)
        previous = self._special.get(head, self._threads.process) if replaces else ""
        yield from self.append(head, body, previous)
        if replaces:
            with self._lock:
                _remember(self._special, head, _digest(previous, head, body))

    def append(self, head: str, body: Any, previous: str = "") -> Steps[int]:
        """Store a record, once if it is repeated, and return its number."""
        key = _digest(self._threads.generation, previous, head, body)
        number = yield from self.log.append(head, body, idempotency_key=key)
        self._last = number
        return number

    def delete(self) -> Steps[None]:
        """Delete all records from the service."""
        yield from self.log.delete()
        with self._lock:
            self._last = None
            for known in (self._stored, self._early, self._newest, self._special):
                known.clear()

    def scan(self, namespace: str, key: Optional[Key]) -> Scan:
        """Return the records for finding a checkpoint by one request, if this process knows where it is about.

        Args:
            namespace: The name of the namespace.
            key: The names of the checkpoint. None: the newest.
        """
        place = self._newest.get(namespace) if key is None else self._stored.get(key)
        if place is None or self._last is None:
            return Scan(self.log)
        return Scan(self.log, max(1, min(NEWEST, self._last - place + 8)))

    def was_written(self, namespace: str) -> bool:
        """Return whether this process stored or read checkpoints of a namespace."""
        return namespace in self._newest

    def saw(self, scan: Scan, found: Optional[Found], *, is_newest: bool) -> None:
        """Remember a checkpoint that was read."""
        with self._lock:
            self._last = scan.entries[0].number if scan.entries else 0
            if found is not None:
                _remember(self._stored, found.put.key, found.put.bound)
                if is_newest:
                    _remember(self._newest, found.put.key[0], found.put.number)

    def _belongs(self, key: Optional[Key]) -> None:
        """Note that a record which belongs to a checkpoint is about to be stored, perhaps before the checkpoint."""
        with self._lock:
            if key is not None and key not in self._stored and key not in self._early:
                _remember(self._early, key, self._last or 0)


class Threads:
    """The threads that this process knows, at most 1,000 of them.

    Args:
        agent_id: The agent of their sessions.
        user_id: The user of their sessions, if there is one.
    """

    def __init__(self, agent_id: str, user_id: Optional[str]) -> None:
        self.process = uuid.uuid4().hex
        """Makes the keys of writes that replace others different from those of other processes."""
        self.generation = ""
        """Changes when records are deleted, so that the same ones can be stored again."""
        self.get = lru_cache(maxsize=1_000)(lambda key: Thread(Log(agent_id, key, user_id), self))

    def forget_deleted(self) -> None:
        """Note that records were deleted."""
        self.generation = uuid.uuid4().hex


def _digest(*parts: Any) -> str:
    return hashlib.sha256(repr(parts).encode("utf-8", "surrogatepass")).hexdigest()


def _remember(known: Dict[Any, Any], key: Any, value: Any) -> None:
    """Add an item to a dictionary, which forgets the oldest ones."""
    known.pop(key, None)
    known[key] = value
    if len(known) > _REMEMBERED:
        del known[next(iter(known))]
