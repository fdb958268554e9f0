"""Formats values of a session as text for people."""

from __future__ import annotations

import json
import shutil
import textwrap
from datetime import datetime, timezone
from typing import Any, List, Mapping

from .terminal import escaped

_MOST_COLUMNS = 100
_MOST_LINES = 12
_STEPS = ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))


def columns() -> int:
    """Return the width of the terminal, at most 100; 80 if there is no terminal."""
    return min(shutil.get_terminal_size().columns, _MOST_COLUMNS)


def moment(time: datetime) -> str:
    """Return a time in UTC, to the second."""
    return f"{time.astimezone(timezone.utc):%Y-%m-%d %H:%M:%S}Z"


def distance(time: datetime, now: datetime) -> str:
    """Return a time relative to now: `3 hours ago`, `in 2 days`."""
    seconds = (time - now).total_seconds()
    text = duration(abs(seconds))
    return f"in {text}" if seconds > 0 else f"{text} ago"


def duration(seconds: float) -> str:
    """Return a duration in its two largest units, rounded down: `3 hours 12 minutes`."""
    parts: List[str] = []
    left = int(seconds)
    for size, unit in _STEPS:
        number, left = divmod(left, size)
        if number:
            parts.append(f"{number:,} {unit}" if number == 1 else f"{number:,} {unit}s")
    return " ".join(parts[:2]) or "0 seconds"


def compact(value: Any, most: int) -> str:
    """Return a JSON value on one line of at most `most` characters."""
    return cut(json.dumps(value, ensure_ascii=False), most)


def cut(text: str, most: int) -> str:
    """Return a text escaped, and shortened to at most `most` characters."""
    safe = escaped(text)
    return safe if len(safe) <= most else f"{safe[: max(most - 1, 0)]}…"


def pretty(value: Mapping[str, Any], indent: str) -> List[str]:
    """Return an object as lines of JSON."""
    return [f"{indent}{line}" for line in json.dumps(value, ensure_ascii=False, indent=2).split("\n")]


def paragraphs(text: str, width: int) -> List[str]:
    """Return a text as lines that fit, with its own line breaks; after 12 lines it says how many are left out."""
    lines = [
        line
        for paragraph in text.replace("\r\n", "\n").expandtabs(4).split("\n")
        for line in textwrap.wrap(escaped(paragraph), max(width, 20)) or [""]
    ]
    if len(lines) <= _MOST_LINES:
        return lines
    return [*lines[: _MOST_LINES - 1], f"… {len(lines) - _MOST_LINES + 1:,} lines more; --json gives all"]


def json_line(value: Any) -> str:
    """Return a value as one line of JSON, in ASCII without control characters."""
    return escaped(json.dumps(value))
