"""The differences between two states, by path."""

from __future__ import annotations

import json
import re
from typing import Any, Dict, Iterator, List, Literal, NamedTuple, Sequence, cast

_Object = Dict[str, Any]
_List = Sequence[Any]
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_DEEPEST = 50
"""Depth limit of a path; deeper values are compared as a whole."""


class Change(NamedTuple):
    """A difference; `before` is unused if a value was added, `after` if one was removed."""

    kind: Literal["added", "removed", "changed"]
    path: str
    before: Any = None
    after: Any = None

    def as_dict(self) -> Dict[str, Any]:
        """Return it as a JSON object, without the unused value."""
        values = {"before": self.before, "after": self.after}
        absent = {"added": "before", "removed": "after"}.get(self.kind)
        return {"kind": self.kind, "path": self.path, **{k: v for k, v in values.items() if k != absent}}


def changes(before: Any, after: Any, path: str = "", depth: int = 0) -> Iterator[Change]:
    """Yield the differences between two JSON values, each with the most specific path.

    Args:
        before: A JSON value.
        after: The value that it was changed to.
        path: The path of the value: `order.items[2].price`.
        depth: The number of levels in the path.
    """
    if _text(before) == _text(after):
        return
    if depth < _DEEPEST and isinstance(before, dict) and isinstance(after, dict):
        yield from _of_objects(cast(_Object, before), cast(_Object, after), path, depth + 1)
    elif depth < _DEEPEST and isinstance(before, list) and isinstance(after, list):
        yield from _of_lists(cast(_List, before), cast(_List, after), path, depth + 1)
    else:
        yield Change("changed", path, before, after)


def _of_objects(before: _Object, after: _Object, path: str, depth: int) -> Iterator[Change]:
    for key in {**before, **after}:
        inner = _inner(path, key)
        if key not in before:
            yield Change("added", inner, after=after[key])
        elif key not in after:
            yield Change("removed", inner, before=before[key])
        else:
            yield from changes(before[key], after[key], inner, depth)


def _of_lists(before: _List, after: _List, path: str, depth: int) -> Iterator[Change]:
    """Yield the differences of two lists, without their common start and end."""
    old, new = [_text(item) for item in before], [_text(item) for item in after]
    start = _shared(old, new)
    end = _shared(old[start:][::-1], new[start:][::-1])
    removed, added = before[start : len(old) - end], after[start : len(new) - end]
    both = min(len(removed), len(added))
    for number in range(both):
        yield from changes(removed[number], added[number], f"{path}[{start + number}]", depth)
    for number in range(both, len(removed)):
        yield Change("removed", f"{path}[{start + number}]", before=removed[number])
    for number in range(both, len(added)):
        yield Change("added", f"{path}[{start + number}]", after=added[number])


def _shared(one: List[str], other: List[str]) -> int:
    """Return how many items both lists start with."""
    return next((n for n, (a, b) in enumerate(zip(one, other)) if a != b), min(len(one), len(other)))


def _inner(path: str, key: str) -> str:
    if not _PLAIN.fullmatch(key):
        return f"{path}[{json.dumps(key, ensure_ascii=False)}]"
    return f"{path}.{key}" if path else key


def _text(value: Any) -> str:
    # In Python True is 1 and 1 is 1.0, in JSON they differ.
    return json.dumps(value, sort_keys=True)
