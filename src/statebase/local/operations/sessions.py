"""Sessions: create, get, list, update, delete, fork, history."""

from __future__ import annotations

from typing import Any, Mapping, Optional

import pydantic_core

from ..._base.limits import LONGEST_TTL_SECONDS
from ..._generated.models import (
    SessionCreateRequest,
    SessionCreateResponse,
    SessionForkRequest,
    SessionListItem,
    SessionListResponse,
    SessionMetadataUpdateResponse,
    SessionResponse,
    SessionUpdateRequest,
)
from ..._generated.queries import GetSessionHistoryQuery, ListSessionsQuery
from .. import jsontext
from ..caller import LOCAL, Caller
from ..clock import to_datetime, to_microseconds, to_text
from ..errors import EngineError, invalid_request, not_found, unknown_cursor
from ..identifiers import new_id
from ..storage import history
from ..storage.history import Frame
from ..storage.tables.sessions import KEY, SessionRow, digest_of_key
from ..storage.tables.states import LARGE
from .core import Change, OperationGroup
from .response import Outcome, Response, States, WrittenResponse, operation
from .states import version_model, version_not_found
from .traces import list_item

_LONGEST_TTL = 7
"""The number of digits of the longest lifetime."""


class SessionOperations(OperationGroup):
    """The operations on sessions."""

    @operation
    def create_session(self, body: SessionCreateRequest, context: Caller = LOCAL) -> Outcome[SessionCreateResponse]:
        """Create a session with its initial state as version 0."""
        metadata = _optional_json(body.metadata, "metadata")
        initial_state = {} if body.initial_state is None else body.initial_state
        text = jsontext.encode(initial_state, "initial_state")
        frame = history.encode(text.encode())
        key = None
        if "get-or-create" in context.extensions:
            key = digest_of_key(body.agent_id, body.user_id, metadata)
            if key is None:
                raise invalid_request(f"metadata must have the key {KEY!r}, with a string.", "metadata")

        def write(change: Change) -> Response[SessionCreateResponse]:
            now_us = change.now_us
            found = None if key is None else self._found(key, body.ttl_seconds, now_us, context)
            if found is not None:
                return found
            expires_us = self._core.expiry_us(now_us, body.ttl_seconds)
            keep_us = expires_us - now_us if "keep-alive" in context.extensions else None
            session = self._store.sessions.insert(
                new_id("sess_"), body.agent_id, body.user_id, metadata, now_us, expires_us, keep_us
            )
            self._store.states.start(session.seq, text, now_us, context.actor, frame=frame)
            details = {"agent_id": body.agent_id, "user_id": body.user_id, "expires_at": to_text(expires_us)}
            change.trace("session.created", session.id, "session", session.id, details)
            return WrittenResponse(SessionCreateResponse, _written(session, text), States(session.seq, [(0, text)]))

        return self._core.write(context, write)

    @operation
    def get_session(self, session_id: str, context: Caller = LOCAL) -> Outcome[SessionResponse]:
        """Return a session with its current state."""
        with self._core.read(snapshot=False):
            session, state = self._core.session_and_state(session_id, self._core.now_us())
        return WrittenResponse(SessionResponse, jsontext.checked(_written(session, state.text)))

    @operation
    def list_sessions(self, query: ListSessionsQuery, context: Caller = LOCAL) -> Outcome[SessionListResponse]:
        """Return a page of the sessions that match the filters and have not expired, newest first."""
        metadata = metadata_filter(query.metadata)
        with self._core.read():
            sessions = self._store.sessions.page(
                self._core.now_us(),
                query.limit + 1,
                self._seq_of_cursor(query.starting_after),
                agent_id=query.agent_id,
                user_id=query.user_id,
                created_after_us=None if query.created_after is None else to_microseconds(query.created_after),
                created_before_us=None if query.created_before is None else to_microseconds(query.created_before),
                metadata=metadata,
            )
        page = sessions[: query.limit]
        return Response(
            SessionListResponse(
                data=[_list_item(session) for session in page],
                has_more=len(sessions) > query.limit,
                first_id=page[0].id if page else None,
                last_id=page[-1].id if page else None,
            )
        )

    @operation
    def update_session(
        self, session_id: str, body: SessionUpdateRequest, context: Caller = LOCAL
    ) -> Outcome[SessionMetadataUpdateResponse]:
        """Replace the metadata, renew the lifetime, or both. A lifetime of null is the default one."""
        given = body.model_fields_set
        new_metadata = _optional_json(body.metadata, "metadata")

        def write(change: Change) -> Response[SessionMetadataUpdateResponse]:
            now_us = change.now_us
            session = self._core.session(session_id, now_us)
            metadata = _with_key(new_metadata, session.metadata) if "metadata" in given else session.metadata
            expires_us, keep_us = session.expires_us, session.keep_us
            if "ttl_seconds" in given:
                expires_us = self._core.expiry_us(now_us, body.ttl_seconds)
                keep_us = None if keep_us is None else expires_us - now_us
            self._store.sessions.update(session, metadata, expires_us, keep_us, now_us)
            details = {"fields": sorted(given & {"metadata", "ttl_seconds"}), "expires_at": to_text(expires_us)}
            change.trace("session.updated", session.id, "session", session.id, details)
            return Response(
                SessionMetadataUpdateResponse(
                    id=session.id,
                    agent_id=session.agent_id,
                    updated_at=to_datetime(now_us),
                    metadata=None if metadata is None else jsontext.decode(metadata),
                    ttl_expires_at=to_datetime(expires_us),
                    object="session",
                )
            )

        return self._core.write(context, write)

    @operation
    def delete_session(self, session_id: str, context: Caller = LOCAL) -> Outcome[None]:
        """Delete a session, expired or not, with all its data except traces."""
        with self._core.change(context) as change:
            session = self._store.sessions.find(session_id)
            if session is None:
                raise not_found("session", session_id)
            removed = self._store.remove_session(session)
            change.trace("session.deleted", session.id, "session", session.id, removed)
        self._remove_rest(session.seq, context.deadline)
        return Response(None)

    @operation
    def fork_session(
        self, session_id: str, body: SessionForkRequest, context: Caller = LOCAL
    ) -> Outcome[SessionResponse]:
        """Create a session with a version of another session's state, and with what the caller's extensions name."""
        encoded = self._encode_fork(session_id, body.version)
        wanted = context.extensions
        ttl_seconds = _ttl_seconds(wanted)

        def write(change: Change) -> Response[SessionResponse]:
            now_us = change.now_us
            source, newest = self._core.session_and_state(session_id, now_us)
            version = newest.version if body.version is None else body.version
            text = newest.text if version == newest.version else self._store.states.at(source.seq, version)
            if text is None:
                raise version_not_found(version, newest.version)
            origin = {"forked_from": source.id, "forked_version": version}
            kept: dict[str, Any] = {}
            if "keep-metadata" in wanted and source.metadata is not None:
                kept = jsontext.decode(source.metadata)
                kept.pop(KEY, None)  # the key leads to one session
            expires_us, keep_us = self._core.expiry_us(now_us, ttl_seconds), None
            if "keep-ttl" in wanted:
                expires_us, keep_us = source.expires_us, source.keep_us
            fork = self._store.sessions.insert(
                new_id("sess_"),
                source.agent_id,
                source.user_id,
                jsontext.encode({**kept, **origin}),
                now_us,
                expires_us,
                keep_us,
            )
            frame = encoded[1] if encoded is not None and encoded[0] == text else None
            self._store.states.start(fork.seq, text, now_us, context.actor, frame=frame)
            fork = self._copy(source, fork, version, newest.version, wanted)
            copied = {"turns": fork.turn_count or None, "memories": fork.memory_count or None}
            details = {**origin, "user_id": source.user_id, **copied}
            change.trace("session.forked", fork.id, "session", fork.id, details)
            answer = jsontext.checked(_written(fork, text))
            return WrittenResponse(SessionResponse, answer, States(fork.seq, [(0, text)]))

        return self._core.write(context, write)

    @operation
    def get_session_history(
        self, session_id: str, query: GetSessionHistoryQuery, context: Caller = LOCAL
    ) -> Outcome[dict[str, Any]]:
        """Return the newest versions of the state and the newest traces; empty lists for those not requested."""
        with self._core.read():
            session = self._core.session(session_id, self._core.now_us())
            versions = self._store.states.versions(session.seq, query.limit, None) if query.include_state else []
            traces = self._store.traces.page(query.limit, session_id=session.id) if query.include_traces else []
        return Response(
            {
                "session_id": session.id,
                "versions": [version_model(version) for version in versions],
                "traces": [list_item(trace) for trace in traces],
            }
        )

    def _found(
        self, key: bytes, ttl_seconds: Optional[int], now_us: int, context: Caller
    ) -> Optional[Response[SessionCreateResponse]]:
        """Return the session with a key, with its life extended if the caller wants that; None if there is none."""
        session_id = self._store.sessions.with_key(key, now_us)
        if session_id is None:
            return None
        try:
            session, state = self._core.session_and_state(session_id, now_us)
        except EngineError as error:
            if error.status != 404:
                raise
            return None  # deleted meanwhile
        if "keep-alive" in context.extensions:
            keep_us = session.keep_us
            if keep_us is None or ttl_seconds is not None:
                keep_us = self._core.expiry_us(0, ttl_seconds)
            expires_us = session.expires_us
            if expires_us - now_us < keep_us // 2:
                expires_us = now_us + keep_us
            if (expires_us, keep_us) != (session.expires_us, session.keep_us):
                self._store.sessions.keep(session.seq, expires_us, keep_us)
                session = session._replace(expires_us=expires_us, keep_us=keep_us)
        return WrittenResponse(SessionCreateResponse, jsontext.checked(_written(session, state.text)))

    def _copy(
        self, source: SessionRow, fork: SessionRow, version: int, newest: int, wanted: Mapping[str, str]
    ) -> SessionRow:
        """Copy what a fork of a version is to have of its source, as far as it was there before the next version.

        Returns:
            The fork, with its numbers of turns and memories.
        """
        store = self._store
        turns = store.turns.copy(source.seq, fork.seq, version) if "with-turns" in wanted else 0
        memories = 0
        if "with-memories" in wanted:
            before_us = None if version == newest else store.states.created_us(source.seq, version + 1)
            memories = store.memories.copy(source.seq, fork.seq, before_us)
        if turns or memories:
            store.sessions.count(fork.seq, turns, memories)
        return fork._replace(turn_count=turns, memory_count=memories)

    def _purge_some(self, context: Caller, batch: int) -> int:
        """Remove at most `batch` expired sessions, and return their number."""
        with self._core.change(context) as change:
            sessions = self._store.sessions.expired(change.now_us, batch)
            for session in sessions:
                details = {"expired_at": to_text(session.expires_us), **self._store.remove_session(session)}
                change.trace("session.expired", session.id, "session", session.id, details)
        self._remove_rest()
        return len(sessions)

    def _encode_fork(self, session_id: str, version: Optional[int]) -> Optional[tuple[str, Frame]]:
        """Encode a large state for a fork, before the transaction; returns None for a small one."""
        with self._core.read():
            source, newest = self._core.session_and_state(session_id, self._core.now_us())
            text = newest.text if version in (None, newest.version) else self._store.states.at(source.seq, version or 0)
        return None if text is None or len(text) < LARGE else (text, history.encode(text.encode()))

    def _seq_of_cursor(self, starting_after: Optional[str]) -> Optional[int]:
        if starting_after is None:
            return None
        seq = self._store.sessions.seq_of(starting_after)
        if seq is None:
            raise unknown_cursor(starting_after)
        return seq


