"""Writes JSON and points in time for the wire: the one definition of the clients and of the engine."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import NoReturn

import pydantic_core


def to_json(value: object) -> bytes:
    """Write a value as JSON without whitespace.

    Raises:
        ValueError: It cannot be represented; NaN and infinities count too. The message may show the value.
    """
    content = pydantic_core.to_json(value)
    if b"NaN" in content or b"Infinity" in content:  # which may as well stand in a text
        json.loads(content, parse_constant=_refuse_constant)
    return content


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def timestamp_text(value: datetime, timespec: str = "auto") -> str:
    """Write an aware point in time as RFC 3339 in UTC.

    Args:
        value: The point in time.
        timespec: How precisely, as for `datetime.isoformat`.

    Raises:
        OverflowError: In UTC it is beyond the years 1 to 9999.
    """
    return value.astimezone(timezone.utc).isoformat(timespec=timespec).replace("+00:00", "Z")
