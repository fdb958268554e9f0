"""Erasing a user: sessions with all that belongs to them, and the details of their traces.

It goes in three stages, each in pieces. A call does some pieces and says where to go on; interrupted, it can start
over at any time, and finds what is left. First come the traces of forks that were deleted earlier, since finding their
user may take a trace of the fork's source; then the sessions; then the traces of other sessions that were deleted.
"""

from __future__ import annotations

import time
from typing import Any, Optional

from ..._generated.models import UserErasureRequest
from ..._results.erasure import COUNTS, UserErasure
from .. import jsontext
from ..caller import LOCAL, Caller
from ..errors import EngineError, invalid_request
from ..storage.tables.sessions import SessionRow
from ..storage.tables.traces import TraceRow
from .core import Change, OperationGroup
from .response import Outcome, Response, operation

_SECONDS_AT_ONCE = 0.5
_TRACES_AT_ONCE = 500
_PAGES_AT_ONCE = 200
"""Pages of the index of words."""
_STAGES = ("forks", "sessions", "traces")
_ORIGINS = {"forks": "session.forked", "traces": "session.created"}
_NEWEST = 2**63 - 1
_KEPT = frozenset(
    {
        "agent_id",
        "expired_at",
        "expires_at",
        "fields",
        "forked_from",
        "forked_version",
        "from_version",
        "to_version",
        "turn_number",
        "version",
        "turns",
        "memories",
        "entities",
        "redacted",
    }
)
"""The details of a trace that say what happened, and nothing about the user."""


