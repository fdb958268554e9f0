"""The methods of `client.memory` that are more than one operation: memories of a user, batches, expiry, lists.

The first argument of each generator of steps is the namespace of either client. The generated classes contain the
methods for both clients, with these signatures and docstrings. The embedded engine has operations for all of this;
where a service does not have them, `memory_fallback` uses the calls that it has.
"""

from __future__ import annotations

import logging
from typing import Any, Iterable, List, Literal, Mapping, Optional, Sequence, Union

from typing_extensions import Unpack

from .._base.errors import InvalidRequestError, StateBaseError
from .._call.idempotency import idempotency_key
from .._call.options import NOT_GIVEN, NotGiven, RequestOptions, WriteOptions
from .._call.raw_response import value_of, with_value
from .._call.request import type_name
from .._call.steps import Steps
from .._generated import models, operations, results
from .._results.queued import QueuedMemory
from . import memory_fallback
from .arguments import OptionalId, Words, either, joined
from .memory_arguments import (
    Lifetime,
    MemoryLike,
    Moment,
    is_mapping,
    item_of,
    items_of,
    moment,
    scope_of,
    seconds,
    similarity,
)

MemoryType = Union[Literal["general", "fact", "preference", "event", "policy", "observation"], str]
"""The type of a memory: a known one, or any other word."""
Labels = Union[Mapping[str, Any], None]
"""Metadata that a memory must have: keys with their values."""

_logger = logging.getLogger("statebase")
_BATCH = 100
_PAGE = 100
_said: List[bool] = []


def add(
    memory: Any,
    content: str,
    type: Union[MemoryType, NotGiven] = "fact",
    session_id: Union[OptionalId, NotGiven] = NOT_GIVEN,
    tags: Union[Sequence[str], NotGiven, None] = NOT_GIVEN,
    metadata: Union[Mapping[str, Any], NotGiven, None] = NOT_GIVEN,
    *,
    user_id: Optional[str] = None,
    memory_type: Optional[MemoryType] = None,
    embed: Union[bool, NotGiven] = NOT_GIVEN,
    expires_in: Lifetime = None,
    unless_similar: Optional[float] = None,
    **options: Unpack[WriteOptions],
) -> Steps[models.MemoryResponse]:
    """Store a memory of a session or of a user.

    The content is embedded for semantic search. A memory of a user belongs to no conversation: the embedded engine
    keeps it in a session of its own (agent `memory`) that does not expire. On a service without this extension, that
    session is found or created by further calls, and expires after 30 days; searches still find its memories then.

    Args:
        content: The text to remember, 1 to 10,000 characters.
        type: The type of the memory: general, fact, preference, event, policy, observation, or any other word. The
            default of the service is general; that of this method is fact, as in statebase 0.4.
        session_id: Id of the session of the memory; required unless `user_id` is passed.
        tags: Labels to filter searches by.
        metadata: Anything of your own to keep with the memory.
        user_id: The user of the memory, by your own id, in place of a session.
        memory_type: Another name for `type`.
        embed: Whether a search may find the memory; one without can only be fetched by its id. Default: True.
        expires_in: Seconds, or a timedelta, until the memory expires: then nothing finds it, and it is deleted. At most
            a hundred years. None: it does not expire. Only the embedded engine and `statebase serve` support it.
        unless_similar: A similarity, above 0 and at most 1. If a memory of the session or user has at least this one to
            the content, that memory is returned, `is_new` is false, and nothing is stored. 1.0 is the same text; 0.9 is
            a good start. The embedded engine compares and stores in one transaction, by the cosine of the two texts, or
            without an embedder by the part of their words that they share. Other services are searched before, with
            this threshold, which is not atomic.
        **options: Options of each request, such as timeout and idempotency_key.

    Returns:
        The memory as stored, or the similar one.

    Raises:
        InvalidRequestError: Neither or both of session_id and user_id were passed, or an argument is invalid, or the
            service does not support `expires_in`; nothing was stored.
        NotFoundError: No session has this id, or it has expired.
        ConflictError: The idempotency key was already used with a different body.
        PayloadTooLargeError: The content is over 10,000 characters, or the request body over 10 MiB.
        UnprocessableEntityError: An argument has the wrong type, or is outside of its limits.

    Example:
        >>> memory = client.memory.add("Drinks tea, never coffee", "preference", session.id, tags=["drinks"])
        >>> memory.type
        'preference'
        >>> client.memory.add("Parcels go to the neighbour", user_id="ada", unless_similar=0.95).is_new
        True
    """
    given = NOT_GIVEN if memory_type is None or type == "fact" else type
    type = type if memory_type is None else either("type", given, "memory_type", memory_type)
    item = {"content": content, "type": type, "tags": tags, "metadata": metadata, "embed": embed}
    scope = scope_of(session_id, user_id)
    lifetime = seconds("expires_in", expires_in)
    least = similarity("unless_similar", unless_similar)
    if "session_id" in scope and lifetime is None and least is None:
        added: models.MemoryResponse = yield memory._client.request(
            operations.CREATE_MEMORY, options, body={**item, **scope}
        )
        return added
    key = idempotency_key(options.get("idempotency_key"))
    own: WriteOptions = {**options, "idempotency_key": key}
    item = item_of({**item, "expires_in": lifetime})
    try:
        return (yield from _add(memory, item, scope, least, own))
    except StateBaseError as error:
        error.idempotency_key = key  # also of the error of a read
        raise


