"""Filters of lists as SQL."""

from __future__ import annotations

from typing import Any, Literal, Mapping, Optional, Sequence

from ... import jsontext
from ...errors import EngineError
from ...memory_search import MemoryFilter
from ..database import Database


def conditions(
    database: Database, narrow: Mapping[str, Optional[str]], wide: Mapping[str, Optional[str]]
) -> tuple[str, list[Any]]:
    """Write filters as conditions to append to others, with their parameters.

    Args:
        database: The database.
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
            mark = database.unindexed if values and narrowed else ""
            text += f" AND {mark}{column} = ?"
            values.append(value)
    return text, values


def number_of(database: Database, table: Literal["sessions", "entities"], row_id: str) -> Optional[int]:
    """Return the number of a row, also of one of the last 10,000 that were deleted; None if there is none."""
    row = database.execute(
        f"SELECT seq FROM {table} WHERE id = ? UNION ALL SELECT seq FROM deleted WHERE id = ?", (row_id, row_id)
    ).fetchone()
    return None if row is None else int(row[0])


def memory_condition(memory_filter: MemoryFilter, *, with_text: bool = True) -> tuple[str, list[Any]]:
    """Write a filter as a condition on `memories m`, with its parameters.

    Args:
        memory_filter: The filter.
        with_text: Leave out memories with `embed: false`. Without this condition an index answers most filters, and
            the rows of the memories are not read.
    """
    condition = "m.session_seq NOT IN (SELECT session_seq FROM removals)"
    if with_text:
        condition = f"m.embed = 1 AND {condition}"
    parameters: list[Any] = []
    if memory_filter.session_seq is not None:
        condition += " AND m.session_seq = ?"
        parameters.append(memory_filter.session_seq)
    if memory_filter.user_id is not None:
        condition += " AND m.session_seq IN (SELECT seq FROM sessions WHERE user_id = ?)"
        parameters.append(memory_filter.user_id)
    if memory_filter.types:
        condition += f" AND m.type IN ({marks(memory_filter.types)})"
        parameters.extend(memory_filter.types)
    if memory_filter.tags:
        condition += f" AND m.seq IN (SELECT seq FROM memory_tags WHERE tag IN ({marks(memory_filter.tags)}))"
        parameters.extend(memory_filter.tags)
    for comparison, moment_us in ((">", memory_filter.created_after_us), ("<", memory_filter.created_before_us)):
        if moment_us is not None:
            condition += f" AND m.created_us {comparison} ?"
            parameters.append(moment_us)
    if memory_filter.metadata is not None:
        condition += " AND has_metadata(m.metadata, ?)"
        parameters.append(memory_filter.metadata)
    if memory_filter.expired_us is not None:
        condition += " AND (m.expires_us IS NULL OR m.expires_us > ?)"
        parameters.append(memory_filter.expired_us)
    return condition, parameters


def has_metadata(metadata: Optional[str], wanted: str) -> bool:
    """Return whether metadata has each key of a JSON object with an equal value; false if it is damaged.

    It is a function of SQL; on PostgreSQL, the schema has its own.
    """
    try:
        pairs: object = {} if metadata is None else jsontext.decode(metadata)
        return jsontext.is_object(pairs) and all(
            key in pairs and jsontext.same(pairs[key], value) for key, value in jsontext.decode(wanted).items()
        )
    except EngineError:
        return False


def marks(values: Sequence[object]) -> str:
    """Return a question mark for each value."""
    return ", ".join("?" * len(values))
