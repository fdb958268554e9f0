"""States: get, change, replace, history, rollback."""

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
from ..caller import Context
from ..clock import to_datetime
from ..errors import EngineError
from ..storage.history import Frame
from ..storage.tables.sessions import SessionRow
from ..storage.tables.states import LARGE, StateRow, VersionRow
from .core import Change, Core
from .stored_response import States

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)

_MOST_KEYS = 100
"""A trace names no more keys than this."""
_ATTEMPTS = 3
"""How often a large state is encoded at most, when others change the state all the time."""


class _New(NamedTuple):
    """A state to store."""

    state: dict[str, Any]
    text: str
    parent: Optional[int]
    """The version that undoing the change leads back to; None if it leads nowhere."""


class _Write(NamedTuple):
    """A new version on its way into the store."""

    session_seq: int
    current: StateRow
    """The state that it follows."""
    new: _New
    frame: Optional[Frame]
    """The new version as it is stored; None if it is not encoded yet."""

    def fits(self, session_seq: int, version: int) -> bool:
        """Whether the session still has the state that this version follows."""
        return (self.session_seq, self.current.version) == (session_seq, version)


_Load = Callable[[int, StateRow], Callable[[], _New]]


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
        content = jsontext.decode(state.text)
        return StateGetResponse(
            data=content,
            session_id=session.id,
            version=state.version,
            state=content,
            created_at=to_datetime(session.created_us),
            updated_at=to_datetime(state.updated_us),
        )

    def update(self, session_id: str, body: StatePartialUpdateRequest, context: Context) -> StatePartialUpdateResponse:
        """Set top-level keys; null is a value, other keys stay."""

        def load(session_seq: int, current: StateRow) -> Callable[[], _New]:
            def make() -> _New:
                state = {**jsontext.decode(current.text), **body.state}
                return _New(state, jsontext.encode(state, "state"), current.version)

            return make

        def finish(change: Change, session: SessionRow, write: _Write) -> StatePartialUpdateResponse:
            answer = StatePartialUpdateResponse(
                session_id=session.id,
                version=self._append(change, session, write, body.state, body.reasoning, context),
                state={},
                updated_at=to_datetime(change.now_us),
            )
            answer.data = answer.state = write.new.state
            return _answer(change, session, answer, answer.version, write.new.text, ("data", "state"))

        return self._write(session_id, context, load, finish)

    def replace(self, session_id: str, body: StateReplaceRequest, context: Context) -> StateReplaceResponse:
        """Replace the state as a whole."""
        text = jsontext.encode(body.state, "state")

        def load(session_seq: int, current: StateRow) -> Callable[[], _New]:
            return lambda: _New(body.state, text, current.version)

        def finish(change: Change, session: SessionRow, write: _Write) -> StateReplaceResponse:
            answer = StateReplaceResponse(
                session_id=session.id,
                version=self._append(change, session, write, body.state, body.reasoning, context),
                state={},
                updated_at=to_datetime(change.now_us),
            )
            answer.data = answer.state = write.new.state
            return _answer(change, session, answer, answer.version, text, ("data", "state"))

        return self._write(session_id, context, load, finish, given=len(text))

    def history(self, session_id: str, query: GetStateHistoryQuery) -> StateHistoryResponse:
        """Return versions, newest first."""
        with self._core.snapshot():
            session = self._core.session(session_id, self._core.now_us())
            newest = self._store.states.newest(session.seq).version
            versions = self._store.states.versions(session.seq, query.limit, query.since_version)
        return StateHistoryResponse(data=[version_model(version) for version in versions], current_version=newest)

    def rollback(self, session_id: str, body: StateRollbackRequest, context: Context) -> StateRollbackResponse:
        """Make a new version with the content of an old one."""
        target = body.version

        def load(session_seq: int, current: StateRow) -> Callable[[], _New]:
            nonlocal target
            states = self._store.states
            target = self._target(session_seq, current, body.version)
            text = states.at(session_seq, target)
            if text is None:
                raise version_not_found(target, current.version)
            parent = states.parent(session_seq, target)
            return lambda: _New(jsontext.decode(text), text, parent)

        def finish(change: Change, session: SessionRow, write: _Write) -> StateRollbackResponse:
            version = self._store_version(change, session, write, body.reason, context)
            details = {
                "from_version": write.current.version,
                "to_version": target,
                "version": version,
                "reasoning": body.reason,
            }
            answer = StateRollbackResponse(
                success=True,
                new_version=version,
                restored_from_version=target,
                state={},
                trace_id=change.trace("state.rolled_back", session.id, "state", session.id, details),
            )
            answer.state = write.new.state
            return _answer(change, session, answer, version, write.new.text, ("state",))

        return self._write(session_id, context, load, finish)

    def _write(
        self,
        session_id: str,
        context: Context,
        load: _Load,
        finish: Callable[[Change, SessionRow, _Write], T],
        *,
        given: int = 0,
    ) -> T:
        """Make a new version.

        One that is large, or follows a large one, is encoded before the transaction, so that no write waits for it. If
        another version was made meanwhile, it is encoded anew; the last attempt does all in the transaction.

        Args:
            session_id: The session.
            context: The context of the call.
            load: Reads what is needed beside the current state, and returns what makes the new one.
            finish: Stores the new version and returns the answer.
            given: How long the new state is, in characters, where that is known.
        """
        write = None if given < LARGE else self._prepare(session_id, load)
        for attempt in range(_ATTEMPTS):
            with self._core.change(context) as change:
                session = self._core.session(session_id, change.now_us)
                if write is not None and write.fits(session.seq, self._store.states.version(session.seq)):
                    return finish(change, session, write)
                current = self._store.states.newest(session.seq)
                if attempt == _ATTEMPTS - 1 or max(given, len(current.text)) < LARGE:
                    new = load(session.seq, current)()
                    return finish(change, session, _Write(session.seq, current, new, None))
            write = self._prepare(session_id, load)
        raise AssertionError("the last attempt returns")

    def _prepare(self, session_id: str, load: _Load) -> _Write:
        """Encode a new version without holding up anybody."""
        states = self._store.states
        with self._core.snapshot():
            session = self._core.session(session_id, self._core.now_us())
            current = states.newest(session.seq)
            make = load(session.seq, current)
        new = make()
        with self._core.read():
            self._core.session(session_id, self._core.now_us())  # it may have been deleted meanwhile
            draft = states.draft(session.seq, current, new.text)
        return _Write(session.seq, current, new, draft.encode())

    def _append(
        self,
        change: Change,
        session: SessionRow,
        write: _Write,
        given: dict[str, Any],
        reasoning: Optional[str],
        context: Context,
    ) -> int:
        version = self._store_version(change, session, write, reasoning, context)
        details = {"version": version, "keys": list(itertools.islice(given, _MOST_KEYS)), "reasoning": reasoning}
        change.trace("state.updated", session.id, "state", session.id, details)
        return version

    def _store_version(
        self, change: Change, session: SessionRow, write: _Write, reasoning: Optional[str], context: Context
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


def _answer(change: Change, session: SessionRow, answer: M, version: int, text: str, fields: tuple[str, ...]) -> M:
    """Return an answer, whose body is put together from the text of the state rather than encoded once more.

    Args:
        change: The change.
        session: The session.
        answer: The answer.
        version: The new version.
        text: The state.
        fields: The fields that hold the state.
    """
    content = text.encode()
    body = answer.model_dump_json(exclude=set(fields), exclude_unset=True).encode()[:-1]
    body += b"".join(b',"%s":%s' % (field.encode(), content) for field in fields) + b"}"
    return change.answer(answer, States(session.seq, [(version, text)] * len(fields)), body=body)


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
