"""The differences between two states, by path."""

from __future__ import annotations

import json
import re
from typing import Any, Dict, Iterator, List, Literal, NamedTuple, Sequence, Tuple, Union, cast, overload

from .._base.model_repr import printable, short

_Object = Dict[str, Any]
_List = Sequence[Any]
_MARKS = {"added": "+", "removed": "-", "changed": "~"}
_ROOM = 200
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
Keys = Tuple[Union[str, int], ...]
"""The keys and indexes that lead to a value."""
_DEEPEST = 50
"""Depth limit of a path; deeper values are compared as a whole."""


class Change(NamedTuple):
    """A difference; `before` is unused if a value was added, `after` if one was removed."""

    kind: Literal["added", "removed", "changed"]
    """The kind of the difference."""
    path: str
    """The path of the value: `order.items[2].price`. The index of a removed item is that before all changes."""
    before: Any = None
    """The value before; None if there was none."""
    after: Any = None
    """The value after; None if there is none."""
    keys: Keys = ()
    """The keys and indexes of the path: `("order", "items", 2, "price")`."""

    def as_dict(self) -> Dict[str, Any]:
        """Return it as a JSON object, without the unused value."""
        values = {"before": self.before, "after": self.after}
        absent = {"added": "before", "removed": "after"}.get(self.kind)
        return {"kind": self.kind, "path": self.path, **{k: v for k, v in values.items() if k != absent}}


class StateDiff(Sequence[Change]):
    """The differences between two states: a sequence of changes. It is empty if they are the same JSON.

    Example:
        >>> _ = client.state.update_state(session.id, {"step": 2, "plan": "gold"})
        >>> difference = client.state.diff((session.id, 0), session.id)
        >>> print(difference)
        ~ step  1 -> 2
        + plan  'gold'
        >>> difference.patch()[0]
        {'op': 'replace', 'path': '/step', 'value': 2}
    """

    def __init__(self, before: Any, after: Any) -> None:
        self._changes = tuple(changes(before, after))

    def patch(self) -> List[Dict[str, Any]]:
        """Return the differences as a JSON Patch (RFC 6902), which turns the first state into the second."""
        patch: List[Dict[str, Any]] = []
        for change in self._changes:
            if change.kind != "removed":
                operation = "add" if change.kind == "added" else "replace"
                patch.append({"op": operation, "path": _pointer(change.keys), "value": change.after})
        # Last to first: an index is then that before all changes.
        removed = (change for change in reversed(self._changes) if change.kind == "removed")
        return [*patch, *({"op": "remove", "path": _pointer(change.keys)} for change in removed)]

    def __len__(self) -> int:
        return len(self._changes)

    @overload
    def __getitem__(self, index: int) -> Change: ...
    @overload
    def __getitem__(self, index: slice) -> Tuple[Change, ...]: ...
    def __getitem__(self, index: Union[int, slice]) -> Union[Change, Tuple[Change, ...]]:
        return self._changes[index]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, StateDiff) and other._changes == self._changes

    def __hash__(self) -> int:
        return hash(str(self))

    def __repr__(self) -> str:
        return f"StateDiff({short([*self._changes])})"

    def __str__(self) -> str:
        return "\n".join(map(_line, self._changes)) or "no difference"

    def _repr_html_(self) -> str:
        from .html import rows_html  # only notebooks need it

        return rows_html("StateDiff", [(f"{_MARKS[c.kind]} {c.path}", _values(c)) for c in self._changes])


def _line(change: Change) -> str:
    return f"{_MARKS[change.kind]} {change.path}  {_values(change)}"


def _values(change: Change) -> str:
    before, after = short(change.before, _ROOM), short(change.after, _ROOM)
    return {"added": after, "removed": before, "changed": f"{before} -> {after}"}[change.kind]


def _pointer(keys: Keys) -> str:
    """Return a path as a JSON pointer (RFC 6901)."""
    return "".join("/" + str(key).replace("~", "~0").replace("/", "~1") for key in keys)


def changes(before: Any, after: Any, keys: Keys = ()) -> Iterator[Change]:
    """Yield the differences between two JSON values, each with the most specific path.

    Args:
        before: A JSON value.
        after: The value that it was changed to.
        keys: The path of the value.
    """
    if _text(before) == _text(after):
        return
    if len(keys) < _DEEPEST and isinstance(before, dict) and isinstance(after, dict):
        yield from _of_objects(cast(_Object, before), cast(_Object, after), keys)
    elif len(keys) < _DEEPEST and isinstance(before, list) and isinstance(after, list):
        yield from _of_lists(cast(_List, before), cast(_List, after), keys)
    else:
        yield Change("changed", path_text(keys), before, after, keys)


def _of_objects(before: _Object, after: _Object, keys: Keys) -> Iterator[Change]:
    for key in {**before, **after}:
        inner = (*keys, key)
        if key not in before:
            yield Change("added", path_text(inner), after=after[key], keys=inner)
        elif key not in after:
            yield Change("removed", path_text(inner), before=before[key], keys=inner)
        else:
            yield from changes(before[key], after[key], inner)


def _of_lists(before: _List, after: _List, keys: Keys) -> Iterator[Change]:
    """Yield the differences of two lists, without their common start and end."""
    old, new = [_text(item) for item in before], [_text(item) for item in after]
    start = _shared(old, new)
    end = _shared(old[start:][::-1], new[start:][::-1])
    removed, added = before[start : len(old) - end], after[start : len(new) - end]
    both = min(len(removed), len(added))
    for number in range(both):
        yield from changes(removed[number], added[number], (*keys, start + number))
    for number in range(both, len(removed)):
        inner = (*keys, start + number)
        yield Change("removed", path_text(inner), before=removed[number], keys=inner)
    for number in range(both, len(added)):
        inner = (*keys, start + number)
        yield Change("added", path_text(inner), after=added[number], keys=inner)


def _shared(one: List[str], other: List[str]) -> int:
    """Return how many items both lists start with."""
    return next((n for n, (a, b) in enumerate(zip(one, other)) if a != b), min(len(one), len(other)))


def path_text(keys: Keys) -> str:
    """Return a path for people: `order.items[2].price`."""
    text = ""
    for key in keys:
        if isinstance(key, str) and _PLAIN.fullmatch(key):
            text += f".{key}" if text else key
        else:
            text += f"[{printable(json.dumps(key, ensure_ascii=False))}]"
    return text


def _text(value: Any) -> str:
    # In Python True is 1 and 1 is 1.0, in JSON they differ.
    return json.dumps(value, sort_keys=True)
