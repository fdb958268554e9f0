"""Versions of states by their numbers, and the differences between states."""

from __future__ import annotations

from typing import Any, Callable, Mapping, Optional, Tuple, Union, cast

from typing_extensions import Unpack

from .._base.errors import APIResponseValidationError, InvalidRequestError
from .._base.exchange import Reply
from .._call.options import NotGiven, RequestOptions
from .._call.request import type_name
from .._call.steps import Steps
from .._results.state_diff import StateDiff

StateSource = Union[str, Tuple[str, int], Mapping[str, Any]]
"""A state: the id of a session for its newest state, the id and a version, or the state itself."""

_MOST = 100


class _Ignored(APIResponseValidationError):
    """The service ignored `before_version`."""


_Ignored.__name__ = _Ignored.__qualname__ = "APIResponseValidationError"


def precede(before_version: Union[int, NotGiven, None]) -> Optional[Callable[[Any, Reply], None]]:
    """Return a function that checks that all versions precede one; None if there is none."""
    if before_version is None or isinstance(before_version, NotGiven):
        return None
    before = before_version

    def check(history: Any, reply: Reply) -> None:
        if any(version.version >= before for version in history.data):
            raise _Ignored(
                "The service does not support before_version: it only returns the newest 100 versions of a state",
                param="before_version",
                path="$.data[0].version",
            )

    return check


def diff(state: Any, before: StateSource, after: StateSource, **options: Unpack[RequestOptions]) -> Steps[StateDiff]:
    """Compare two states: two versions of a session, the states of two sessions, or states that you have.

    Args:
        before: The id of a session for its newest state, a tuple of the id and a version, or a state itself.
        after: The state to compare with it, likewise.
        **options: Options of each request, such as timeout.

    Returns:
        The differences: a sequence of changes with their paths, readable as a string, and as a JSON Patch.

    Raises:
        InvalidRequestError: An argument is not a state, or the session has no such version.
        NotFoundError: No session has this id, or it has expired.
        APIResponseValidationError: The service only returns the newest 100 versions, and the version is older.

    Example:
        >>> _ = client.state.update_state(session.id, {"step": 2, "plan": "gold"})
        >>> for change in client.state.diff((session.id, 0), session.id):
        ...     print(change.kind, change.path, change.before, change.after)
        changed step 1 2
        added plan None gold
    """
    first = yield from state_of(state, "before", before, options)
    second = yield from state_of(state, "after", after, options)
    return StateDiff(first, second)


def state_of(state: Any, name: str, source: Any, options: RequestOptions) -> Steps[Any]:
    """Return the state that an argument names.

    Raises:
        InvalidRequestError: It does not name a state, or the session has no such version.
    """
    if isinstance(source, Mapping):
        return cast("Mapping[str, Any]", source)
    if isinstance(source, str):
        return (yield state.get_state(source, **options)).state
    given: Any = source
    if isinstance(source, tuple) and len(given) == 2 and isinstance(given[0], str) and type(given[1]) is int:
        return (yield from version_of(state, name, given[0], given[1], options))
    raise InvalidRequestError(
        f"{name} must be the id of a session, a tuple of the id and a version, or a state, got {type_name(given)}",
        param=name,
    )


def version_of(state: Any, name: str, session_id: str, version: int, options: RequestOptions) -> Steps[Any]:
    """Return a version of the state of a session.

    Raises:
        InvalidRequestError: The session has no such version.
        APIResponseValidationError: The service only returns the newest 100 versions, and the version is older.
    """
    if not 0 <= version < 10**18 - 1:
        raise InvalidRequestError(f"{name} must have a version from 0, got {version}", param=name)
    try:
        page = yield state.get_state_history(session_id, limit=1, before_version=version + 1, **options)
    except _Ignored:
        page = yield state.get_state_history(session_id, limit=_MOST, since_version=version - 1, **options)
        if page.current_version >= version and all(each.version != version for each in page.data):
            raise
    for each in page.data:
        if each.version == version:
            return each.state
    raise InvalidRequestError(
        f"{name} has the version {version}, but the newest version of the session is {page.current_version}", param=name
    )
