"""Updates of the state that do not overwrite those of other writers: a check of versions, and methods of several calls.

The first argument of each generator of steps is the namespace of either client. The generated classes contain the
methods for both clients, with these signatures and docstrings.
"""

from __future__ import annotations

import inspect
from math import inf, isfinite
from typing import Any, Awaitable, Callable, Mapping, Optional, Sequence, Union, overload

from typing_extensions import TypeGuard, Unpack

from .._base.errors import InvalidRequestError, StateBaseError
from .._base.exchange import Reply
from .._base.lazy import http_errors
from .._call.options import NOT_GIVEN, NotGiven, RequestOptions
from .._call.request import type_name
from .._call.steps import Steps
from .._generated import models
from .._results.typed_state import T, TypedState
from .typed_state import TypedView

Modify = Callable[[dict[str, Any]], Union[Mapping[str, Any], Awaitable[Union[Mapping[str, Any], None]], None]]
"""A function that takes a copy of the state and returns the new one, or None if it changed the copy. `AsyncStateBase`
also accepts an async function."""
ModifyAs = Callable[[T], Union[T, Awaitable[Optional[T]], None]]
"""The same with the state as an instance of a type."""
StatePath = Union[str, Sequence[Union[str, int]]]
"""A key of the state, or the keys and indexes that lead to a value in it: `("cart", "items", 0)`."""

_MISSING: Any = object()
_LONGEST_SHOWN = 100


def follows(expected_version: Union[int, NotGiven, None]) -> Optional[Callable[[Any, Reply], None]]:
    """Return a function that checks that an update was applied to the expected version; None if there is none.

    A service that does not support `expected_version` applies the update anyway; its response has the version of the
    update. The stored response of an earlier request with the same idempotency key is not an update: it has the version
    of then.
    """
    if expected_version is None or isinstance(expected_version, NotGiven):
        return None
    expected = expected_version

    def check(result: Any, reply: Reply) -> None:
        made: int = result.new_version if hasattr(result, "new_version") else result.version
        if made == expected + 1 or (made <= expected and reply.headers.get("idempotent-replayed") == "true"):
            return
        raise http_errors.StateConflictError(
            f"The update was applied, but not to version {expected}: it created version {made}, because another writer "
            "changed the state meanwhile and the service ignored expected_version. Check the state and its history",
            param="expected_version",
            expected_version=expected,
            current_version=made,
            state=result.state,
            was_applied=True,
        )

    return check


