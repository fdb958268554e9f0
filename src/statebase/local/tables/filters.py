"""Filters of lists as SQL."""

from __future__ import annotations

from typing import Any, Mapping, Optional


def conditions(narrow: Mapping[str, Optional[str]], wide: Mapping[str, Optional[str]]) -> tuple[str, list[Any]]:
    """Write filters as conditions to append to others, with their parameters.

    Args:
        narrow: Wanted values by columns in which few rows share a value, the narrowest first; None for a filter that
            was not given.
        wide: The same for columns in which many do.
    """
    text = ""
    values: list[Any] = []
    narrowed = any(value is not None for value in narrow.values())
    for column, value in {**narrow, **wide}.items():
        if value is not None:
            # Without statistics SQLite may walk the index of an action that a million traces have, though it has that
            # of a session with ten; a plus keeps it off.
            mark = "+" if values and narrowed else ""
            text += f" AND {mark}{column} = ?"
            values.append(value)
    return text, values
