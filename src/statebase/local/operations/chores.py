"""Chores: what is left to clean up, in a transaction of its own where several transactions write at the same time.

Where one transaction writes at a time, each does a little of them before it commits. Where several do, the rows that
all of them would touch (the uses of a key, the oldest removal) would make them wait for each other: there a process
does some after a write, at most once a second, and leaves alone what another one is at.
"""

from __future__ import annotations

import logging
import time
from typing import Callable

from ..errors import BUSY, EngineError
from ..storage.store import Store
from .expiry import Expiry
from .key_uses import KeyUses

logger = logging.getLogger("statebase.local")

ROWS_AT_ONCE = 20
"""The number of leftover rows of removed sessions that a write removes."""
_MORE_ROWS = 500
_RESPONSES = 200
_COUNTS_AT_ONCE = 1000
_ROWS_IN_BACKGROUND = 200
_PAUSE_SECONDS = 1.0


class Chores:
    """The chores that the writes of a process do.

    Args:
        store: The store.
        key_uses: The requests that came with API keys.
    """

    def __init__(self, store: Store, key_uses: KeyUses) -> None:
        self._store = store
        self._key_uses = key_uses
        self._expiry = Expiry(store)
        self._next = 0.0
        """The `time.monotonic()` from which on there is something to do after a write."""

    def within(self, now_us: int) -> None:
        """Do some within a write.

        Args:
            now_us: The time.
        """
        store = self._store
        # Damage to the leftover rows of other sessions must not fail this write.
        if store.removals.next() is not None:
            store.database.attempt(lambda: store.remove_piece(ROWS_AT_ONCE))
        elif self._expiry.is_due(now_us):
            store.database.attempt(lambda: self._expiry.remove_piece(now_us, ROWS_AT_ONCE))
        if store.sessions.has_unlabelled():
            store.database.attempt(lambda: store.sessions.label_piece(ROWS_AT_ONCE))
        if store.words.are_missing():
            store.database.attempt(lambda: store.words.add_piece(ROWS_AT_ONCE))

    def after(self, now_us: int) -> None:
        """Do some after a write, unless that was done a moment ago.

        Args:
            now_us: The time.
        """
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + _PAUSE_SECONDS
            self.do(now_us, ROWS_AT_ONCE)

    def do(self, now_us: int, expired: int = _ROWS_IN_BACKGROUND) -> bool:
        """Do some, each in a transaction of its own. One that fails is logged, and done by a later write.

        Args:
            now_us: The time.
            expired: About how many rows of expired sessions to remove.

        Returns:
            Whether there is more to remove.
        """
        store = self._store
        has_more: list[bool] = []
        self._attempt(self.store_key_uses)
        self._attempt(lambda: self._write(lambda: store.answers.delete_expired(now_us, _RESPONSES)))
        self._attempt(lambda: self._write(lambda: store.remove_piece(_MORE_ROWS)))
        self._attempt(lambda: self._write(lambda: store.words.add_piece(_MORE_ROWS)))
        self._attempt(lambda: self._write(lambda: store.sessions.fold_counts(now_us, _COUNTS_AT_ONCE)))
        if self._expiry.is_due(now_us):
            self._attempt(lambda: self._write(lambda: has_more.append(self._expiry.remove_piece(now_us, expired))))
        return any(has_more)

    def store_key_uses(self) -> None:
        """Put into the store what came with API keys."""
        if not self._key_uses.are_pending:
            return
        uses = self._key_uses.take()
        try:
            self._write(lambda: self._store.keys.count_uses(uses))
        except BaseException:
            self._key_uses.put_back(uses)
            raise

    def _write(self, chore: Callable[[], object]) -> None:
        with self._store.database.write():
            chore()

    def _attempt(self, chore: Callable[[], object]) -> None:
        try:
            chore()
        except EngineError as error:
            # The write before it is committed, and must not fail any more.
            level = logging.DEBUG if error.status == BUSY else logging.ERROR
            logger.log(level, "The store %s: something is left to clean up", self._store.database.name, exc_info=error)
