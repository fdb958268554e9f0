"""Converts values to the JSON text in the store, and back."""

from __future__ import annotations

import math
from typing import Any, Mapping, Optional, Union

import pydantic_core
from typing_extensions import TypeGuard

from .._base.encoding import to_json
from .errors import damaged, invalid_value

_WRAPPED = 8
"""The maximum number of levels that a response adds around a value of a request."""
_CONTAINERS_WITHOUT_LOOK = 150
"""The parser accepts about 200 levels; text with fewer brackets than this cannot reach the limit."""


def encode(value: Any, *location: Union[str, int]) -> str:
    """Return a value of a request as JSON text without whitespace.

    Args:
        value: The value.
        location: Its location in the body, for the error.

    Raises:
        EngineError: 422, if JSON cannot represent the value (`1e999` is infinite), or if it is nested too deeply for a
            response. The error has the location, but not the value.
    """
    try:
        text = to_json(value)
        if text.count(b"{") + text.count(b"[") > _CONTAINERS_WITHOUT_LOOK:
            pydantic_core.from_json(b"[" * _WRAPPED + text + b"]" * _WRAPPED)
        return text.decode()
    except ValueError:  # the error shows the value, so it must not become a context
        message, path = _fault(value)
    raise invalid_value(message, *location, *path)


def decode(text: str) -> Any:
    """Read JSON text that `encode` wrote.

    Raises:
        EngineError: 500, if it is damaged.
    """
    try:
        return pydantic_core.from_json(text)
    except ValueError as error:
        raise damaged() from error


def checked(text: str) -> str:
    """Check JSON text from the store, or built from such text, and return it.

    Raises:
        EngineError: 500, if it is damaged.
    """
    try:
        pydantic_core.from_json(text, cache_strings="none")
    except ValueError as error:
        raise damaged() from error
    return text


def write_object(values: Mapping[str, Any], texts: Mapping[str, Optional[str]]) -> str:
    """Return a JSON object without whitespace.

    Args:
        values: The first members, at least one.
        texts: The other members as JSON text; None for null.
    """
    members = [f'"{name}":{"null" if text is None else text}' for name, text in texts.items()]
    return f"{pydantic_core.to_json(values)[:-1].decode()},{','.join(members)}}}"


def same(first: Any, second: Any) -> bool:
    """Return whether two values are equal as JSON: true is not 1, and the order of keys does not matter."""
    if isinstance(first, bool) or isinstance(second, bool):
        return first is second
    if is_object(first) and is_object(second):
        return first.keys() == second.keys() and all(same(value, second[key]) for key, value in first.items())
    if is_list(first) and is_list(second):
        return len(first) == len(second) and all(map(same, first, second))
    return bool(first == second)


def is_object(value: object) -> TypeGuard[dict[str, Any]]:
    """Return whether a value is a JSON object."""
    return isinstance(value, dict)


def is_list(value: object) -> TypeGuard[list[Any]]:
    """Return whether a value is a list."""
    return isinstance(value, list)


def place_of_nul(value: Any) -> Optional[tuple[Union[str, int], ...]]:
    """Return the place of the first text with the character U+0000; of a key, that of its object.

    Returns:
        The path to it; None if no text has the character.
    """
    left: list[tuple[Any, tuple[Union[str, int], ...]]] = [(value, ())]
    while left:
        part, path = left.pop()
        if isinstance(part, str) and "\0" in part:
            return path
        if is_object(part):
            if any("\0" in key for key in part):
                return path
            left.extend((member, (*path, key)) for key, member in reversed(part.items()))
        elif is_list(part):
            left.extend((item, (*path, place)) for place, item in reversed(list(enumerate(part))))
    return None


def _fault(value: Any) -> tuple[str, tuple[Union[str, int], ...]]:
    """Return the reason why JSON cannot represent a value, and the location within the value."""
    left: list[tuple[Any, tuple[Union[str, int], ...]]] = [(value, ())]
    while left:
        part, path = left.pop()
        if isinstance(part, float) and not math.isfinite(part):
            return "must be a finite number: JSON cannot represent NaN and infinity", path
        if isinstance(part, str) and not _is_text(part):
            return "must not contain a lone surrogate, which cannot be encoded as UTF-8", path
        if is_object(part):
            if not all(map(_is_text, part)):
                return "must not have a key with a lone surrogate, which cannot be encoded as UTF-8", path
            left.extend((member, (*path, key)) for key, member in reversed(part.items()))
        elif is_list(part):
            left.extend((item, (*path, index)) for index, item in reversed(list(enumerate(part))))
    return "must be nested less than 190 levels deep", ()


def _is_text(text: object) -> bool:
    try:
        str(text).encode()
    except UnicodeEncodeError:
        return False
    return True