def _add(
    memory: Any, item: Mapping[str, Any], scope: Mapping[str, str], least: Optional[float], options: WriteOptions
) -> Steps[models.MemoryResponse]:
    body = {"memories": [item], **scope, "unless_similar": NOT_GIVEN if least is None else least}
    try:
        response = yield memory._client.request(operations.CREATE_MEMORIES, options, body=body)
    except StateBaseError as error:
        if not memory_fallback.is_unsupported(error):
            raise
        return (yield from memory_fallback.add(memory, item, scope, least, options))
    if isinstance(response, QueuedMemory):
        return response
    stored = value_of(response).data[0]
    if not stored.is_new:
        response = yield memory.get(stored.id, **memory_fallback.read_options(options))
        known: models.MemoryResponse = value_of(response)
        return with_value(response, known.model_copy(update={"is_new": False}))
    return with_value(response, _made(item, stored))


def add_many(
    memory: Any,
    memories: Iterable[MemoryLike],
    session_id: Union[OptionalId, NotGiven] = NOT_GIVEN,
    *,
    user_id: Optional[str] = None,
    type: MemoryType = "fact",
    expires_in: Lifetime = None,
    **options: Unpack[WriteOptions],
) -> Steps[List[models.MemoryResponse]]:
    """Store several memories of a session or of a user, in order.

    They are sent in batches of 100. The embedded engine and `statebase serve` store each batch in one transaction;
    other services get the memories one by one.

    Args:
        memories: Texts, or mappings of the arguments of `add`: content, type, tags, metadata, embed, expires_in.
        session_id: Id of the session of the memories; required unless `user_id` is passed.
        user_id: The user of the memories, by your own id, in place of a session.
        type: The type of memories that do not have one of their own. Default: fact.
        expires_in: Seconds, or a timedelta, until memories expire that do not have their own `expires_in`; see `add`.
        **options: Options of each request. With an `idempotency_key`, repeating the call with the same memories adds
            only the missing ones, within 24 hours.

    Returns:
        The memories, in order.

    Raises:
        InvalidRequestError: An item is neither a text nor such a mapping, neither or both of session_id and user_id
            were passed, or the service does not support `expires_in`; nothing was stored.
        NotFoundError: No session has this id, or it has expired.
        StateBaseError: A batch was not stored; the batches before it were. Repeat the call with the error's
            `idempotency_key` to add the remaining memories.

    Example:
        >>> added = client.memory.add_many(["Drinks tea", {"content": "Has a cat", "tags": ["pets"]}], user_id="ada")
        >>> [memory.content for memory in client.memory.list(user_id="ada")]
        ['Has a cat', 'Drinks tea']
    """
    scope = scope_of(session_id, user_id)
    lifetime = seconds("expires_in", expires_in)
    items = items_of(memories, {"type": type, "expires_in": lifetime})
    key = idempotency_key(options.get("idempotency_key"))
    stored: List[models.MemoryResponse] = []
    try:
        for start in range(0, len(items), _BATCH):
            batch = items[start : start + _BATCH]
            own: WriteOptions = {**options, "idempotency_key": f"{key}-{start}"}
            body = {"memories": batch, **scope}
            try:
                response = yield memory._client.request(operations.CREATE_MEMORIES, own, body=body)
            except StateBaseError as error:
                if start > 0 or not memory_fallback.is_unsupported(error):
                    raise
                yield from memory_fallback.add_many(memory, items, scope, key, options, stored)
                return stored
            stored += (
                [response] * len(batch) if isinstance(response, QueuedMemory) else map(_made, batch, response.data)
            )
    except StateBaseError as error:
        if isinstance(error, InvalidRequestError):
            raise
        error.idempotency_key = key
        error.message = f"add_many() failed after {len(stored)} stored memories: {error.message}"
        error.hint = f"Repeat add_many() with idempotency_key={key!r}: it adds only the missing memories."
        raise
    return stored


