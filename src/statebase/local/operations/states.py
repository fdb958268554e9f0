"""States: get, update, replace, history, rollback."""

from __future__ import annotations

import itertools
from typing import Any, Callable, NamedTuple, Optional, TypeVar

from pydantic import BaseModel

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
from ..caller import LOCAL, Caller
from ..clock import to_datetime, to_text
from ..errors import EngineError, state_conflict
from ..storage.history import Frame
from ..storage.tables.sessions import SessionRow
from ..storage.tables.states import LARGE, StateRow, VersionRow
from .core import Change, OperationGroup
from .response import Outcome, Response, States, WrittenResponse, operation

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)

_MOST_KEYS = 100
"""The maximum number of keys that a trace names."""
_ATTEMPTS = 3
"""The maximum number of times that a large state is encoded, if other writes change the state meanwhile."""


class _New(NamedTuple):
    """A new state to store, as JSON text."""

    text: str
    parent: Optional[int]
    """The version that a rollback of the change restores; None if there is none."""


class _Write(NamedTuple):
    """A new version before it is stored."""

    session_seq: int
    current: StateRow
    """The state that it follows."""
    new: _New
    frame: Optional[Frame]
    """The encoded new version; None if it is not encoded yet."""

    def fits(self, session_seq: int, version: int) -> bool:
        """Whether the session still has the state that this version follows."""
        return (self.session_seq, self.current.version) == (session_seq, version)


_Load = Callable[[int, StateRow], Callable[[], _New]]


