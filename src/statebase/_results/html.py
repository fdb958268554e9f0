"""HTML of models and pages for notebooks, with inline styles, without scripts and external resources.

The values are not trusted. They are escaped, never placed in an attribute, and characters that would hide or reorder
the text around them are written as escapes. The colours are those of the notebook, light or dark.
"""

from __future__ import annotations

import unicodedata
from datetime import datetime
from html import escape
from typing import Any, Iterable, Mapping, Sequence, Tuple, cast

from .._base.model import Model
from .._base.model_repr import short
from .._generated.models import TurnInput, TurnOutput

_ROWS, _COLUMNS, _CHARACTERS = 20, 10, 300
"""The limits of the output: rows of a collection, columns of a table, characters of a string."""
_FACT = 60
"""Strings up to this number of characters are in the summary line; longer ones get their own row."""

# Joiners are parts of emoji, and of words in some scripts.
_SHOWN = "\n\t\N{ZERO WIDTH JOINER}\N{ZERO WIDTH NON-JOINER}"
_HIDDEN = ("Cc", "Cf", "Cs", "Zl", "Zp")

# MathJax would read two dollar amounts as a formula; these classes tell it to ignore the element.
_FRAME = (
    '<div class="tex2jax_ignore mathjax_ignore" '
    'style="color:inherit;font-size:13px;line-height:1.5;overflow-x:auto">{}</div>'
)
_FAINT = '<span style="opacity:.65">{}</span>'
_TABLE = '<table style="border-collapse:collapse;margin:0;border:0;color:inherit;font-size:inherit">{}</table>'
_ROW = '<tr style="background:none">{}</tr>'
_CELL = (
    '<{0} style="padding:2px 14px 2px 0;text-align:left;vertical-align:top;font-weight:normal;color:inherit;'
    'background:none;border:0;border-top:1px solid rgba(128,128,128,.3);{1}">{2}</{0}>'
)
_WRAPPED = "white-space:pre-wrap;overflow-wrap:anywhere;min-width:14em;max-width:44em"
_ON_ONE_LINE = "white-space:nowrap"


def model_html(model: Model) -> str:
    """Return the HTML of a model: its name, a summary line, and a row for each larger field."""
    fields = list(model.__repr_args__())
    facts = [(name, value) for name, value in fields if _is_fact(value)]
    rest = [(name, value) for name, value in fields if not _is_fact(value)]
    line = " · ".join(f"{_FAINT.format(_text(name))} {_inline(value)}" for name, value in facts[:_ROWS])
    head = f"<div><strong>{type(model).__name__}</strong></div><div>{line}{_more(len(facts) - _ROWS, 'fields')}</div>"
    return _FRAME.format(head + _rows(rest, "fields", levels=2))


def page_html(items: Sequence[Any], has_more: bool) -> str:
    """Return the HTML of a page: the number of items, whether more follow, and a table of the items."""
    count = f"{len(items):,} item{'' if len(items) == 1 else 's'}{', and more follow' if has_more else ''}"
    return _FRAME.format(f"<div><strong>Page</strong> {_FAINT.format(count)}</div>{_grid(items) if items else ''}")


def rows_html(title: str, rows: Sequence[Tuple[str, Any]], most: int = _ROWS) -> str:
    """Return the HTML of a title and named values, `most` of them."""
    return _FRAME.format(f"<div><strong>{_text(title)}</strong></div>{_rows(rows, 'rows', levels=0, most=most)}")


def _is_fact(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) <= _FACT and "\n" not in value
    return not isinstance(value, (Model, Mapping, list))


def _rows(fields: Iterable[Tuple[Any, Any]], what: str, levels: int, most: int = _ROWS) -> str:
    """Return a table with a row for each name and value. Values are shown as tables down to a number of levels."""
    fields = list(fields)
    rows = [
        _ROW.format(_CELL.format("th", _ON_ONE_LINE, _FAINT.format(_text(name, _FACT))) + _cell(value, levels))
        for name, value in fields[:most]
    ]
    return _TABLE.format("".join(rows)) + _more(len(fields) - most, what) if rows else ""


def _grid(items: Sequence[Model]) -> str:
    """Return a table with a row for each model and a column for each of their fields."""
    rows = [dict(item.__repr_args__()) for item in items[:_ROWS]]
    names = list(dict.fromkeys(name for row in rows for name in row))
    head = [_CELL.format("th", _ON_ONE_LINE, _FAINT.format(_text(name, _FACT))) for name in names[:_COLUMNS]]
    body = ["".join(_cell(row.get(name, "")) for name in names[:_COLUMNS]) for row in rows]
    table = _TABLE.format("".join(_ROW.format(cells) for cells in ["".join(head), *body]))
    return table + _more(len(items) - _ROWS, "rows") + _more(len(names) - _COLUMNS, "columns")


def _cell(value: Any, levels: int = 0) -> str:
    layout = _ON_ONE_LINE if isinstance(value, datetime) or len(short(value)) <= 30 else _WRAPPED
    return _CELL.format("td", layout, _block(value, levels - 1) if levels else _text(value))


def _block(value: Any, levels: int) -> str:
    """Return the HTML of a value that has its own row: a table if possible."""
    if isinstance(value, Mapping) and value:
        return _rows(cast("Mapping[str, Any]", value).items(), "keys", levels)
    if isinstance(value, list) and value and all(isinstance(item, Model) for item in cast("Sequence[Any]", value)):
        return _grid(cast("Sequence[Model]", value))
    if isinstance(value, Model) and not isinstance(value, (TurnInput, TurnOutput)):
        return _rows(value.__repr_args__(), "fields", levels)
    return _text(value)


def _inline(value: Any) -> str:
    return f"<bdi>{_text(value)}</bdi>"  # right-to-left text does not reorder the text around it


def _text(value: Any, room: int = _CHARACTERS) -> str:
    """Return any value as escaped text."""
    if isinstance(value, (TurnInput, TurnOutput)):
        kind = "" if value.type == "text" else f"{_FAINT.format(_text(value.type, _FACT))} "
        return kind + _text(value.content)
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S %Z}"
    if not isinstance(value, str):
        return _escaped(short(value, room))
    return _escaped(value[:room]) + _more(len(value) - room, "characters")


def _escaped(text: str) -> str:
    return escape("".join(map(_visible, text)))


def _visible(character: str) -> str:
    if character in _SHOWN or unicodedata.category(character) not in _HIDDEN:
        return character
    return character.encode("unicode_escape").decode()


def _more(count: int, what: str) -> str:
    return " " + _FAINT.format(f"… {count:,} more {what}") if count > 0 else ""
