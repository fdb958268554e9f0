"""The timeline of a session, from its traces, turns and versions, as a generator of steps."""

from __future__ import annotations

from typing import Any, Dict, List, Literal, Mapping, Optional, Set, Tuple

from typing_extensions import Unpack

from .._base.errors import APIResponseValidationError, InvalidRequestError
from .._base.extensions import HEADER, words
from .._call.options import RequestOptions
from .._call.request import type_name
from .._call.steps import Steps, collect
from .._generated import models, operations
from .._results.state_diff import StateDiff
from .._results.timeline import Timeline, TimelineEvent
from .extensions import Applied
from .state_versions import precede
from .turn_lists import iter_turns

_PAGE = 100
_AT_ONCE = 10
"""The number of traces to get concurrently."""


def timeline(
    sessions: Any,
    session_id: str,
    *,
    max_items: Optional[int] = None,
    order: Literal["asc", "desc"] = "asc",
    **options: Unpack[RequestOptions],
) -> Steps[Timeline]:
    """Return everything that changed a session, in order: turns, changes of the state, memories, entities.

    Changes of the state have their reasoning and a diff from the version before; rollbacks name the version that they
    restored. All versions are included, not only the newest 100.

    `StateBase.local()` and `statebase serve` take one request for each 100 traces, turns and versions. Other services
    list traces without details and turns without content: there, each event takes one or two requests, of which
    `AsyncStateBase` sends ten at a time, and diffs are limited to the newest 100 versions, which `gaps` says.

    Args:
        session_id: Id of the session.
        max_items: The largest number of events; the newest are returned. Default: all.
        order: "asc" for oldest first, "desc" for newest first. Default: "asc".
        **options: Options of each request, such as timeout.

    Returns:
        The events: a sequence, which `print` shows as text and a notebook as a table.

    Raises:
        InvalidRequestError: `max_items` is not a positive integer, or `order` not "asc" or "desc".
        NotFoundError: No session has this id, or it has expired or was deleted.

    Example:
        >>> turn = client.sessions.add_turn(session.id, "My cup is broken.", "I will send a new one.")
        >>> _ = client.state.update_state(session.id, {"refund": 12.5}, reasoning="the cup was broken")
        >>> for event in client.sessions.timeline(session.id):
        ...     print(event.title, "|", event.reasoning, "|", event.diff)
        session created | None | None
        turn 1 | None | None
        state version 1 | the cup was broken | + refund  12.5
    """
    if max_items is not None and (type(max_items) is not int or max_items < 1):
        got = max_items if type(max_items) is int else type_name(max_items)
        raise InvalidRequestError(f"max_items must be a positive integer or None, got {got}", param="max_items")
    if order not in ("asc", "desc"):
        got = repr(order) if isinstance(order, str) else type_name(order)
        raise InvalidRequestError(f"order must be 'asc' or 'desc', got {got}", param="order")
    traces = yield from _traces(sessions, session_id, max_items, options)
    turn_ids = {trace["resource_id"] for trace in traces if trace["action"] == "turn.added"}
    turns = yield from _turns(sessions, session_id, turn_ids, options)
    diffs, gaps = yield from _diffs(sessions, session_id, {_version(trace) for trace in traces} - {None}, options)
    events = [_event(trace, turns, diffs) for trace in traces]
    return Timeline(events if order == "desc" else events[::-1], gaps)


def _traces(sessions: Any, session_id: str, most: Optional[int], options: Any) -> Steps[List[Dict[str, Any]]]:
    """Return the newest traces of the session with their details, newest first."""
    traces: List[Dict[str, Any]] = []
    applied = Applied()
    page = yield sessions._client.request_page(
        operations.LIST_SESSION_TRACES,
        options,
        path={"session_id": session_id},
        query={"limit": _PAGE if most is None else min(most, _PAGE)},
        headers={HEADER: words(trace_details=True)},
        check=applied.check,
    )
    while page is not None:
        items = list(page.data if most is None else page.data[: most - len(traces)])
        if not applied.names:
            wholes: List[Any] = []
            for first in range(0, len(items), _AT_ONCE):
                some = items[first : first + _AT_ONCE]
                paths = [{"trace_id": item.id} for item in some]
                wholes += yield [sessions._client.request(operations.GET_TRACE, options, path=path) for path in paths]
            items = wholes
        traces += [item.model_dump() for item in items]
        page = None if most is not None and len(traces) >= most else (yield page.next_page())
    return traces


def _turns(sessions: Any, session_id: str, ids: Set[str], options: Any) -> Steps[Mapping[str, models.ContextTurn]]:
    """Return turns by their ids."""
    if not ids:
        return {}
    left = set(ids)

    def has_all(turns: List[models.ContextTurn]) -> bool:
        left.difference_update(turn.id or "" for turn in turns)
        return not left

    turns = yield from collect(iter_turns(sessions, session_id, order="desc", **options), has_all)
    return {turn.id: turn for turn in turns if turn.id in ids}


def _diffs(
    sessions: Any, session_id: str, versions: Set[Any], options: Any
) -> Steps[Tuple[Dict[int, StateDiff], List[str]]]:
    """Return the diffs of versions from those before them, and what is missing of them."""
    diffs: Dict[int, StateDiff] = {}
    if not versions:
        return diffs, []
    after: Optional[models.StateVersionModel] = None
    before_version: Optional[int] = None
    while after is None or after.version >= min(versions):
        try:
            history = yield sessions._client.request(
                operations.GET_STATE_HISTORY,
                options,
                path={"session_id": session_id},
                query={"limit": _PAGE},
                headers={HEADER: words(before_version=before_version)},
                check=precede(before_version),
            )
        except APIResponseValidationError:
            return diffs, [f"The service does not return the versions of the state before version {before_version}."]
        for before in history.data:
            if after is not None and after.version in versions:
                diffs[after.version] = StateDiff(before.state, after.state)
            after = before
        if after is None or not history.data or after.version == 0:
            break
        before_version = after.version
    return diffs, []


def _version(trace: Mapping[str, Any]) -> Optional[int]:
    """Return the version of the state that a change created."""
    details: Mapping[str, Any] = trace["details"] or {}
    version = details.get("version")
    return version if trace["action"] in _OF_STATES and isinstance(version, int) and version > 0 else None


_OF_STATES = ("state.updated", "state.rolled_back", "turn.added")


def _event(
    trace: Mapping[str, Any], turns: Mapping[str, models.ContextTurn], diffs: Mapping[int, StateDiff]
) -> TimelineEvent:
    details: Mapping[str, Any] = trace["details"] or {}
    version = _version(trace)
    return TimelineEvent(
        time=trace["timestamp"],
        action=trace["action"],
        resource_id=trace["resource_id"],
        actor=trace["actor"],
        turn=turns.get(trace["resource_id"]),
        version=version,
        restored_version=details.get("to_version") if trace["action"] == "state.rolled_back" else None,
        reasoning=details.get("reasoning"),
        diff=None if version is None else diffs.get(version),
        details=details,
    )
