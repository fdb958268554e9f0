"""States: get, change, replace, history, rollback."""

from __future__ import annotations

from typing import Any, Optional

from ..._generated.models import (
    StateGetResponse,
    StateHistoryResponse,
    StatePartialUpdateRequest,
    StatePartialUpdateResponse,
    StateReplaceRequest,
    StateReplaceResponse,
    StateRollbackRequest,
    StateRollbackResponse,
    StateVersionModel,
)
from ..._generated.queries import GetStateHistoryQuery
from .. import jsontext
from ..answers import States
from ..clock import to_datetime
from ..context import Context
from ..core import Change, Core
from ..errors import EngineError
from ..tables.sessions import SessionRow
from ..tables.states import StateRow, VersionRow

_MOST_KEYS = 100
"""A trace names no more keys than this."""


class StateOperations:
    """The operations on the states of sessions."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._store = core.store

    def get(self, session_id: str) -> StateGetResponse:
        """Return the newest state."""
        with self._core.read():
            session = self._core.session(session_id, self._core.now_us())
            state = self._store.states.newest(session.seq)
        return StateGetResponse(
            session_id=session.id,
            version=state.version,
            state=jsontext.decode(state.text),
            created_at=to_datetime(session.created_us),
            updated_at=to_datetime(state.updated_us),
        )

    def update(self, session_id: str, body: StatePartialUpdateRequest, context: Context) -> StatePartialUpdateResponse:
        """Set top-level keys; null is a value, other keys stay."""
        with self._core.change(context) as change:
            session = self._core.session(session_id, change.now_us)
            current = self._store.states.newest(session.seq)
            state = {**jsontext.decode(current.text), **body.state}
            text = jsontext.encode(state, "state")
            version = self._append(change, session, current, text, body.state, body.reasoning, context)
            answer = StatePartialUpdateResponse(
                session_id=session.id, version=version, state=state, updated_at=to_datetime(change.now_us)
            )
            return change.answer(answer, States(session.seq, [(version, text)]))

    def replace(self, session_id: str, body: StateReplaceRequest, context: Context) -> StateReplaceResponse:
        """Replace the state as a whole."""
        text = jsontext.encode(body.state, "state")
        with self._core.change(context) as change:
            session = self._core.session(session_id, change.now_us)
            current = self._store.states.newest(session.seq)
            version = self._append(change, session, current, text, body.state, body.reasoning, context)
            answer = StateReplaceResponse(
                session_id=session.id, version=version, state=body.state, updated_at=to_datetime(change.now_us)
            )
            return change.answer(answer, States(session.seq, [(version, text)]))

    def history(self, session_id: str, query: GetStateHistoryQuery) -> StateHistoryResponse:
        """Return versions, newest first."""
        with self._core.snapshot():
            session = self._core.session(session_id, self._core.now_us())
            newest = self._store.states.newest(session.seq).version
            versions = self._store.states.versions(session.seq, query.limit, query.since_version)
        return StateHistoryResponse(data=[version_model(version) for version in versions], current_version=newest)

    def rollback(self, session_id: str, body: StateRollbackRequest, context: Context) -> StateRollbackResponse:
        """Make a new version with the content of an old one."""
        with self._core.change(context) as change:
            session = self._core.session(session_id, change.now_us)
            states = self._store.states
            current = states.newest(session.seq)
            target = self._target(session, current, body.version)
            text = None if target is None else states.at(session.seq, target)
            if target is None:
                message = f"There are not as many as {-body.version} changes to undo: go back less far."
                raise EngineError(404, "resource_not_found", message, "version")
            if text is None:
                raise version_not_found(target, current.version)
            version = states.append(
                session.seq,
                current,
                text,
                change.now_us,
                context.actor,
                body.reason,
                parent=states.parent(session.seq, target),
            )
            self._store.sessions.touch(session.seq, change.now_us)
            details = {
                "from_version": current.version,
                "to_version": target,
                "version": version,
                "reasoning": body.reason,
            }
            trace_id = change.trace("state.rolled_back", session.id, "state", session.id, details)
            answer = StateRollbackResponse(
                success=True,
                new_version=version,
                restored_from_version=target,
                state=jsontext.decode(text),
                trace_id=trace_id,
            )
            return change.answer(answer, States(session.seq, [(version, text)]))

    def _append(
        self,
        change: Change,
        session: SessionRow,
        current: StateRow,
        text: str,
        given: dict[str, Any],
        reasoning: Optional[str],
        context: Context,
    ) -> int:
        version = self._store.states.append(
            session.seq, current, text, change.now_us, context.actor, reasoning, parent=current.version
        )
        self._store.sessions.touch(session.seq, change.now_us)
        details = {"version": version, "keys": list(given)[:_MOST_KEYS], "reasoning": reasoning}
        change.trace("state.updated", session.id, "state", session.id, details)
        return version

    def _target(self, session: SessionRow, current: StateRow, version: int) -> Optional[int]:
        """Return the version that a rollback restores; a negative number follows the parents that many times."""
        if version >= 0:
            return version
        target: Optional[int] = current.version
        while version < 0 and target is not None:
            target = self._store.states.parent(session.seq, target)
            version += 1
        return target


def version_model(version: VersionRow) -> StateVersionModel:
    """Return a version as answers show it."""
    return StateVersionModel(
        version=version.version,
        state=jsontext.decode(version.text),
        created_at=to_datetime(version.created_us),
        updated_by=version.author,
    )


def version_not_found(version: int, newest: int) -> EngineError:
    """Make the error for a version that does not exist."""
    message = f"There is no version {version} of this state: its versions are 0 to {newest}."
    return EngineError(404, "resource_not_found", message, "version")
