"""`fork`: a session from a version of another one, as a generator of steps.

The embedded engine copies everything in one transaction. On a service that does not support that, the copying is done
by calls, each with an idempotency key made from that of the fork.
"""

from __future__ import annotations

import hashlib
import math
from datetime import datetime
from typing import Any, Collection, NamedTuple, Optional, Union

from typing_extensions import Unpack

from .._base.errors import InvalidRequestError, StateBaseError
from .._base.limits import LONGEST_TTL_SECONDS
from .._call.idempotency import idempotency_key
from .._call.options import NOT_GIVEN, NotGiven, WriteOptions
from .._call.steps import Steps
from .._generated import models, operations
from .conversations import KEY
from .extensions import Applied, check_flags, checked_ttl, named

_LARGEST_PAGE = 100


class _Wanted(NamedTuple):
    """The options of a fork, named as the extensions of the API."""

    ttl_seconds: Optional[int] = None
    keep_ttl: bool = False
    keep_metadata: bool = False
    with_turns: bool = False
    with_memories: bool = False

    def without(self, applied: Collection[str]) -> _Wanted:
        """Return the options that are not among the extensions that the service applied."""
        left: dict[str, Any] = self._asdict()
        return _Wanted(**{name: left[name] for name in left if name.replace("_", "-") not in applied})


def fork(
    sessions: Any,
    session_id: str,
    version: Union[int, NotGiven, None] = NOT_GIVEN,
    *,
    ttl_seconds: Union[int, NotGiven, None] = NOT_GIVEN,
    keep_ttl: bool = False,
    keep_metadata: bool = False,
    with_turns: bool = False,
    with_memories: bool = False,
    **options: Unpack[WriteOptions],
) -> Steps[models.SessionResponse]:
    """Create a session from a version of another session's state.

    The new session has the same agent and user, that state as its version 0, and the metadata `forked_from` and
    `forked_version`. Without further arguments, it has a new lifetime, no other metadata, no turns and no memories.

    The embedded engine and `statebase serve` copy everything in one transaction. The hosted service copies only the
    state: there, this method does the rest by calls, two for each turn and memory, and the copies have new times.

    ``POST /v1/sessions/{session_id}/fork``

    Args:
        session_id: Id of the session: sess_ and 12 characters.
        version: The version of the state to start from, counted from 0. Default is the current version.
        ttl_seconds: Seconds until the new session expires, 1 to 2,592,000 (30 days). Default: 86,400 (a day).
        keep_ttl: Let the new session expire when the other one does. Default: False.
        keep_metadata: Copy the metadata, except `statebase_key`. Default: False.
        with_turns: Copy the turns recorded before the version after `version`, with new ids and without their states
            before and after. Default: False.
        with_memories: Copy the memories stored before the version after `version`, with new ids. Contexts of a session
            with a user already contain the memories of all sessions of this user. Default: False.
        **options: Options of each request, such as timeout and idempotency_key.

    Returns:
        The new session.

    Raises:
        InvalidRequestError: An argument has the wrong type, or is outside of its limits; nothing was sent.
        NotFoundError: No session has this id, or it has expired, or its state does not have this version.
        ConflictError: The idempotency key was already used with a different body.
        StateBaseError: The service made the fork, but a call that completes it failed. Repeat the fork with the error's
            `idempotency_key`: it continues.

    Example:
        >>> turn = client.sessions.add_turn(session.id, "hi", "hello")
        >>> fork = client.sessions.fork(session.id, version=0, with_turns=True, ttl_seconds=3600)
        >>> fork.state, fork.turn_count, fork.metadata["forked_from"] == session.id
        ({'step': 1}, 1, True)
    """
    check_flags(keep_ttl=keep_ttl, keep_metadata=keep_metadata, with_turns=with_turns, with_memories=with_memories)
    ttl = checked_ttl(ttl_seconds)
    if keep_ttl and ttl is not None:
        raise InvalidRequestError("ttl_seconds and keep_ttl exclude each other: pass one of them", param="ttl_seconds")
    wanted = _Wanted(ttl, keep_ttl, keep_metadata, with_turns, with_memories)
    key = idempotency_key(options.get("idempotency_key"))
    applied = Applied()
    response = yield sessions._client.request(
        operations.FORK_SESSION,
        {**options, "idempotency_key": key},
        path={"session_id": session_id},
        headers=named(**wanted._asdict()),
        body={"version": version},
        check=applied.check,
    )
    # The whole response of `with_raw_response` is that of the fork itself.
    missing = wanted.without(applied.names)
    made: models.SessionResponse = response
    if not any(missing) or not isinstance(response, models.SessionResponse):
        return made
    try:
        return (yield from _completed(sessions._client, session_id, made, missing, key, {**options}))
    except StateBaseError as error:
        error.idempotency_key = key
        error.message = f"fork() made session {made.id}, but did not complete it: {error.message}"
        error.hint = f"Repeat fork() with idempotency_key={key!r}: it continues."
        raise


