"""JSON between Python values and the text that the store keeps."""

from __future__ import annotations

import math
from typing import Any, Mapping, Optional, Union

import pydantic_core
from typing_extensions import TypeGuard

from .._base.encoding import to_json
from .errors import damaged, invalid_value

_WRAPPED = 8
"""How many levels an answer puts around a value that came in a request, at most."""
_CONTAINERS_WITHOUT_LOOK = 150
"""The parser takes about 200 levels; text with fewer brackets than this cannot come near."""


def encode(value: Any, *location: Union[str, int]) -> str:
    """Write a value of a request as JSON text without whitespace.

    Args:
        value: What came in the request.
        location: Where in the body it was, for the error.

    Raises:
        EngineError: 422, where the value is none of JSON (`1e999` is infinite) or nested so deep that no answer could
            hold it; its location says where, its message never what.
    """
    try:
        text = to_json(value)
        if text.count(b"{") + text.count(b"[") > _CONTAINERS_WITHOUT_LOOK:
            pydantic_core.from_json(b"[" * _WRAPPED + text + b"]" * _WRAPPED)
        return text.decode()
    except ValueError:  # shows the value: it may not be the context of another
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
    """Return JSON text that comes from the store, or was put together of such.

    Raises:
        EngineError: 500, if it is damaged.
    """
    try:
        pydantic_core.from_json(text, cache_strings="none")
    except ValueError as error:
        raise damaged() from error
    return text


def write_object(values: Mapping[str, Any], texts: Mapping[str, Optional[str]]) -> str:
    """Write a JSON object without whitespace.

    Args:
        values: Its first members, at least one.
        texts: Its other members as JSON text; None for null.
    """
    members = [f'"{name}":{"null" if text is None else text}' for name, text in texts.items()]
    return f"{pydantic_core.to_json(values)[:-1].decode()},{','.join(members)}}}"


def same(first: Any, second: Any) -> bool:
    """Say whether two values are equal as JSON: true is not 1, the order of keys does not count."""
    if isinstance(first, bool) or isinstance(second, bool):
        return first is second
    if is_object(first) and is_object(second):
        return first.keys() == second.keys() and all(same(value, second[key]) for key, value in first.items())
    if is_list(first) and is_list(second):
        return len(first) == len(second) and all(map(same, first, second))
    return bool(first == second)


def is_object(value: object) -> TypeGuard[dict[str, Any]]:
    """Say whether a value is an object."""
    return isinstance(value, dict)


def is_list(value: object) -> TypeGuard[list[Any]]:
    """Say whether a value is a list."""
    return isinstance(value, list)


def _fault(value: Any) -> tuple[str, tuple[Union[str, int], ...]]:
    """Say what keeps a value from being JSON, and where in it."""
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
            left.extend((item, (*path, place)) for place, item in reversed(list(enumerate(part))))
    return "must be nested less than 190 levels deep", ()


def _is_text(text: object) -> bool:
    try:
        str(text).encode()
    except UnicodeEncodeError:
        return False
    return True