class EraseOperations(OperationGroup):
    """The operation that erases a user."""

    @operation
    def erase_user(self, body: UserErasureRequest, context: Caller = LOCAL) -> Outcome[UserErasure]:
        """Erase some of what the store has of a user, or count it."""
        stage, seq = _position(body.cursor)
        erasure = UserErasure(dry_run=body.dry_run)
        _add(erasure, (0,) * len(COUNTS))
        until = time.monotonic() + _SECONDS_AT_ONCE
        while True:
            if stage == "sessions":
                next_seq = self._erase_session(body, seq, erasure, context)
            else:
                next_seq = self._erase_traces(body, stage, seq, erasure)
            if next_seq is not None:
                seq = next_seq
            elif stage == _STAGES[-1]:
                if not body.dry_run:
                    erasure.remaining = self._finish()
                return Response(erasure)
            else:
                stage = _STAGES[_STAGES.index(stage) + 1]
                seq = _start(stage)
            if time.monotonic() >= until:
                erasure.cursor = f"{stage}:{seq}"
                return Response(erasure)

    def _erase_session(
        self, body: UserErasureRequest, after_seq: int, erasure: UserErasure, context: Caller
    ) -> Optional[int]:
        """Erase the first session of a user above a number, expired or not, and return its number."""
        with self._store.database.read():
            sessions = self._store.sessions.of_user(body.user_id, after_seq, 1)
            if not sessions:
                return None
            session = sessions[0]
            entities = self._store.entities.count_of(session.seq)
            answers = self._store.answers.count_of(session.id)
        traces, last = self._redact(session.id, 0, is_dry_run=body.dry_run)
        if not body.dry_run:
            with self._core.change(context) as change:
                found = self._store.sessions.find(session.id)
                if found is None:
                    return session.seq  # deleted meanwhile: the last stage finds its traces
                session = found
                answers = self._store.answers.count_of(session.id)
                entities = self._delete(change, session)["entities"]
            # What was written until then, and what was written just now.
            traces += self._redact(session.id, last, is_dry_run=False)[0]
            self._remove_rest(session.seq, context.deadline)
        is_live = session.expires_us > self._core.now_us()
        counted = (int(is_live), int(not is_live), session.turn_count, session.memory_count, entities, traces, answers)
        _add(erasure, counted)
        return session.seq

    def _delete(self, change: Change, session: SessionRow) -> dict[str, int]:
        removed = self._store.remove_session(session)
        change.trace("session.deleted", session.id, "session", session.id, removed)
        return removed

    def _erase_traces(
        self, body: UserErasureRequest, stage: str, before_seq: int, erasure: UserErasure
    ) -> Optional[int]:
        """Redact the traces of some sessions of a user that were deleted earlier; return the number to go on from."""
        with self._store.database.read():
            page = self._store.traces.page(_TRACES_AT_ONCE, before_seq=before_seq, action=_ORIGINS[stage])
            ids = [trace.session_id for trace in page if self._is_of(trace, body.user_id)]
            gone = [session_id for session_id in ids if self._store.sessions.find(session_id) is None]
        for session_id in gone:
            traces, _ = self._redact(session_id, 0, is_dry_run=body.dry_run)
            _add(erasure, (0, 0, 0, 0, 0, traces, 0))
        return page[-1].seq if len(page) == _TRACES_AT_ONCE else None

    def _is_of(self, trace: TraceRow, user_id: str) -> bool:
        """Return whether a trace is the first one of a session of a user."""
        details = _details(trace)
        while "user_id" not in details:
            source_id = details.get("forked_from")
            if not isinstance(source_id, str):
                return False
            source = self._store.sessions.find(source_id)
            if source is not None:
                return source.user_id == user_id
            first = self._store.traces.of_session(source_id, 0, 1)
            details = _details(first[0]) if first else {}
        return bool(details["user_id"] == user_id)

    def _redact(self, session_id: str, after_seq: int, *, is_dry_run: bool) -> tuple[int, int]:
        """Remove details from the traces of a session above a number, some in a transaction.

        Returns:
            How many traces had such details, and the number of the last trace.
        """
        redacted = 0
        while True:
            with self._store.database.read() if is_dry_run else self._store.database.write():
                page = self._store.traces.of_session(session_id, after_seq, _TRACES_AT_ONCE)
                for trace in page:
                    details = _details(trace)
                    kept = {key: value for key, value in details.items() if key in _KEPT}
                    is_damaged = not details and trace.details != "{}"
                    if len(kept) < len(details) or is_damaged:
                        redacted += 1
                        if not is_dry_run:
                            self._store.traces.redact(trace, jsontext.encode({**kept, "redacted": True}))
            if page:
                after_seq = page[-1].seq
            if len(page) < _TRACES_AT_ONCE:
                return redacted, after_seq

    def _finish(self) -> list[str]:
        """Remove what is left of removed sessions, of their words, and of both in the log of the database.

        Returns:
            What remains, in words.
        """
        store = self._store
        self._remove_rest()
        pages = -_PAGES_AT_ONCE
        more = True
        while more:
            with store.database.write():
                more = store.words.merge(pages)
            pages = _PAGES_AT_ONCE
        remaining: list[str] = []
        with store.database.read():
            if store.removals.all():
                remaining.append("rows of deleted sessions, which later writes remove")
        if not store.database.empty_log():
            remaining.append("deleted text in the write-ahead log, until other reads and processes are done with it")
        return remaining


def _position(cursor: Optional[str]) -> tuple[str, int]:
    """Return the stage and the number that a cursor names.

    Raises:
        EngineError: 400, if it is not the cursor of a response.
    """
    if cursor is None:
        return _STAGES[0], _start(_STAGES[0])
    stage, _, seq = cursor.partition(":")
    if stage not in _STAGES or not (seq.isascii() and seq.isdigit() and len(seq) <= len(str(_NEWEST))):
        raise invalid_request("cursor must be the cursor of the last response.", "cursor")
    return stage, min(int(seq), _NEWEST)


def _start(stage: str) -> int:
    return 0 if stage == "sessions" else _NEWEST


def _add(erasure: UserErasure, counted: tuple[int, ...]) -> None:
    for name, count in zip(COUNTS, counted):
        setattr(erasure, name, (erasure[name] or 0) + count)


def _details(trace: TraceRow) -> dict[str, Any]:
    """Return the details of a trace; empty if they are damaged."""
    try:
        details: object = jsontext.decode(trace.details)
    except EngineError:
        return {}
    return details if jsontext.is_object(details) else {}