@overload
def modify(
    state: Any,
    session_id: str,
    function: Modify,
    *,
    max_attempts: int = 5,
    reasoning: Union[str, NotGiven, None] = NOT_GIVEN,
    **options: Unpack[RequestOptions],
) -> Steps[models.StateReplaceResponse]: ...
@overload
def modify(
    state: Any,
    session_id: str,
    function: ModifyAs[T],
    *,
    as_: type[T],
    max_attempts: int = 5,
    reasoning: Union[str, NotGiven, None] = NOT_GIVEN,
    **options: Unpack[RequestOptions],
) -> Steps[TypedState[T]]: ...
def modify(
    state: Any,
    session_id: str,
    function: Callable[[Any], Any],
    *,
    as_: Optional[type[Any]] = None,
    max_attempts: int = 5,
    reasoning: Union[str, NotGiven, None] = NOT_GIVEN,
    **options: Unpack[RequestOptions],
) -> Steps[Any]:
    """Read the state, change it with a function, and write it, without overwriting a change of another writer.

    If another writer changed the state meanwhile, it is read again, and the function is called again.

    Args:
        session_id: Id of the session.
        function: Takes a copy of the state, as a dictionary, and returns the new state, or None if it changed the copy.
            It may be called several times, so it should have no other effects. If it raises an exception, nothing is
            written. `AsyncStateBase` also accepts an async function.
        as_: A Pydantic model, a dataclass, a TypedDict or any other type of an object that Pydantic can validate: the
            function takes and returns an instance of it, and the result is a `TypedState`. Keys of the state that the
            type does not have stay in the state.
        max_attempts: The maximum number of calls of the function, at least 1. Default: 5.
        reasoning: The reason for the change, stored with the version and in the trace.
        **options: Options of each request, such as timeout.

    Returns:
        The new state, with its version.

    Raises:
        InvalidRequestError: The function returned neither a mapping nor None, or what does not fit `as_`, or
            `max_attempts` is below 1; nothing was written.
        APIResponseValidationError: The current state does not fit `as_`; nothing was written.
        NotFoundError: No session has this id, or it has expired.
        StateConflictError: Another writer changed the state at each attempt. If `was_applied` is true, the service does
            not support `expected_version`: the state was written, and may have overwritten another change.

    Example:
        >>> def pay(state):
        ...     state["paid"] = state.get("paid", 0) + 12.50
        >>> changed = client.state.modify(session.id, pay, reasoning="The money has arrived.")
        >>> changed.state["paid"], changed.version
        (12.5, 1)
    """
    if type(max_attempts) is not int or max_attempts < 1:
        got = max_attempts if type(max_attempts) is int else type_name(max_attempts)
        raise InvalidRequestError(f"max_attempts must be an integer of at least 1, got {got}", param="max_attempts")
    if not callable(function):
        raise InvalidRequestError(f"function must be callable, got {type_name(function)}", param="function")
    view = None if as_ is None else TypedView(as_)
    for attempt in range(1, max_attempts + 1):
        current = yield state.get_state(session_id, **options)
        changed = current.state if view is None else view.read(current.state)
        result = function(changed)
        if inspect.isawaitable(result):
            result = yield result
        if result is None:
            result = changed
        if view is not None and not inspect.iscoroutine(result):
            result = view.written(result)
        if not _is_mapping(result):
            if inspect.iscoroutine(result):
                result.close()
            raise InvalidRequestError(
                f"function must return a mapping or None, got {type_name(result)}", param="function"
            )
        try:
            written: models.StateReplaceResponse = yield state.replace_state(
                session_id,
                dict(result),
                reasoning,
                expected_version=current.version,
                **options,
            )
        except StateBaseError as error:
            if not isinstance(error, http_errors.StateConflictError) or error.was_applied or attempt == max_attempts:
                if error.outcome == "unknown":
                    error.hint = "The change may have been applied: read the state before you make it again."
                raise
        else:
            return written if view is None else view.result(written)
    raise AssertionError("the last attempt returns or raises")


def remove_key(
    state: Any,
    session_id: str,
    path: StatePath,
    *,
    reasoning: Union[str, NotGiven, None] = NOT_GIVEN,
    **options: Unpack[RequestOptions],
) -> Steps[models.StateReplaceResponse]:
    """Remove a key of the state, or a value within it. Removing a missing key is not an error.

    Args:
        session_id: Id of the session.
        path: The key, or the keys and indexes that lead to the value: `("cart", "items", 0)`.
        reasoning: The reason for the change, stored with the version and in the trace.
        **options: Options of each request, such as timeout.

    Returns:
        The new state, with its version.

    Raises:
        InvalidRequestError: The path does not lead through objects and arrays; nothing was written.
        NotFoundError: No session has this id, or it has expired.
        StateConflictError: Another writer changed the state at each of five attempts.

    Example:
        >>> client.state.remove_key(session.id, "step").state
        {}
    """

    def remove(values: dict[str, Any]) -> None:
        *parents, last = _keys(path)
        holder: Any = values
        for key in parents:
            holder = _item(holder, key, path)
            if holder is _MISSING:
                return
        if _item(holder, last, path) is not _MISSING:
            del holder[last]

    return (yield from modify(state, session_id, remove, reasoning=reasoning, **options))


def append(
    state: Any,
    session_id: str,
    path: StatePath,
    item: Any,
    *,
    reasoning: Union[str, NotGiven, None] = NOT_GIVEN,
    **options: Unpack[RequestOptions],
) -> Steps[models.StateReplaceResponse]:
    """Add an item at the end of an array in the state. A missing array is created.

    Args:
        session_id: Id of the session.
        path: The key, or the keys and indexes that lead to the array: `("cart", "items")`.
        item: The item, any JSON value.
        reasoning: The reason for the change, stored with the version and in the trace.
        **options: Options of each request, such as timeout.

    Returns:
        The new state, with its version.

    Raises:
        InvalidRequestError: The value at the path is not an array; nothing was written.
        NotFoundError: No session has this id, or it has expired.
        StateConflictError: Another writer changed the state at each of five attempts.

    Example:
        >>> client.state.append(session.id, ("cart", "items"), "tea").state["cart"]
        {'items': ['tea']}
    """

    def add(values: dict[str, Any]) -> None:
        holder, last, array = _value(values, path, [])
        if not _is_array(array):
            raise _not_a("an array", path, array)
        holder[last] = [*array, item]

    return (yield from modify(state, session_id, add, reasoning=reasoning, **options))