def _with_key(metadata: Optional[str], old: Optional[str]) -> Optional[str]:
    """Return new metadata with the key under which the session is found again, unless they have one themselves."""
    if old is None or KEY not in old:
        return metadata
    given: dict[str, Any] = {} if metadata is None else jsontext.decode(metadata)
    before = jsontext.decode(old)
    return metadata if KEY in given or KEY not in before else jsontext.encode({**given, KEY: before[KEY]})


def _ttl_seconds(wanted: Mapping[str, str]) -> Optional[int]:
    """Return the lifetime that a caller wants for a fork; None for the default.

    Raises:
        EngineError: 400, if it is not one.
    """
    text = wanted.get("ttl-seconds")
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= _LONGEST_TTL and 1 <= int(text) <= LONGEST_TTL_SECONDS):
        raise invalid_request(f"ttl-seconds must be an integer from 1 to {LONGEST_TTL_SECONDS:,}.", "ttl_seconds")
    return int(text)


def _written(session: SessionRow, state: str) -> str:
    """Return the response for a session with its state as JSON text."""
    values = {
        "id": session.id,
        "agent_id": session.agent_id,
        "user_id": session.user_id,
        "created_at": to_text(session.created_us),
        "updated_at": to_text(session.updated_us),
        "memory_count": session.memory_count,
        "turn_count": session.turn_count,
        "ttl_expires_at": to_text(session.expires_us),
        "object": "session",
    }
    return jsontext.write_object(values, {"metadata": session.metadata, "state": state})


def _list_item(session: SessionRow) -> SessionListItem:
    return SessionListItem(
        id=session.id,
        agent_id=session.agent_id,
        created_at=to_datetime(session.created_us),
        updated_at=to_datetime(session.updated_us),
        memory_count=session.memory_count,
        turn_count=session.turn_count,
        object="session",
        user_id=session.user_id,
    )


def metadata_filter(text: Optional[str]) -> Optional[dict[str, Any]]:
    """Return the metadata that a query wants; None for any.

    Raises:
        EngineError: 400, if it is not a JSON object.
    """
    if text is None:
        return None
    try:
        wanted: object = pydantic_core.from_json(text, allow_inf_nan=False)
    except ValueError as error:
        raise _no_filter() from error
    if not jsontext.is_object(wanted):
        raise _no_filter()
    return wanted


def _no_filter() -> EngineError:
    return invalid_request('metadata must be a JSON object, such as {"channel": "web"}.', "metadata")


def _optional_json(value: Optional[dict[str, Any]], field: str) -> Optional[str]:
    return None if value is None else jsontext.encode(value, field)
