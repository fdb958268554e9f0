"""The base of the operations: store, search and clock; writes with their traces and stored responses."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Callable, Mapping, Optional, Sequence, TypeVar

from ..._base.locks import calling_frame
from ..caller import Caller, IdempotentRequest
from ..clock import SECOND, Clock
from ..clock import read as read_clock
from ..errors import BUSY, EngineError, not_found
from ..memory_search import MemorySearch
from ..storage.store import Store
from ..storage.tables.sessions import SessionRow
from ..storage.tables.states import StateRow
from . import stored_response
from .chores import Chores
from .key_uses import KeyUses
from .recording import record
from .response import Outcome, Response, StoredResponse

T = TypeVar("T")

_ROWS_AT_ONCE = 500
"""The number of rows of a removed session that one transaction removes."""
_RESPONSES_AT_ONCE = 8
"""The number of expired stored responses that a write removes; it adds one."""


class Core:
    """The store, the search and the clock, for all operations.

    Args:
        store: The store.
        search: Finds memories.
        clock: Returns the current time.
        default_ttl_seconds: The lifetime of sessions created without one.
    """

    def __init__(self, store: Store, search: MemorySearch, clock: Clock, default_ttl_seconds: int) -> None:
        self.store = store
        self.search = search
        self.default_ttl_seconds = default_ttl_seconds
        self.key_uses = KeyUses()
        self.chores = Chores(store, self.key_uses)
        self.started_us = read_clock(clock)
        self._clock = clock
        self.read = store.database.read

    def now_us(self) -> int:
        """Return the time in microseconds since 1970."""
        return read_clock(self._clock)

    def close(self) -> None:
        """Store pending uses of API keys, and close the store."""
        try:
            self.store_key_uses()
        finally:
            self.store.database.close()

    def store_key_uses(self) -> None:
        """Store the uses of API keys since the last write."""
        self.chores.store_key_uses()

    def change(self, context: Caller) -> Change:
        """Return a context manager for one write."""
        return Change(self, context)

    def write(self, context: Caller, work: Callable[[Change], Response[T]]) -> Outcome[T]:
        """Run a write and store its response, in one transaction. For a repetition, return the stored response.

        Args:
            context: The caller; with an idempotency key, the response is stored.
            work: Makes the change and returns the response. It is not called for a repetition.

        Raises:
            EngineError: 409 or 404, if the idempotency key cannot be used for this request.
        """
        with Change(self, context) as change:
            stored = change.find_response()
            return change.finish(work(change)) if stored is None else stored

    def find_response(self, request: IdempotentRequest) -> Optional[StoredResponse]:
        """Return the stored response to a request; None if the request is new.

        Raises:
            EngineError: 409 or 404, if the idempotency key cannot be used for this request.
        """
        with self.read():
            return stored_response.find(self.store, request, self.now_us())

    def store_response(
        self,
        context: Caller,
        request: IdempotentRequest,
        status: int,
        body: bytes,
        *,
        session_id: Optional[str],
        memory_ids: Sequence[str] = (),
    ) -> StoredResponse:
        """Store the response to a request that changed nothing.

        Args:
            context: The caller.
            request: The identity of the request.
            status: The HTTP status of the response.
            body: Its body.
            session_id: The session that it is about; None if it is not about one.
            memory_ids: The ids of the memories in it.

        Returns:
            The response to return: an earlier one, if a concurrent repetition stored it first.

        Raises:
            EngineError: 409 or 404, if the idempotency key cannot be used for this request.
        """
        with Change(self, context) as change:
            earlier = change.find_response()
            if earlier is not None:
                return earlier
            is_gone = session_id is not None and self.store.sessions.find(session_id) is None
            if not is_gone or status >= 400:  # an error contains no data of a session
                stored_response.put(
                    self.store,
                    request,
                    change.now_us,
                    status,
                    body,
                    session_id=None if is_gone else session_id,
                    memory_ids=memory_ids,
                )
            return StoredResponse(status, body)

    def session(self, session_id: str, now_us: int) -> SessionRow:
        """Return a session.

        Raises:
            EngineError: 404, if it does not exist or has expired.
        """
        session = self.store.sessions.find(session_id)
        if session is None or session.expires_us <= now_us:
            raise not_found("session", session_id)
        return session

    def session_and_state(self, session_id: str, now_us: int) -> tuple[SessionRow, StateRow]:
        """Return a session that lives, and its newest state.

        Raises:
            EngineError: 404, if there is none, or it has expired.
        """
        self.store.sessions.lock(session_id)
        found = self.store.states.with_session(session_id)
        if found is None or found[0].expires_us <= now_us:
            raise not_found("session", session_id)
        return found

    def expiry_us(self, now_us: int, ttl_seconds: Optional[int]) -> int:
        """Return the time when a session that is created or renewed now expires."""
        return now_us + (self.default_ttl_seconds if ttl_seconds is None else ttl_seconds) * SECOND


class Change:
    """One write: a transaction with one timestamp and its trace."""

    now_us: int

    def __init__(self, core: Core, context: Caller) -> None:
        self._core = core
        self._context = context
        self._transaction = core.store.database.write(context.deadline)
        self._is_repetition = False
        self._session_id: Optional[str] = None
        self._resource_id: Optional[str] = None

    def __enter__(self) -> Change:
        self._transaction.enter(calling_frame())
        try:
            self.now_us = self._core.now_us()
        except BaseException as error:
            self._transaction.leave(error)
            raise
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        if error is not None or self._is_repetition:
            self._transaction.leave(error)
            return
        if self._core.store.database.writes_at_once:
            self._transaction.leave(None)
            self._core.chores.after(self.now_us)
            return
        uses = self._core.key_uses.take()
        try:
            self._core.store.keys.count_uses(uses)
            self._core.chores.within(self.now_us)
            self._transaction.leave(None)
        except BaseException as failure:
            self._core.key_uses.put_back(uses)
            self._transaction.leave(failure)
            raise

    def trace(
        self, action: str, session_id: str, resource_type: str, resource_id: str, details: Mapping[str, Any]
    ) -> str:
        """Record a trace and return its id.

        Args:
            action: The action, such as `state.updated`.
            session_id: Id of the session.
            resource_type: The type of the changed resource.
            resource_id: Its id.
            details: Details of the change; keys with the value None are left out.
        """
        self._session_id = session_id
        self._resource_id = resource_id if resource_type in ("memory", "entity") else None
        return record(
            self._core.store, self._context, self.now_us, action, session_id, resource_type, resource_id, details
        )

    def find_response(self) -> Optional[StoredResponse]:
        """Return the stored response if the request is a repetition; None if it is new.

        Raises:
            EngineError: 409 or 404, if the idempotency key cannot be used for this request.
        """
        request = self._context.idempotent
        if request is None:
            return None
        store = self._core.store
        store.answers.lock(request.key)
        found = stored_response.find(store, request, self.now_us)
        if found is None and not store.database.writes_at_once:
            store.answers.delete_expired(self.now_us, _RESPONSES_AT_ONCE)
        self._is_repetition = found is not None
        return found

    def finish(self, response: Response[T]) -> Outcome[T]:
        """Return the response to a new request. With an idempotency key, it is stored in the same transaction."""
        request = self._context.idempotent
        if request is None:
            return response
        body = response.body
        stored_response.put(
            self._core.store,
            request,
            self.now_us,
            request.status,
            body,
            states=response.states,
            is_secret=response.is_secret,
            session_id=self._session_id,
            resource_id=self._resource_id,
        )
        return StoredResponse(request.status, body)


class OperationGroup:
    """The base of the classes of operations, whose methods are named after operation ids.

    Args:
        core: The store, the search and the clock.
    """

    def __init__(self, core: Core) -> None:
        self._core = core
        self._store = core.store

    def _remove_rest(self, session_seq: Optional[int] = None, deadline: Optional[float] = None) -> None:
        """Remove the leftover rows of a session, or of all removed sessions, in pieces, so that other writes can run.

        If this is interrupted, or other processes block it for too long, later writes remove the rest, a few rows each.
        """
        more = True
        while more:
            try:
                with self._store.database.write(deadline):
                    more = self._store.remove_piece(_ROWS_AT_ONCE, session_seq)
            except EngineError as error:
                if error.status != BUSY:
                    raise
                return  # the session itself is gone already