def increment(
    state: Any,
    session_id: str,
    path: StatePath,
    by: Union[int, float] = 1,
    *,
    reasoning: Union[str, NotGiven, None] = NOT_GIVEN,
    **options: Unpack[RequestOptions],
) -> Steps[models.StateReplaceResponse]:
    """Add to a number in the state. A missing number counts as 0.

    Args:
        session_id: Id of the session.
        path: The key, or the keys and indexes that lead to the number: `("cart", "total")`.
        by: The number to add; a negative number subtracts. Default: 1.
        reasoning: The reason for the change, stored with the version and in the trace.
        **options: Options of each request, such as timeout.

    Returns:
        The new state, with its version.

    Raises:
        InvalidRequestError: `by` or the value at the path is not a number, or the sum is too large; nothing was
            written.
        NotFoundError: No session has this id, or it has expired.
        StateConflictError: Another writer changed the state at each of five attempts.

    Example:
        >>> client.state.increment(session.id, "step").state
        {'step': 2}
    """
    if not _is_number(by):
        raise InvalidRequestError(f"by must be a number, got {type_name(by)}", param="by")
    if isinstance(by, float) and not isfinite(by):
        raise InvalidRequestError(f"by must be a finite number, got {by}", param="by")

    def add(values: dict[str, Any]) -> None:
        holder, last, number = _value(values, path, 0)
        if not _is_number(number):
            raise _not_a("a number", path, number)
        try:
            total = number + by
        except OverflowError:  # an integer beyond the largest float
            total = inf
        if isinstance(total, float) and not isfinite(total):
            raise InvalidRequestError(f"by is too large: the sum at path {_shown(path)} is beyond a float", param="by")
        holder[last] = total

    return (yield from modify(state, session_id, add, reasoning=reasoning, **options))


def _is_mapping(value: object) -> TypeGuard[Mapping[str, Any]]:
    return isinstance(value, Mapping)


def _is_object(value: object) -> TypeGuard[dict[str, Any]]:
    return isinstance(value, dict)


def _is_array(value: object) -> TypeGuard[list[Any]]:
    return isinstance(value, list)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _keys(path: StatePath) -> list[Union[str, int]]:
    if not isinstance(path, (str, list, tuple)):
        raise _not_a_path(path, "")
    keys: list[Any] = [path] if isinstance(path, str) else list(path)
    for key in keys:
        if type(key) is not int and not isinstance(key, str):
            raise _not_a_path(key, " in it")
    if not keys:
        raise InvalidRequestError("path must not be empty: pass a key of the state", param="path")
    return keys


def _value(values: dict[str, Any], path: StatePath, missing: Any) -> tuple[Any, Union[str, int], Any]:
    """Return the container of the value at a path, the last key, and the value. Missing objects are created.

    Raises:
        InvalidRequestError: The path does not lead through objects and arrays.
    """
    *parents, last = _keys(path)
    holder: Any = values
    for key in parents:
        inner: Any = _item(holder, key, path)
        if inner is _MISSING:
            inner = {}
            holder[key] = inner
        holder = inner
    value = _item(holder, last, path)
    return holder, last, missing if value is _MISSING else value


def _item(holder: object, key: Union[str, int], path: StatePath) -> Any:
    """Return a value of an object or array; `_MISSING` if an object does not have the key."""
    if _is_object(holder) and isinstance(key, str):
        return holder.get(key, _MISSING)
    if _is_array(holder) and isinstance(key, int):
        if -len(holder) <= key < len(holder):
            return holder[key]
        raise InvalidRequestError(
            f"path {_shown(path)} has the index {key}, but the array has {len(holder)} items", param="path"
        )
    kind = "an object" if isinstance(key, str) else "an array"
    raise _not_a(kind, path, holder)


def _not_a_path(value: object, where: str) -> InvalidRequestError:
    return InvalidRequestError(
        f"path must be a key, or a sequence of keys and indexes, got {type_name(value)}{where}", param="path"
    )


def _not_a(kind: str, path: StatePath, value: object) -> InvalidRequestError:
    return InvalidRequestError(
        f"path {_shown(path)} must lead to {kind}, but there is {type_name(value)}", param="path"
    )


def _shown(path: StatePath) -> str:
    text = repr(path)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."
