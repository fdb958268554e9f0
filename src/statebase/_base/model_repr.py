"""The `repr` of models and pages, cut to the size of a screen."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Iterable, Mapping, Optional, Sequence, Tuple, cast

ROOM = 1500
"""The approximate number of characters for a model or a page."""
_WHOLE = 40
"""Strings up to this number of characters, such as ids, are never cut."""


def short(value: Any, room: int = ROOM) -> str:
    """Return the `repr` of a value, cut to a size; `...` marks what is omitted.

    Args:
        value: Any value. The omitted items of a collection are not evaluated.
        room: The approximate number of characters.
    """
    if isinstance(value, str):
        return repr(value) if len(value) <= max(room, _WHOLE) else f"{value[: max(room, _WHOLE)]!r}..."
    if isinstance(value, datetime):
        return repr(value.isoformat().replace("+00:00", "Z"))
    if isinstance(value, Mapping):
        items = cast("Mapping[str, Any]", value)
        return "{" + _joined(((f"{short(key, room // 3)}: ", items[key]) for key in items), len(items), room) + "}"
    if isinstance(value, list):
        elements = cast("Sequence[Any]", value)
        return "[" + _joined((("", element) for element in elements), len(elements), room) + "]"
    arguments = getattr(cast(object, type(value)), "__repr_args__", None)
    if arguments is not None:
        return f"{type(value).__name__}({short_arguments(arguments(value), room)})"
    text = repr(value)
    return text if len(text) <= max(room, 100) else f"{text[:room]}..."


def printable(text: str) -> str:
    """Return a text with escapes for characters that control a terminal, or hide or reorder the text around them."""
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in text)


def short_arguments(arguments: Iterable[Tuple[Optional[str], Any]], room: int = ROOM, separator: str = ", ") -> str:
    """Return names and values in the form of keyword arguments. A name that is not an identifier is quoted."""
    named = [(str(name), value) for name, value in arguments]
    parts = (
        (f"{name if name.isidentifier() and len(name) <= _WHOLE else short(name, 0)}=", value) for name, value in named
    )
    return _joined(parts, len(named), room, separator)


def _joined(parts: Iterable[Tuple[str, Any]], count: int, room: int, separator: str = ", ") -> str:
    """Join parts until the room is used up. Each part gets at most a third of what is left, so others fit too."""
    written: list[str] = []
    for prefix, value in parts:
        if room <= (20 if written else 0):
            written.append(f"... {count - len(written)} more")
            break
        written.append(prefix + short(value, room // 3))
        room -= len(written[-1])
    return separator.join(written)