def _completed(
    client: Any, source_id: str, made: models.SessionResponse, wanted: _Wanted, key: str, options: Any
) -> Steps[models.SessionResponse]:
    """Do by calls what the service did not do with the fork."""
    options.pop("idempotency_key", None)
    source = yield client.request(operations.GET_SESSION, options, path={"session_id": source_id})
    changes = _changes(source, made, wanted, client._clock.now())
    if changes:
        yield client.request(operations.UPDATE_SESSION, options, path={"session_id": made.id}, body=changes)
    if wanted.with_turns or wanted.with_memories:
        before = yield from _time_after(client, source_id, made, options)
        if wanted.with_turns:
            yield from _copy_turns(client, source_id, made.id, before, key, options)
        if wanted.with_memories:
            yield from _copy_memories(client, source_id, made.id, before, key, options)
    completed: models.SessionResponse = yield client.request(
        operations.GET_SESSION, options, path={"session_id": made.id}
    )
    return completed


def _changes(
    source: models.SessionResponse, made: models.SessionResponse, wanted: _Wanted, now: datetime
) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    if wanted.keep_metadata:
        kept = {name: value for name, value in (source.metadata or {}).items() if name != KEY}
        changes["metadata"] = {**kept, **(made.metadata or {})}
    if wanted.ttl_seconds is not None:
        changes["ttl_seconds"] = wanted.ttl_seconds
    elif wanted.keep_ttl and source.ttl_expires_at is not None:
        left = (source.ttl_expires_at - now).total_seconds()
        changes["ttl_seconds"] = min(max(math.ceil(left), 1), LONGEST_TTL_SECONDS)
    return changes


def _time_after(client: Any, source_id: str, made: models.SessionResponse, options: Any) -> Steps[Optional[datetime]]:
    """Return the time of the version after the one that was forked; None if that is the current one.

    Raises:
        StateBaseError: There are more later versions than the service lists.
    """
    version = (made.metadata or {}).get("forked_version")
    if not isinstance(version, int):
        return None
    query = {"since_version": version, "limit": _LARGEST_PAGE}
    history = yield client.request(operations.GET_STATE_HISTORY, options, path={"session_id": source_id}, query=query)
    if not history.data:
        return None
    oldest = min(history.data, key=lambda each: each.version)
    if oldest.version != version + 1:
        raise StateBaseError(
            f"The service lists only the {len(history.data)} newest versions of the state, so it cannot be told which "
            f"turns and memories were there at version {version}"
        )
    after: datetime = oldest.created_at
    return after


def _copy_turns(
    client: Any, source_id: str, fork_id: str, before: Optional[datetime], key: str, options: Any
) -> Steps[None]:
    query: dict[str, Any] = {"order": "asc", "limit": _LARGEST_PAGE}
    while True:
        page = yield client.request(operations.LIST_TURNS, options, path={"session_id": source_id}, query=query)
        for item in page.data:
            if before is not None and item.created_at >= before:
                return
            path = {"session_id": source_id, "turn_id": item.id}
            turn = yield client.request(operations.GET_TURN, options, path=path)
            keyed = {**options, "idempotency_key": _part_of(key, f"turn-{item.id}")}
            given = {"metadata": turn.metadata, "reasoning": turn.reasoning}
            body = {"input": turn.input, "output": turn.output, **_without_none(given)}
            yield client.request(operations.CREATE_TURN, keyed, path={"session_id": fork_id}, body=body)
        if not page.has_more or not page.data:
            return
        query = {**query, "starting_after": page.data[-1].id}


def _copy_memories(
    client: Any, source_id: str, fork_id: str, before: Optional[datetime], key: str, options: Any
) -> Steps[None]:
    """Copy the memories that traces name: the API has no list of memories."""
    ids: list[str] = []
    query: dict[str, Any] = {"action": "memory.created", "limit": _LARGEST_PAGE}
    while True:
        path = {"session_id": source_id}
        page = yield client.request(operations.LIST_SESSION_TRACES, options, path=path, query=query)
        ids += [item.resource_id for item in page.data]
        if not page.has_more or not page.data:
            break
        query = {**query, "starting_after": page.data[-1].id}
    for memory_id in reversed(ids):  # oldest first
        try:
            memory = yield client.request(operations.GET_MEMORY, options, path={"memory_id": memory_id})
        except StateBaseError as error:
            if error.status_code != 404:
                raise
            continue  # deleted since
        if before is not None and memory.created_at >= before:
            return
        keyed = {**options, "idempotency_key": _part_of(key, memory_id)}
        given = {"tags": memory.tags, "metadata": memory.metadata}
        body = {"session_id": fork_id, "type": memory.type, "content": memory.content, **_without_none(given)}
        yield client.request(operations.CREATE_MEMORY, keyed, body=body)


def _without_none(given: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if value is not None}


def _part_of(key: str, part: str) -> str:
    """Return the idempotency key of a call that is a part of the fork."""
    return hashlib.sha256(f"{key}\n{part}".encode()).hexdigest()
