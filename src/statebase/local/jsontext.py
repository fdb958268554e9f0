"""JSON between Python values and the text that the store keeps."""

from __future__ import annotations

import json
from typing import Any, NoReturn, Union

import pydantic_core

from .errors import invalid_value

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
            hold it.
    """
    try:
        text = pydantic_core.to_json(value)
        if b"NaN" in text or b"Infinity" in text:
            json.loads(text, parse_constant=_refuse)
        if text.count(b"{") + text.count(b"[") > _CONTAINERS_WITHOUT_LOOK:
            pydantic_core.from_json(b"[" * _WRAPPED + text + b"]" * _WRAPPED)
        return text.decode()
    except ValueError as error:
        message = "This is no value of JSON, or nested too deep: send finite numbers and less than 190 levels."
        raise invalid_value(message, *location) from error


def decode(text: str) -> Any:
    """Read JSON text that `encode` wrote."""
    return pydantic_core.from_json(text)


def same(first: Any, second: Any) -> bool:
    """Say whether two values are equal as JSON: true is not 1, the order of keys does not count."""
    if isinstance(first, bool) or isinstance(second, bool):
        return first is second
    if isinstance(first, dict) and isinstance(second, dict):
        members: dict[str, Any] = first
        others: dict[str, Any] = second
        return members.keys() == others.keys() and all(same(value, others[key]) for key, value in members.items())
    if isinstance(first, list) and isinstance(second, list):
        items: list[Any] = first
        other_items: list[Any] = second
        return len(items) == len(other_items) and all(map(same, items, other_items))
    return bool(first == second)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no value of JSON")
