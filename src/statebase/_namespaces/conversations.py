"""`get_or_create`: a session that is found again by a key, as a generator of steps.

The embedded engine finds or creates it in one transaction. On another service the key is in the metadata, lists are
filtered by it, and the idempotency keys of creations are derived from it, so that racing callers create one session.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any, Mapping, Optional, Union, cast

from typing_extensions import Unpack

from .._base.errors import InvalidRequestError, StateBaseError
from .._call.options import NOT_GIVEN, JSONObject, NotGiven, RequestOptions
from .._call.request import type_name
from .._call.steps import Steps
from .._generated import models, operations
from .extensions import Applied, check_flags, checked_ttl, named, refuse_key

KEY = "statebase_key"
"""The key of the metadata that contains the key of the session."""
_LONGEST_KEY = 200
_DEFAULT_TTL_SECONDS = 86_400
_MOST_SESSIONS = 100
"""How many sessions with one key may have been deleted within the 24 hours for which idempotency keys are kept."""
_LARGEST_PAGE = 100
_CREATE: Any = replace(cast(Any, operations.CREATE_SESSION), load_result=lambda: models.SessionResponse)
"""The response has the fields of a session."""


def get_or_create(
    sessions: Any,
    agent_id: str,
    *,
    key: str,
    user_id: Union[str, NotGiven, None] = NOT_GIVEN,
    metadata: Union[JSONObject, NotGiven, None] = NOT_GIVEN,
    initial_state: Union[JSONObject, NotGiven, None] = NOT_GIVEN,
    ttl_seconds: Union[int, NotGiven, None] = NOT_GIVEN,
    keep_alive: bool = True,
    **options: Unpack[RequestOptions],
) -> Steps[models.SessionResponse]:
    """Return the session of an agent, a user and a key; create it if there is none, or it was deleted or has expired.

    Racing callers, in threads, processes or machines, get the same session. The key is stored in the metadata, as
    `statebase_key`.

    The embedded engine and `statebase serve` find or create the session in one transaction, and each write to a session
    that is kept alive extends its life once less than half of it is left. The hosted service does neither: there, only
    this method extends the life, and finding the session takes a list, filtered by the metadata, and a request for the
    session. It is not found again if `sessions.update` replaces its metadata without `statebase_key`, which the engine
    keeps.

    Args:
        agent_id: The agent of the session, by a name or id of your choice.
        key: The name of the conversation, 1 to 200 characters, such as the id of a chat. Each user has their own keys.
        user_id: The user of the session, by your own id.
        metadata: Your own metadata, if the session is created.
        initial_state: The state at version 0, if the session is created. Default is an empty state.
        ttl_seconds: Seconds until the session expires, 1 to 2,592,000 (30 days). Default: 86,400 (a day).
        keep_alive: Extend the life of the session to `ttl_seconds` when it is used and less than half is left. False:
            it expires `ttl_seconds` after its creation. Default: True.
        **options: Options of each request, such as timeout.

    Returns:
        The session, with its state and its numbers of turns and memories.

    Raises:
        InvalidRequestError: An argument has the wrong type, or is outside of its limits; nothing was sent.
        StateBaseError: The service ignores the metadata filter of lists, so the session cannot be found.

    Example:
        >>> session = client.sessions.get_or_create("support-bot", key="chat-42", user_id="ada")
        >>> turn = client.sessions.add_turn(session.id, "hi", "hello")
        >>> again = client.sessions.get_or_create("support-bot", key="chat-42", user_id="ada")
        >>> again.id == session.id, again.turn_count
        (True, 1)
    """
    refuse_key("sessions.get_or_create", options)
    _check_texts(agent_id, key, user_id)
    check_flags(keep_alive=keep_alive)
    ttl = checked_ttl(ttl_seconds)
    given: Any = {} if metadata is None or isinstance(metadata, NotGiven) else metadata
    if not isinstance(given, Mapping):
        raise InvalidRequestError(f"metadata must be a mapping, got {type_name(given)}", param="metadata")
    owner = None if isinstance(user_id, NotGiven) else user_id
    client = sessions._client
    body: dict[str, Any] = {
        "agent_id": agent_id,
        "user_id": owner,
        "metadata": {**given, KEY: key},
        "initial_state": initial_state,
        "ttl_seconds": NOT_GIVEN if ttl is None else ttl,
    }
    headers = named(get_or_create=True, keep_alive=keep_alive)
    for number in range(_MOST_SESSIONS):
        session: Optional[models.SessionResponse] = None
        if not client._connection.has_extensions:
            session = yield from _found(client, agent_id, owner, key, options)
        if session is None:
            applied = Applied()
            keyed = {**options, "idempotency_key": _idempotency_key(agent_id, owner, key, number)}
            try:
                made: models.SessionResponse = yield client.request(
                    _CREATE, keyed, headers=headers, body=body, check=applied.check
                )
            except StateBaseError as error:
                # The key was used for a session that was deleted, or with other arguments by a caller that was faster.
                if error.status_code not in (404, 409):
                    raise
                continue
            client._connection.has_extensions = "get-or-create" in applied.names
            if "keep-alive" in applied.names:
                return made
            # Without extensions, it may be the stored response of a session that was deleted since.
            session = made if client._connection.has_extensions else (yield from _got(client, made.id, options))
        if session is not None:
            return (yield from _kept_alive(client, session, ttl, keep_alive, options))
    raise StateBaseError(
        f"get_or_create() found no session, although {_MOST_SESSIONS} were created with this key within 24 hours: use "
        "another key"
    )


def _found(client: Any, agent_id: str, user_id: Optional[str], key: str, options: Any) -> Steps[Any]:
    """Return the oldest session with a key; None if there is none, or the service turns out to have extensions."""
    applied = Applied()
    query = {"agent_id": agent_id, "user_id": user_id, "metadata": {KEY: key}, "limit": _LARGEST_PAGE}
    oldest: Any = None
    while True:
        page = yield client.request(
            operations.LIST_SESSIONS, options, query=query, headers=named(get_or_create=True), check=applied.check
        )
        if "get-or-create" in applied.names:
            client._connection.has_extensions = True
            return None
        for item in page.data:
            is_wanted = item.agent_id == agent_id and item.user_id in (user_id, None)
            if is_wanted and (oldest is None or (item.created_at, item.id) < (oldest.created_at, oldest.id)):
                oldest = item
        if not page.has_more or not page.data:
            break
        query = {**query, "starting_after": page.data[-1].id}
    session = None if oldest is None else (yield from _got(client, oldest.id, options))
    if session is None:
        return None
    labels: dict[str, Any] = session.metadata or {}
    if labels.get(KEY) != key or session.user_id != user_id:
        raise StateBaseError(
            "get_or_create() cannot find sessions on this service: it ignores the filters of lists by metadata or user"
        )
    return session


def _got(client: Any, session_id: str, options: Any) -> Steps[Any]:
    """Return a session; None if it was deleted or has expired."""
    try:
        return (yield client.request(operations.GET_SESSION, options, path={"session_id": session_id}))
    except StateBaseError as error:
        if error.status_code != 404:
            raise
        return None


def _kept_alive(
    client: Any, session: models.SessionResponse, ttl: Optional[int], keep_alive: bool, options: Any
) -> Steps[models.SessionResponse]:
    """Extend the life of a session if less than half of it is left."""
    seconds = _DEFAULT_TTL_SECONDS if ttl is None else ttl
    expires_at = session.ttl_expires_at
    if not keep_alive or expires_at is None:
        return session
    if expires_at - client._clock.now() >= timedelta(seconds=seconds / 2):
        return session
    updated = yield client.request(
        operations.UPDATE_SESSION, options, path={"session_id": session.id}, body={"ttl_seconds": seconds}
    )
    return session.model_copy(update={"ttl_expires_at": updated.ttl_expires_at, "updated_at": updated.updated_at})


def _idempotency_key(agent_id: str, user_id: Optional[str], key: str, number: int) -> str:
    """Return the idempotency key of the creation that all callers try after `number` others."""
    return hashlib.sha256(json.dumps([agent_id, user_id, key, number]).encode()).hexdigest()


def _check_texts(agent_id: object, key: object, user_id: object) -> None:
    for name, value in (("agent_id", agent_id), ("key", key), ("user_id", user_id)):
        if name == "user_id" and (value is None or isinstance(value, NotGiven)):
            continue
        if not isinstance(value, str):
            raise InvalidRequestError(f"{name} must be a string, got {type_name(value)}", param=name)
    assert isinstance(key, str)
    if not 1 <= len(key) <= _LONGEST_KEY:
        raise InvalidRequestError(f"key must have 1 to {_LONGEST_KEY} characters, got {len(key)}", param="key")
