"""The records of a framework, in order: each is a turn of a session that is found by the framework's own key.

The numbers of turns have no gaps, also with concurrent writers: all readers see the same order. The head of a record, a
line that says what it is, is the input of its turn; lists of turns contain the first 100 characters. The body, a JSON
value, is the output of the turn.
"""

from __future__ import annotations

import json
import time
from contextlib import suppress
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Tuple

from statebase import NotFoundError, StateBase

from ._steps import Steps, T, call, take

LIFETIME_SECONDS = 30 * 24 * 3600
"""The longest lifetime of a session. Each use extends it."""
_REOPENED_SECONDS = 24 * 3600
_NEWEST = 50
"""The largest number of turns that one context holds."""
_PAGE = 100


class Record(NamedTuple):
    """A record of a log."""

    number: int
    """Its place in the log, from 1."""
    head: str
    body: Any
    """A JSON value."""


class Log:
    """The records under one key of a framework.

    Args:
        agent_id: The agent of the session: a name for the kind of log, so that logs are not listed with conversations.
        key: The framework's own key, such as the id of a thread, 1 to 200 characters.
        user_id: The user of the session, if there is one.
        metadata: Metadata of the session when it is created.
    """

    def __init__(
        self, agent_id: str, key: str, user_id: Optional[str] = None, metadata: Optional[Dict[str, Any]] = None
    ) -> None:
        self._agent_id = agent_id
        self._key = key
        self._user_id = user_id
        self._metadata = metadata
        self._opened: Tuple[str, float] = ("", 0.0)

    def open(self) -> Steps[str]:
        """Return the id of the session; it is created if there is none, or it was deleted or has expired."""
        session_id, opened_at = self._opened
        if session_id and time.monotonic() - opened_at < _REOPENED_SECONDS:
            return session_id
        session = yield from call(
            lambda client: client.sessions.get_or_create(
                self._agent_id,
                key=self._key,
                user_id=self._user_id,
                metadata=self._metadata,
                ttl_seconds=LIFETIME_SECONDS,
            )
        )
        self._opened = (session.id, time.monotonic())
        return session.id

    def append(self, head: str, body: Any, *, idempotency_key: Optional[str] = None) -> Steps[int]:
        """Add a record at the end, and return its number.

        Args:
            head: What the record is, in a line.
            body: A JSON value.
            idempotency_key: A record with the same key is added once. Default: a new key for each record.
        """

        def add(client: StateBase, session_id: str) -> Any:
            output = {"type": "json", "content": json.dumps(body, separators=(",", ":"))}
            return client.sessions.add_turn(session_id, head, output, idempotency_key=idempotency_key)

        turn = yield from self.used(add)
        return int(turn.turn_number)

    def newest(self, most: int = _NEWEST) -> Steps[List[Record]]:
        """Return the newest records, the newest first, by one request.

        Args:
            most: The largest number of records, 1 to 50.
        """
        context = yield from self.used(
            lambda client, session_id: client.sessions.get_context(session_id, memory_limit=0, turn_limit=most)
        )
        return [_record(turn) for turn in context.recent_turns]

    def back(self, is_enough: Callable[[Record], bool]) -> Steps[List[Record]]:
        """Return the records from the newest back to the first that is enough, or to the first of all.

        The newest 50 come by one request, those before them 100 at a time where the service returns whole turns.
        """
        records = yield from self.newest()
        for place, record in enumerate(records):
            if is_enough(record):
                return records[: place + 1]
        if len(records) < _NEWEST or records[-1].number == 1:
            return records
        session_id = yield from self.open()
        turns = yield from call(lambda client: client.sessions.iter_turns(session_id, full=True, order="desc"))
        while True:
            page = yield from take(turns, _PAGE)
            for record in map(_record, page):
                if record.number < records[-1].number:
                    records.append(record)
                    if is_enough(record):
                        return records
            if len(page) < _PAGE:
                return records

    def delete(self) -> Steps[None]:
        """Delete all records."""
        session_id = yield from self.open()
        with suppress(NotFoundError):
            yield from call(lambda client: client.sessions.delete(session_id))
        self._opened = ("", 0.0)

    def used(self, function: Callable[[StateBase, str], T]) -> Steps[T]:
        """Call a function with the id of the session, and return its result; if it was deleted, with a new one."""
        session_id = yield from self.open()
        try:
            return (yield from call(lambda client: function(client, session_id)))
        except NotFoundError:
            self._opened = ("", 0.0)
        new_id = yield from self.open()
        return (yield from call(lambda client: function(client, new_id)))


def _record(turn: Any) -> Record:
    return Record(turn.turn_number, turn.input.content, json.loads(turn.output.content))
