"""The arguments of the methods that store memories, checked and converted to those of the API."""

from __future__ import annotations

from datetime import datetime, timedelta
from math import ceil, isfinite
from typing import Any, Iterable, List, Mapping, Optional, Union, cast

from typing_extensions import TypeGuard

from .._base.errors import InvalidRequestError
from .._call.options import NOT_GIVEN, NotGiven
from .._call.request import not_an_id, type_name

MemoryLike = Union[str, Mapping[str, Any]]
"""A memory to store: its text, or a mapping of the arguments of `memory.add`."""
Lifetime = Union[int, float, timedelta, None]
"""The time until a memory expires: seconds, rounded up to whole ones, or a timedelta. None: it does not expire."""

Moment = Union[datetime, str, None]
"""A time: an aware datetime, or a text such as `2026-01-02T03:04:05Z`."""

_LONGEST_SECONDS = 3_155_760_000
_FIELDS = ("content", "type", "tags", "metadata", "embed", "expires_in")


def scope_of(session_id: object, user_id: object) -> dict[str, str]:
    """Return the session or the user of memories, by the name of the argument.

    Raises:
        InvalidRequestError: Neither or both were passed, or one is not valid.
    """
    session_id = None if isinstance(session_id, NotGiven) else session_id
    if session_id is not None and user_id is not None:
        raise InvalidRequestError(
            "user_id must be left out if session_id is passed: the memory belongs to the user of the session",
            param="user_id",
        )
    if user_id is not None:
        if not isinstance(user_id, str) or not user_id:
            got = "an empty string" if user_id == "" else type_name(user_id)
            raise InvalidRequestError(f"user_id must be a non-empty string, got {got}", param="user_id")
        return {"user_id": user_id}
    if session_id is None:
        raise InvalidRequestError(
            "session_id is missing: pass the id of the session that the memory belongs to, or user_id",
            param="session_id",
        )
    if not isinstance(session_id, str):
        raise not_an_id("session_id", session_id)
    return {"session_id": session_id}


def seconds(name: str, value: object) -> Optional[int]:
    """Return a lifetime in whole seconds, rounded up.

    Raises:
        InvalidRequestError: It is neither a number of seconds nor a timedelta, or is outside of its limits.
    """
    if value is None or isinstance(value, NotGiven):
        return None
    number = value.total_seconds() if isinstance(value, timedelta) else value
    if isinstance(number, bool) or not isinstance(number, (int, float)):
        raise InvalidRequestError(f"{name} must be seconds or a timedelta, got {type_name(value)}", param=name)
    if not isfinite(number) or not 0 < number <= _LONGEST_SECONDS:
        limits = f"above 0 and at most {_LONGEST_SECONDS:,} seconds (a hundred years)"
        raise InvalidRequestError(f"{name} must be {limits}, got {number}", param=name)
    return ceil(number)


def moment(name: str, value: object) -> Optional[datetime]:
    """Return a time.

    Raises:
        InvalidRequestError: It is neither an aware datetime nor the text of one.
    """
    if value is None:
        return None
    read = value
    if isinstance(value, str):
        try:
            read = datetime.fromisoformat(value.replace("Z", "+00:00"))
        except ValueError:
            read = None
    if isinstance(read, datetime) and read.utcoffset() is not None:
        return read
    raise InvalidRequestError(
        f"{name} must be an aware datetime, or a time such as 2026-01-02T03:04:05Z, got {type_name(value)}",
        param=name,
    )


def is_mapping(value: object) -> TypeGuard[Mapping[str, Any]]:
    """Return whether a value is a mapping."""
    return isinstance(value, Mapping)


def similarity(name: str, value: object) -> Optional[float]:
    """Check a score.

    Raises:
        InvalidRequestError: It is not a number above 0 and at most 1.
    """
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise InvalidRequestError(f"{name} must be a number, got {type_name(value)}", param=name)
    if not 0 < value <= 1:
        raise InvalidRequestError(f"{name} must be a score above 0 and at most 1, got {value}", param=name)
    return float(value)


def items_of(memories: Iterable[MemoryLike], defaults: Mapping[str, Any]) -> List[dict[str, Any]]:
    """Return memories in the format of a batch.

    Raises:
        InvalidRequestError: An item is neither a text nor a mapping of the arguments of `add`.
    """
    given_memories: object = memories
    if isinstance(given_memories, (str, bytes, Mapping)) or not hasattr(given_memories, "__iter__"):
        raise InvalidRequestError(
            f"memories must be a list of memories, got {type_name(cast(object, memories))}: use add() for one",
            param="memories",
        )
    items: List[dict[str, Any]] = []
    for index, one in enumerate(memories):
        name = f"memories[{index}]"
        given: object = {"content": one} if isinstance(one, str) else one
        if not is_mapping(given):
            raise InvalidRequestError(
                f"{name} must be a string, or a mapping with content, got {type_name(given)}", param=name
            )
        if any(key not in _FIELDS for key in given):
            raise InvalidRequestError(f"{name} has an unknown key: use {', '.join(_FIELDS)}", param=name)
        if not isinstance(given.get("content"), str):
            got = type_name(given["content"]) if "content" in given else "nothing"
            raise InvalidRequestError(f"{name}['content'] must be a string, got {got}", param=name)
        own = {key: value for key, value in given.items() if not (key == "type" and value is None)}
        own["expires_in"] = seconds(f"{name}['expires_in']", own.get("expires_in", defaults["expires_in"]))
        items.append(item_of({**defaults, **own}))
    return items


def item_of(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return a memory in the format of a batch: without the fields that were left out."""
    return {
        name: value
        for name, value in fields.items()
        if value is not NOT_GIVEN and not (value is None and name in ("embed", "expires_in"))
    }
