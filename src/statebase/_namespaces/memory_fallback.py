"""Memories of a user, batches, filters and lists on a service that does not have them, by the calls that it has.

A memory of a user is kept in a session of the user. A context finds memories of all sessions of a user, and traces name
the memories of a session.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Callable, Iterable, List, Mapping, Optional, Sequence, Tuple, cast

from .._base.errors import InvalidRequestError, StateBaseError
from .._call.options import NOT_GIVEN, RequestOptions, WriteOptions
from .._call.raw_response import value_of, with_value
from .._call.steps import Steps
from .._generated import models, operations, results
from .._results.queued import QueuedMemory

_AGENT = "memory"
"""The agent of the sessions that hold memories of users."""
_LONGEST_TTL_SECONDS = 2_592_000
_MOST_OF_CONTEXT = 20
_MOST_OF_SEARCH = 50
_PAGE = 100
_TRACES = 1_000


def is_unsupported(error: StateBaseError) -> bool:
    """Return whether a service does not have an operation: to it, the path is that of a memory."""
    if error.status_code == 404:
        return error.code != "session_not_found"
    return error.status_code in (405, 501)


def read_options(options: Mapping[str, Any]) -> RequestOptions:
    """Return the options of a write for the reads that go with it."""
    own = {name: value for name, value in options.items() if name not in ("idempotency_key", "extra_body")}
    return cast(RequestOptions, own)


def add(
    memory: Any, item: Mapping[str, Any], scope: Mapping[str, str], least: Optional[float], options: WriteOptions
) -> Steps[models.MemoryResponse]:
    """Store a memory as `memory.add` does."""
    _refuse_expiry([item])
    if least is not None:
        found = yield memory.search(item["content"], **scope, top_k=1, threshold=least, **read_options(options))
        results_found = value_of(found).data
        if results_found:
            response = yield memory.get(results_found[0].id, **read_options(options))
            known: models.MemoryResponse = value_of(response)
            return with_value(response, known.model_copy(update={"is_new": False}))
    session_id = yield from _session_of(memory, scope, options)
    response = yield memory._client.request(operations.CREATE_MEMORY, options, body={**item, "session_id": session_id})
    made: models.MemoryResponse = value_of(response)
    if isinstance(made, QueuedMemory):
        return made
    return with_value(response, made.model_copy(update={"is_new": True}))


def add_many(
    memory: Any,
    items: Sequence[Mapping[str, Any]],
    scope: Mapping[str, str],
    key: str,
    options: WriteOptions,
    stored: List[models.MemoryResponse],
) -> Steps[None]:
    """Store memories one by one, and add them to a list; each has a key, so that a repetition stores none twice."""
    _refuse_expiry(items)
    session_id = yield from _session_of(memory, scope, options)
    for index, item in enumerate(items):
        own: WriteOptions = {**options, "idempotency_key": f"{key}-{index}"}
        stored.append(
            (yield memory._client.request(operations.CREATE_MEMORY, own, body={**item, "session_id": session_id}))
        )


def search(
    memory: Any, sent: Mapping[str, Any], narrow: Mapping[str, Any], options: RequestOptions
) -> Steps[results.SearchResults]:
    """Search a user's memories by a context, a session's by a search; filter what is found."""
    most = 10 if sent["top_k"] is NOT_GIVEN else sent["top_k"]
    if "user_id" in narrow:
        session_id = yield from _session_of(memory, narrow, options, any_agent=True)
        body = {"query": sent["query"], "memory_limit": _MOST_OF_CONTEXT, "turn_limit": 0}
        response = yield memory._client.request(
            operations.GET_CONTEXT, options, path={"session_id": session_id}, body=body
        )
        least = 0.7 if sent["threshold"] is NOT_GIVEN else sent["threshold"]
        found = [
            models.MemorySearchResult(**dict(each))
            for each in value_of(response).memories
            if each.score is not None and each.score >= least and _is_one_of(each, sent)
        ]
        if isinstance(sent["session_id"], str):
            found = [each for each in found if each.session_id == sent["session_id"]]
    else:
        query = {**sent, "top_k": _MOST_OF_SEARCH}
        response = yield memory._client.request(operations.SEARCH_MEMORIES, options, query=query)
        found = value_of(response).data
    passes = _filter(narrow)
    kept: List[models.MemorySearchResult] = []
    for each in found:
        if len(kept) == most:
            break
        if narrow.keys() - {"user_id"}:
            whole = yield from _get(memory, each.id, options)
            if whole is None or not passes(whole):
                continue
        kept.append(each)
    return with_value(response, results.SearchResults(data=kept, query=sent["query"]))


def list_memories(
    memory: Any, sent: Mapping[str, Any], limit: Optional[int], starting_after: Optional[str], options: RequestOptions
) -> Steps[List[models.MemoryResponse]]:
    """List memories by the traces of their creation, and get each."""
    created: List[Tuple[datetime, str]] = []
    if isinstance(sent["session_id"], str):
        session_ids: List[str] = [sent["session_id"]]
    elif "user_id" in sent:
        page = yield memory._client.request_page(
            operations.LIST_SESSIONS, options, query={"user_id": sent["user_id"], "limit": _PAGE}
        )
        session_ids = []
        while page is not None:
            session_ids += [each.id for each in page.data if each.user_id == sent["user_id"]]
            page = yield page.next_page()
    else:
        session_ids = []
        page = yield memory._client.request_page(
            operations.LIST_TRACES, options, query={"action": "memory.created", "limit": _TRACES}
        )
        while page is not None:
            created += _created(page.data)
            page = yield page.next_page()
    for session_id in session_ids:
        page = yield memory._client.request_page(
            operations.LIST_SESSION_TRACES,
            options,
            path={"session_id": session_id},
            query={"action": "memory.created", "limit": _TRACES},
        )
        while page is not None:
            created += _created(page.data)
            page = yield page.next_page()
    ids = [each for _, each in sorted(created, key=lambda one: one[0], reverse=True)]
    if starting_after is not None:
        if starting_after not in ids:
            raise InvalidRequestError("starting_after must be the id of a memory of this list", param="starting_after")
        ids = ids[ids.index(starting_after) + 1 :]
    passes = _filter(sent)
    found: List[models.MemoryResponse] = []
    for memory_id in ids:
        if len(found) == limit:
            break
        whole = yield from _get(memory, memory_id, options)
        if whole is not None and _is_one_of(whole, sent) and passes(whole):
            found.append(whole)
    return found


def _session_of(
    memory: Any, scope: Mapping[str, Any], options: Mapping[str, Any], *, any_agent: bool = False
) -> Steps[str]:
    """Return the id of a session of a user that has not expired; one is created if there is none."""
    if "session_id" in scope:
        return str(scope["session_id"])
    user_id = scope["user_id"]
    query = {"user_id": user_id, "agent_id": NOT_GIVEN if any_agent else _AGENT, "limit": 1}
    response = yield memory._client.request(operations.LIST_SESSIONS, read_options(options), query=query)
    for session in value_of(response).data:
        if session.user_id == user_id:  # a service that does not know the filter returns those of other users
            return str(session.id)
    own = read_options(options)
    body = {"agent_id": _AGENT, "user_id": user_id, "ttl_seconds": _LONGEST_TTL_SECONDS}
    response = yield memory._client.request(operations.CREATE_SESSION, own, body=body)
    return str(value_of(response).id)


def _get(memory: Any, memory_id: str, options: RequestOptions) -> Steps[Optional[models.MemoryResponse]]:
    try:
        response = yield memory.get(memory_id, **options)
    except StateBaseError as error:
        if error.status_code != 404:
            raise
        return None
    whole: models.MemoryResponse = value_of(response)
    return whole


def _created(traces: Iterable[Any]) -> List[Tuple[datetime, str]]:
    return [(trace.timestamp, trace.resource_id) for trace in traces if trace.action == "memory.created"]


def _is_one_of(memory: Any, sent: Mapping[str, Any]) -> bool:
    """Return whether a memory has one of the wanted types, and one of the wanted tags."""
    types, tags = (_words(sent[name]) for name in ("types", "tags"))
    return (not types or memory.type in types) and (not tags or not tags.isdisjoint(memory.tags or ()))


def _words(joined: object) -> set[str]:
    return {word.strip() for word in joined.split(",") if word.strip()} if isinstance(joined, str) else set()


def _filter(narrow: Mapping[str, Any]) -> Callable[[models.MemoryResponse], bool]:
    """Return a function that compares time and metadata of a memory with those that are wanted."""
    after, before = narrow.get("created_after"), narrow.get("created_before")
    wanted: Mapping[str, Any] = narrow.get("metadata") or {}

    def passes(memory: models.MemoryResponse) -> bool:
        metadata = memory.metadata or {}
        return (
            (after is None or memory.created_at > after)
            and (before is None or memory.created_at < before)
            and all(key in metadata and _same(metadata[key], value) for key, value in wanted.items())
        )

    return passes


def _same(one: Any, other: Any) -> bool:
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)


def _refuse_expiry(items: Iterable[Mapping[str, Any]]) -> None:
    if any(item.get("expires_in") is not None for item in items):
        raise InvalidRequestError(
            "expires_in is not supported by this service: leave it out, and delete the memory later", param="expires_in"
        )
