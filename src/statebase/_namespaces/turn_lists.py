"""Methods that read many turns, or find one by its idempotency key, as generators of steps.

Lists of turns have two extensions: one asks for their whole content, one for the turn of an idempotency key.
"""

from __future__ import annotations

from typing import Any, Dict, List, Literal, Mapping, Optional, cast

from typing_extensions import Unpack

from .._base.errors import InvalidRequestError, StateBaseError
from .._base.model import Model
from .._call.idempotency import checked_key
from .._call.options import RequestOptions
from .._call.request import type_name
from .._call.steps import Found, Iteration, Steps
from .._generated import models, operations
from .extensions import Applied, named

_PAGE = 100
_AT_ONCE = 10
"""The number of turns to get concurrently."""
_NEWEST = 50
"""The largest number of turns in a context."""


def iter_turns(
    sessions: Any,
    session_id: str,
    *,
    full: Literal[True] = True,
    order: Literal["asc", "desc"] = "asc",
    **options: Unpack[RequestOptions],
) -> Iteration[models.ContextTurn]:
    """Iterate over all turns of a session with their whole content, fetching them as they are reached.

    `statebase serve` and `StateBase.local()` return up to 100 turns a request. Other services return the newest 50 by
    one request, and each of the others by one of its own, of which `AsyncStateBase` sends ten at a time.

    Args:
        session_id: Id of the session.
        full: Always true. `list_turns` returns previews.
        order: "asc" for oldest first, "desc" for newest first. Default: "asc".
        **options: Options of each request, such as timeout.

    Returns:
        An iterator over the turns. Turns that are added meanwhile are included if they come later in the order.

    Raises:
        InvalidRequestError: `order` is not "asc" or "desc", or `full` is not true.
        NotFoundError: No session has this id, or it has expired.

    Example:
        >>> turns = client.sessions.ingest(session.id, [("hi", "hello"), ("bye", "see you")])
        >>> [turn.output.content for turn in client.sessions.iter_turns(session.id)]
        ['hello', 'see you']
    """
    if order not in ("asc", "desc"):
        got = repr(order) if isinstance(order, str) else type_name(order)
        raise InvalidRequestError(f"order must be 'asc' or 'desc', got {got}", param="order")
    if cast(object, full) is not True:
        raise InvalidRequestError("full must be True: use list_turns for previews", param="full")
    newest: Optional[Dict[Optional[str], models.ContextTurn]] = None
    applied = Applied()
    page = yield _list(sessions, session_id, {"limit": _PAGE, "order": order}, options, applied, whole_turns=True)
    while page is not None:
        if page and not applied.names and newest is None:
            context = yield sessions.get_context(session_id, memory_limit=0, turn_limit=_NEWEST, **options)
            newest = {turn.id: turn for turn in context.recent_turns if turn.input is not None}
        for first in range(0, len(page), _AT_ONCE):
            items = page[first : first + _AT_ONCE]
            missing = [] if applied.names else [item.id for item in items if item.id not in (newest or {})]
            if missing:
                wholes = yield [sessions.get_turn(session_id, turn_id, **options) for turn_id in missing]
                newest = {**(newest or {}), **{whole.id: _turn(whole) for whole in wholes}}
            yield Found([newest.pop(item.id) if newest and item.id in newest else _turn(item) for item in items])
        page = yield page.next_page()


def find_turn(
    sessions: Any, session_id: str, *, key: str, **options: Unpack[RequestOptions]
) -> Steps[Optional[models.TurnDetailResponse]]:
    """Return the turn that was recorded with an idempotency key, such as that of a message that arrived twice.

    `add_turn` with a key that was used with another input or output raises a `ConflictError`: the model may have
    answered differently. Return the first answer instead.

    `statebase serve` and `StateBase.local()` find the turn for 24 hours, the time for which a key is stored, if this
    client uses the same API key. Other services cannot look up keys. There it is found if it is one of the newest 50
    turns and was added with `metadata={"idempotency_key": key}`, and otherwise this method raises an error.

    Args:
        session_id: Id of the session.
        key: The `idempotency_key` of the `add_turn`.
        **options: Options of each request, such as timeout.

    Returns:
        The turn; None if no turn was recorded with the key in the last 24 hours.

    Raises:
        InvalidRequestError: The key is not valid.
        NotFoundError: No session has this id, or it has expired.
        StateBaseError: The service cannot look up keys, and the newest turns do not have the key in their metadata.

    Example:
        >>> from statebase import ConflictError
        >>> turn = client.sessions.add_turn(session.id, "hi", "hello", idempotency_key="message-7")
        >>> try:
        ...     turn = client.sessions.add_turn(session.id, "hi", "good morning", idempotency_key="message-7")
        ... except ConflictError:
        ...     turn = client.sessions.find_turn(session.id, key="message-7")
        >>> turn.output.content
        'hello'
    """
    checked_key("key", key)
    applied = Applied()
    page = yield _list(sessions, session_id, {"limit": 1}, options, applied, turn_key=key)
    if "turn-key" in applied.names:
        if not page:
            return None
        turn_id = page[0].id
    else:
        context = yield sessions.get_context(session_id, memory_limit=0, turn_limit=_NEWEST, **options)
        turns: List[models.ContextTurn] = context.recent_turns
        fits = [turn.id for turn in turns if turn.id and turn.metadata and turn.metadata.get("idempotency_key") == key]
        if not fits:
            raise StateBaseError(
                "The service cannot look up turns by idempotency key, and none of the newest 50 turns has the key in "
                "its metadata: pass metadata={'idempotency_key': key} to add_turn as well"
            )
        turn_id = fits[0]
    turn: models.TurnDetailResponse = yield sessions.get_turn(session_id, turn_id, **options)
    return turn


def _turn(whole: Model) -> models.ContextTurn:
    return models.ContextTurn.model_validate(whole.model_dump())


def _list(
    sessions: Any, session_id: str, query: Mapping[str, Any], options: Any, applied: Applied, **extensions: object
) -> Any:
    """Return the call that lists turns with extensions of the API."""
    path = {"session_id": session_id}
    headers = named(**extensions)
    return sessions._client.request_page(
        operations.LIST_TURNS, options, path=path, query=query, headers=headers, check=applied.check
    )
