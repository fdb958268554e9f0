"""What the operations share: the store, the search, the time, and how a change is made."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Callable, Mapping, Optional, Sequence, TypeVar

from ..._base.locks import FrameLock, calling_frame
from .. import jsontext
from ..caller import LOCAL, Caller, IdempotentRequest
from ..clock import SECOND, Clock
from ..clock import read as read_clock
from ..errors import not_found
from ..identifiers import new_id
from ..memory_search import MemorySearch
from ..storage.store import Store
from ..storage.tables.sessions import SessionRow
from ..storage.tables.traces import TraceRow
from . import stored_response
from .response import Outcome, Response, StoredResponse

T = TypeVar("T")

_RESPONSES_AT_ONCE = 8
"""How many stored responses that have expired a write removes, which adds one."""
_ROWS_AT_ONCE = 20
"""How many rows of sessions that were removed a write removes, if there are any left."""


class Core:
    """The store and what is needed to work on it.

    Args:
        store: The store.
        search: How memories are found.
        clock: Tells the time.
        default_ttl_seconds: How long a session lives that does not say.
    """

    def __init__(self, store: Store, search: MemorySearch, clock: Clock, default_ttl_seconds: int) -> None:
        self.store = store
        self.search = search
        self.default_ttl_seconds = default_ttl_seconds
        self.key_uses = KeyUses()
        self.started_us = read_clock(clock)
        self._clock = clock
        self.read = store.database.read

    def now_us(self) -> int:
        """Return the time in microseconds since 1970."""
        return read_clock(self._clock)

    def close(self) -> None:
        """Put away what is not in the store yet, and close it."""
        try:
            self.store_key_uses()
        finally:
            self.store.database.close()

    def store_key_uses(self) -> None:
        """Put into the store what came with API keys since the last write."""
        if self.key_uses.are_pending:
            with self.change(LOCAL):
                pass

    def change(self, context: Caller) -> Change:
        """Return what a `with` statement needs for one mutation."""
        return Change(self, context)

    def write(self, context: Caller, work: Callable[[Change], Response[T]]) -> Outcome[T]:
        """Carry out one mutation and store its response, in one transaction; or find the response to a repetition.

        Args:
            context: Who asks; with an idempotency key, the response is stored.
            work: Makes the change and returns the response. A repetition does not call it.

        Raises:
            EngineError: 409 or 404, if the idempotency key cannot be used for this request.
        """
        with Change(self, context) as change:
            stored = change.find_response()
            return change.finish(work(change)) if stored is None else stored

    def find_response(self, request: IdempotentRequest) -> Optional[StoredResponse]:
        """Return the response that a request got before; None if it is new.

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
            context: Who asks.
            request: The request.
            status: The status of the response.
            body: Its body.
            session_id: The session that it tells of; None for one that tells of none.
            memory_ids: The memories that it holds.

        Returns:
            The response that counts: an earlier one, if the request was answered meanwhile.

        Raises:
            EngineError: 409 or 404, if the idempotency key cannot be used for this request.
        """
        with Change(self, context) as change:
            earlier = change.find_response()
            if earlier is not None:
                return earlier
            is_gone = session_id is not None and self.store.sessions.find(session_id) is None
            if not is_gone or status >= 400:  # an error says just that, and tells of nothing
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
        """Return a session that lives.

        Raises:
            EngineError: 404, if there is none, or it has expired.
        """
        session = self.store.sessions.find(session_id)
        if session is None or session.expires_us <= now_us:
            raise not_found("session", session_id)
        return session

    def expiry_us(self, now_us: int, ttl_seconds: Optional[int]) -> int:
        """Return when a session expires whose time starts now."""
        return now_us + (self.default_ttl_seconds if ttl_seconds is None else ttl_seconds) * SECOND


class Change:
    """One mutation: a transaction with one time, and its trace."""

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
        uses = self._core.key_uses.take()
        try:
            self._core.store.keys.count_uses(uses)
            # Damage to what is left of others must not fail this change.
            store = self._core.store
            if store.removals.next() is not None:
                store.database.attempt(lambda: store.remove_piece(_ROWS_AT_ONCE))
            if store.sessions.has_unlabelled():
                store.database.attempt(lambda: store.sessions.label_piece(_ROWS_AT_ONCE))
            if store.words.are_missing():
                store.database.attempt(lambda: store.words.add_piece(_ROWS_AT_ONCE))
            self._transaction.leave(None)
        except BaseException as failure:
            self._core.key_uses.put_back(uses)
            self._transaction.leave(failure)
            raise

    def trace(
        self, action: str, session_id: str, resource_type: str, resource_id: str, details: Mapping[str, Any]
    ) -> str:
        """Record what was done and return the id of the trace.

        Args:
            action: What was done: `state.updated`.
            session_id: The session that it concerns.
            resource_type: What kind of thing was changed.
            resource_id: Which one.
            details: What changed; keys whose value is None are left out.
        """
        context = self._context
        self._session_id = session_id
        self._resource_id = resource_id if resource_type in ("memory", "entity") else None
        trace_id = new_id("trace_")
        given = {key: value for key, value in details.items() if value is not None}
        traces = self._core.store.traces
        traces.insert(
            TraceRow(
                *traces.next_number(self.now_us),
                trace_id,
                session_id,
                action,
                resource_type,
                resource_id,
                context.actor,
                context.actor_id,
                context.request_id,
                jsontext.encode(given),
            )
        )
        return trace_id

    def find_response(self) -> Optional[StoredResponse]:
        """Return the response to a repetition, which changes nothing; None for a new request.

        Raises:
            EngineError: 409 or 404, if the idempotency key cannot be used for this request.
        """
        request = self._context.idempotent
        if request is None:
            return None
        store = self._core.store
        found = stored_response.find(store, request, self.now_us)
        if found is None:
            store.answers.delete_expired(self.now_us, _RESPONSES_AT_ONCE)
        self._is_repetition = found is not None
        return found

    def finish(self, response: Response[T]) -> Outcome[T]:
        """Return the response to a new request; one with an idempotency key is stored with what it changed."""
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


class KeyUses:
    """Requests that came with API keys and are not in the store yet: reading must not have to write."""

    def __init__(self) -> None:
        self._uses: dict[str, tuple[int, int]] = {}
        self._lock = FrameLock()

    @property
    def are_pending(self) -> bool:
        """Whether there is something to store."""
        return bool(self._uses)

    def count(self, key_id: str, now_us: int) -> None:
        """Count a request."""
        self._add(key_id, 1, now_us)

    def take(self) -> dict[str, tuple[int, int]]:
        """Return requests and time of the last one by key, to be stored, and start to count anew."""
        if not self._uses:
            return {}
        with self._lock.held():
            uses, self._uses = self._uses, {}
        return uses

    def put_back(self, uses: Mapping[str, tuple[int, int]]) -> None:
        """Count again what could not be stored."""
        for key_id, (requests, last_used_us) in uses.items():
            self._add(key_id, requests, last_used_us)

    def _add(self, key_id: str, requests: int, last_used_us: int) -> None:
        with self._lock.held():
            counted, last_counted_us = self._uses.get(key_id, (0, 0))
            self._uses[key_id] = (counted + requests, max(last_counted_us, last_used_us))


class OperationGroup:
    """The base of the classes of operations, which have a method for each, named by its id.

    Args:
        core: What the operations work on.
    """

    def __init__(self, core: Core) -> None:
        self._core = core
        self._store = core.store