def search(
    memory: Any,
    query: str,
    session_id: Union[str, NotGiven, None] = NOT_GIVEN,
    types: Union[Words, NotGiven, None] = NOT_GIVEN,
    tags: Union[Words, NotGiven, None] = NOT_GIVEN,
    limit: Union[int, NotGiven] = NOT_GIVEN,
    threshold: Union[float, NotGiven] = NOT_GIVEN,
    *,
    user_id: Optional[str] = None,
    all_users: bool = False,
    created_after: Moment = None,
    created_before: Moment = None,
    metadata: Labels = None,
    top_k: Union[int, NotGiven] = NOT_GIVEN,
    type: Union[Words, NotGiven, None] = NOT_GIVEN,
    memory_type: Union[Words, NotGiven, None] = NOT_GIVEN,
    **options: Unpack[RequestOptions],
) -> Steps[results.SearchResults]:
    """Search the memories of a user, of a session, or of all users; best matches first.

    Returns only memories with a score of at least the threshold that match all filters. Without `user_id` and
    `session_id`, the memories of all users are searched, and a log line says so once, unless `all_users` is true.

    Args:
        query: What to search for, in plain words.
        session_id: Only memories of this session.
        types: Only memories with one of these types, at most 500. A word, words joined by commas, or a sequence of
            words.
        tags: Only memories with at least one of these tags, at most 500, in the format of `types`.
        limit: Another name for `top_k`.
        threshold: The lowest score of a result, 0 to 1. Default: 0.7.
        user_id: Only memories of this user: those added with this `user_id`, and those of all sessions of the user,
            also of expired ones. On a service without this extension, the results come from the 20 best memories that a
            context of the user finds.
        all_users: Whether it is intended that memories of all users are found. Default: False, which only logs a line.
        created_after: Only memories stored after this time, exclusive. Requires `user_id` or `session_id`.
        created_before: Only memories stored before this time, exclusive. Requires `user_id` or `session_id`.
        metadata: Only memories whose metadata has each of these keys with an equal value. Requires `user_id` or
            `session_id`; every memory of these is compared, so for many memories use tags.
        top_k: The maximum number of results, 1 to 50. Default: 10.
        type: Another name for `types`.
        memory_type: Another name for `types`.
        **options: Options of each request, such as timeout.

    Returns:
        The memories found.

    Raises:
        InvalidRequestError: Both names of an argument were passed, a type or tag contains a comma, or a filter requires
            `user_id` or `session_id`; nothing was sent.
        BadRequestError: There are more than 500 types or tags.
        PermissionDeniedError: The API key has no permission for this operation.
        UnprocessableEntityError: An argument has the wrong type, or is outside of its limits.

    Example:
        >>> memory = client.memory.add("Prefers e-mail over phone calls", "preference", user_id="ada")
        >>> results = client.memory.search("e-mail or phone calls", user_id="ada")
        >>> [found.content for found in results]
        ['Prefers e-mail over phone calls']
    """
    words = either("types", types, "type", either("type", type, "memory_type", memory_type))
    sent = {
        "query": query,
        "session_id": session_id,
        "types": joined("types", words),
        "tags": joined("tags", tags),
        "top_k": either("top_k", top_k, "limit", limit),
        "threshold": threshold,
    }
    narrow = _narrow(session_id, user_id, created_after, created_before, metadata)
    if not narrow:
        if session_id is None or isinstance(session_id, NotGiven):
            _say_that_all_are_searched(all_users)
        found: results.SearchResults = yield memory._client.request(operations.SEARCH_MEMORIES, options, query=sent)
        return found
    try:
        found = yield memory._client.request(operations.SEARCH_OWN_MEMORIES, options, query={**sent, **narrow})
    except StateBaseError as error:
        if not memory_fallback.is_unsupported(error):
            raise
        found = yield from memory_fallback.search(memory, sent, narrow, options)
    return found


