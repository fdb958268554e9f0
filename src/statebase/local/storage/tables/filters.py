"""Filters of lists as SQL."""

from __future__ import annotations

from typing import Any, Literal, Mapping, Optional

from ..sqlite.database import Database


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


def number_of(database: Database, table: Literal["sessions", "entities"], row_id: str) -> Optional[int]:
    """Return the number of a row, also of one of the last 10,000 that were deleted; None if there is none."""
    row = database.execute(
        f"SELECT seq FROM {table} WHERE id = ? UNION ALL SELECT seq FROM deleted WHERE id = ?", (row_id, row_id)
    ).fetchone()
    return None if row is None else int(row[0])
