"""Writes JSON and timestamps; the clients and the engine share these functions."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import NoReturn

import pydantic_core


def to_json(value: object) -> bytes:
    """Write a value as JSON without whitespace.

    Raises:
        ValueError: JSON cannot represent the value; NaN and infinities count too. The message may contain the value.
    """
    content = pydantic_core.to_json(value)
    if b"NaN" in content or b"Infinity" in content:  # perhaps only within a string
        json.loads(content, parse_constant=_refuse_constant)
    return content


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def timestamp_text(value: datetime, timespec: str = "auto") -> str:
    """Write an aware datetime in RFC 3339 format, in UTC.

    Args:
        value: The datetime.
        timespec: The precision, as in `datetime.isoformat`.

    Raises:
        OverflowError: In UTC, the time is outside the years 1 to 9999.
    """
    return value.astimezone(timezone.utc).isoformat(timespec=timespec).replace("+00:00", "Z")