def list(
    memory: Any,
    user_id: Optional[str] = None,
    *,
    session_id: Union[str, None] = None,
    types: Union[Words, NotGiven, None] = NOT_GIVEN,
    tags: Union[Words, NotGiven, None] = NOT_GIVEN,
    created_after: Moment = None,
    created_before: Moment = None,
    metadata: Labels = None,
    limit: Optional[int] = None,
    starting_after: Optional[str] = None,
    **options: Unpack[RequestOptions],
) -> Steps[List[models.MemoryResponse]]:
    """List memories, newest first: of a user, of a session, or of all.

    Memories with `embed=False` are listed too. The embedded engine returns 100 memories a request. Other services have
    no list of memories: their traces are read, and each memory by its id; of a user, only memories of sessions that
    have not expired are listed there.

    Args:
        user_id: Only memories of this user: those added with this `user_id`, and those of all sessions of the user.
        session_id: Only memories of this session.
        types: Only memories with one of these types, at most 500. A word, words joined by commas, or a sequence of
            words.
        tags: Only memories with at least one of these tags, at most 500, in the format of `types`.
        created_after: Only memories stored after this time, exclusive. Requires `user_id` or `session_id`.
        created_before: Only memories stored before this time, exclusive. Requires `user_id` or `session_id`.
        metadata: Only memories whose metadata has each of these keys with an equal value. Requires `user_id` or
            `session_id`.
        limit: The maximum number of memories, at least 1. None: all of them.
        starting_after: Id of the last memory seen, which must still exist; the list continues after it.
        **options: Options of each request, such as timeout.

    Returns:
        The memories, newest first.

    Raises:
        InvalidRequestError: A type or tag contains a comma, `limit` is not a positive integer, or a filter requires
            `user_id` or `session_id`; nothing was sent.
        BadRequestError: No memory has the id in `starting_after`, or there are more than 500 types or tags.
        PermissionDeniedError: The API key has no permission for this operation.

    Example:
        >>> memory = client.memory.add("Has a cat", user_id="ada", metadata={"source": "chat"})
        >>> [memory.content for memory in client.memory.list("ada", metadata={"source": "chat"})]
        ['Has a cat']
    """
    if limit is not None and (type(limit) is not int or limit < 1):
        got = limit if type(limit) is int else type_name(limit)
        raise InvalidRequestError(f"limit must be an integer of at least 1, or None, got {got}", param="limit")
    narrow = _narrow(session_id, user_id, created_after, created_before, metadata)
    sent = {"session_id": session_id, "types": joined("types", types), "tags": joined("tags", tags), **narrow}
    found: List[models.MemoryResponse] = []
    position = {"starting_after": starting_after}
    while True:
        size = _PAGE if limit is None else min(limit - len(found), _PAGE)
        query = {**sent, **position, "limit": size}
        try:
            response = yield memory._client.request(operations.LIST_MEMORIES, options, query=query)
        except StateBaseError as error:
            if found or not memory_fallback.is_unsupported(error):
                raise
            return (yield from memory_fallback.list_memories(memory, sent, limit, starting_after, options))
        found += response.data
        if response.next_page is None or len(found) == limit:
            return found
        position = {"page": response.next_page}


def _made(item: Mapping[str, Any], stored: models.StoredMemory) -> models.MemoryResponse:
    """Return a stored memory as `add` does: the response to a batch has no content."""
    return models.MemoryResponse(
        id=stored.id,
        session_id=stored.session_id,
        created_at=stored.created_at,
        content=item["content"],
        type=item["type"],
        tags=item.get("tags"),
        metadata=item.get("metadata"),
        embedding_id=stored.embedding_id,
        vector_available=stored.vector_available,
        expires_at=stored.expires_at,
        is_new=stored.is_new,
        object="memory",
    )


def _narrow(
    session_id: Union[str, NotGiven, None], user_id: Optional[str], after: Moment, before: Moment, metadata: Labels
) -> dict[str, Any]:
    """Return the filters that are an extension of the API.

    Raises:
        InvalidRequestError: A filter is not valid, or the memories would be those of all users.
    """
    if user_id is not None:
        scope_of(NOT_GIVEN, user_id)
    if metadata is not None and not is_mapping(metadata):
        raise InvalidRequestError(f"metadata must be a mapping, got {type_name(metadata)}", param="metadata")
    given = {
        "user_id": user_id,
        "created_after": moment("created_after", after),
        "created_before": moment("created_before", before),
        "metadata": metadata,
    }
    narrow = {name: value for name, value in given.items() if value is not None}
    if narrow and user_id is None and (session_id is None or isinstance(session_id, NotGiven)):
        name = next(iter(narrow))
        raise InvalidRequestError(f"{name} requires user_id or session_id: pass one of them", param=name)
    return narrow


def _say_that_all_are_searched(is_intended: bool) -> None:
    if not is_intended and not _said:
        _said.append(True)
        _logger.warning(
            "memory.search() without user_id and session_id searches the memories of all users: pass user_id, or "
            "all_users=True if this is intended. This is logged once."
        )