class StateOperations(OperationGroup):
    """The operations on the states of sessions."""

    @operation
    def get_state(self, session_id: str, context: Caller = LOCAL) -> Outcome[StateGetResponse]:
        """Return the current state."""
        with self._core.read(snapshot=False):
            session, state = self._core.session_and_state(session_id, self._core.now_us())
        values = {
            "session_id": session.id,
            "version": state.version,
            "created_at": to_text(session.created_us),
            "updated_at": to_text(state.updated_us),
        }
        text = jsontext.checked(state.text)
        return WrittenResponse(StateGetResponse, jsontext.write_object(values, {"data": text, "state": text}))

    @operation
    def update_state(
        self, session_id: str, body: StatePartialUpdateRequest, context: Caller = LOCAL
    ) -> Outcome[StatePartialUpdateResponse]:
        """Set top-level keys. Null is stored as a value; other keys are not changed."""

        def load(session_seq: int, current: StateRow) -> Callable[[], _New]:
            def make() -> _New:
                state = {**jsontext.decode(current.text), **body.state}
                return _New(jsontext.encode(state, "state"), current.version)

            return make

        def finish(change: Change, session: SessionRow, write: _Write) -> Response[StatePartialUpdateResponse]:
            version = self._append(change, session, write, body.state, body.reasoning, context)
            values = {"session_id": session.id, "version": version, "updated_at": to_text(change.now_us)}
            return _written(StatePartialUpdateResponse, values, session, version, write.new.text, ("data", "state"))

        return self._write(session_id, context, load, finish)

    @operation
    def replace_state(
        self, session_id: str, body: StateReplaceRequest, context: Caller = LOCAL
    ) -> Outcome[StateReplaceResponse]:
        """Replace the whole state."""
        text = jsontext.encode(body.state, "state")

        def load(session_seq: int, current: StateRow) -> Callable[[], _New]:
            return lambda: _New(text, current.version)

        def finish(change: Change, session: SessionRow, write: _Write) -> Response[StateReplaceResponse]:
            return self._finish_replace(change, session, write, body, context)

        return self._write(session_id, context, load, finish, given=len(text))

    @operation
    def get_state_history(
        self, session_id: str, query: GetStateHistoryQuery, context: Caller = LOCAL
    ) -> Outcome[StateHistoryResponse]:
        """Return versions, newest first."""
        with self._core.read():
            session = self._core.session(session_id, self._core.now_us())
            newest = self._store.states.newest(session.seq).version
            versions = self._store.states.versions(
                session.seq, query.limit, query.since_version, context.before_version
            )
        return Response(
            StateHistoryResponse(data=[version_model(version) for version in versions], current_version=newest)
        )

    @operation
    def rollback_state(
        self, session_id: str, body: StateRollbackRequest, context: Caller = LOCAL
    ) -> Outcome[StateRollbackResponse]:
        """Create a new version with the content of an old one."""
        target = body.version

        def load(session_seq: int, current: StateRow) -> Callable[[], _New]:
            nonlocal target
            states = self._store.states
            target = self._target(session_seq, current, body.version)
            text = states.at(session_seq, target)
            if text is None:
                raise version_not_found(target, current.version)
            parent = states.parent(session_seq, target)
            return lambda: _New(jsontext.checked(text), parent)

        def finish(change: Change, session: SessionRow, write: _Write) -> Response[StateRollbackResponse]:
            version = self._store_version(change, session, write, body.reason, context)
            details = {
                "from_version": write.current.version,
                "to_version": target,
                "version": version,
                "reasoning": body.reason,
            }
            values = {
                "success": True,
                "new_version": version,
                "restored_from_version": target,
                "trace_id": change.trace("state.rolled_back", session.id, "state", session.id, details),
            }
            return _written(StateRollbackResponse, values, session, version, write.new.text, ("state",))

        return self._write(session_id, context, load, finish)

    def _write(
        self,
        session_id: str,
        context: Caller,
        load: _Load,
        finish: Callable[[Change, SessionRow, _Write], Response[T]],
        *,
        given: int = 0,
    ) -> Outcome[T]:
        """Create a new version.

        If the new or the current state is large, it is encoded before the transaction, so that no write waits for it.
        If another version was stored meanwhile, it is encoded again; the last attempt does all in the transaction.

        Args:
            session_id: Id of the session.
            context: The caller.
            load: Reads what is needed besides the current state, and returns a function that creates the new state.
            finish: Stores the new version and returns the response.
            given: The length of the new state in characters, if it is known.
        """
        write = None if given < LARGE else self._prepare(session_id, load)
        for attempt in range(_ATTEMPTS):
            with self._core.change(context) as change:
                stored = change.find_response()
                if stored is not None:
                    return stored
                if write is not None:
                    session = self._core.session(session_id, change.now_us)
                    if write.fits(session.seq, self._store.states.version(session.seq)):
                        _require(context, write.current)
                        return change.finish(finish(change, session, write))
                session, current = self._core.session_and_state(session_id, change.now_us)
                _require(context, current)
                if attempt == _ATTEMPTS - 1 or max(given, len(current.text)) < LARGE:
                    new = load(session.seq, current)()
                    return change.finish(finish(change, session, _Write(session.seq, current, new, None)))
            write = self._prepare(session_id, load)
        raise AssertionError("the last attempt returns")

    def _prepare(self, session_id: str, load: _Load) -> _Write:
        """Encode a new version outside of a transaction."""
        states = self._store.states
        with self._core.read():
            session, current = self._core.session_and_state(session_id, self._core.now_us())
            make = load(session.seq, current)
        new = make()
        with self._core.read():
            self._core.session(session_id, self._core.now_us())  # it may have been deleted meanwhile
            draft = states.draft(session.seq, current, new.text)
        return _Write(session.seq, current, new, draft.encode())

    def _replace(
        self, change: Change, session: SessionRow, current: StateRow, body: StateReplaceRequest, context: Caller
    ) -> Response[StateReplaceResponse]:
        """Replace the state within a write of several changes."""
        write = _Write(session.seq, current, _New(jsontext.encode(body.state, "state"), current.version), None)
        return self._finish_replace(change, session, write, body, context)

    def _finish_replace(
        self, change: Change, session: SessionRow, write: _Write, body: StateReplaceRequest, context: Caller
    ) -> Response[StateReplaceResponse]:
        version = self._append(change, session, write, body.state, body.reasoning, context)
        values = {"session_id": session.id, "version": version, "updated_at": to_text(change.now_us)}
        return _written(StateReplaceResponse, values, session, version, write.new.text, ("data", "state"))

    def _append(
        self,
        change: Change,
        session: SessionRow,
        write: _Write,
        given: dict[str, Any],
        reasoning: Optional[str],
        context: Caller,
    ) -> int:
        version = self._store_version(change, session, write, reasoning, context)
        details = {"version": version, "keys": list(itertools.islice(given, _MOST_KEYS)), "reasoning": reasoning}
        change.trace("state.updated", session.id, "state", session.id, details)
        return version

    def _store_version(
        self, change: Change, session: SessionRow, write: _Write, reasoning: Optional[str], context: Caller
    ) -> int:
        version = self._store.states.append(
            session.seq,
            write.current,
            write.new.text,
            change.now_us,
            context.actor,
            reasoning,
            parent=write.new.parent,
            frame=write.frame,
        )
        self._store.sessions.touch(session.seq, change.now_us)
        return version

    def _target(self, session_seq: int, current: StateRow, version: int) -> int:
        """Return the version that a rollback restores; a negative number follows the parents that many times."""
        if version >= 0:
            return version
        target = current.version
        for undone in range(-version):
            parent = self._store.states.parent(session_seq, target)
            if parent is None:
                message = f"Cannot undo {-version} changes: there are only {undone}."
                raise EngineError(404, "resource_not_found", message, "version")
            target = parent
        return target


def _require(context: Caller, current: StateRow) -> None:
    """Check that the state has the expected version of an update.

    Raises:
        EngineError: 409, with both versions and the state.
    """
    expected = context.expected_version
    if expected is not None and expected != current.version:
        raise state_conflict(expected, current.version, jsontext.decode(current.text))


def _written(
    model: type[M], values: dict[str, Any], session: SessionRow, version: int, text: str, fields: tuple[str, ...]
) -> WrittenResponse[M]:
    """Return a response that contains the new state once or twice.

    Args:
        model: The model of the response.
        values: The other fields.
        session: The session.
        version: The new version.
        text: The new state, as JSON text.
        fields: The fields that contain it.
    """
    body = jsontext.write_object(values, dict.fromkeys(fields, text))
    return WrittenResponse(model, body, States(session.seq, [(version, text)] * len(fields)))


def version_model(version: VersionRow) -> StateVersionModel:
    """Return the model of a version."""
    return StateVersionModel(
        version=version.version,
        state=jsontext.decode(version.text),
        created_at=to_datetime(version.created_us),
        updated_by=version.author,
    )


def version_not_found(version: int, newest: int) -> EngineError:
    """Return the error for a version that does not exist."""
    message = f"There is no version {version} of this state: its versions are 0 to {newest}."
    return EngineError(404, "resource_not_found", message, "version")
