"""The differences between two states have the most specific paths."""

from __future__ import annotations

import copy
from typing import Any, List, Tuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statebase._results.state_diff import StateDiff, changes

NO = object()


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({}, {}, []),
        ({"a": 1}, {"a": 1}, []),
        ({}, {"a": None}, [("added", "a", NO, None)]),
        ({"a": None}, {}, [("removed", "a", None, NO)]),
        ({"a": 1}, {"a": 2}, [("changed", "a", 1, 2)]),
        ({"a": 1}, {"a": True}, [("changed", "a", 1, True)]),
        ({"a": 1}, {"a": 1.0}, [("changed", "a", 1, 1.0)]),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 1, "c": 3}}, [("changed", "a.c", 2, 3)]),
        ({"a": {"b": 1}}, {"a": []}, [("changed", "a", {"b": 1}, [])]),
        ({"a": [1, 2]}, {"a": [1, 2, 3]}, [("added", "a[2]", NO, 3)]),
        ({"a": [1, 2, 3]}, {"a": [2, 3]}, [("removed", "a[0]", 1, NO)]),
        ({"a": [1, 2]}, {"a": [0, 1, 2]}, [("added", "a[0]", NO, 0)]),
        ({"a": [{"p": 1}, {"p": 2}]}, {"a": [{"p": 1}, {"p": 9}]}, [("changed", "a[1].p", 2, 9)]),
        ({"a": [1, 1]}, {"a": [1]}, [("removed", "a[1]", 1, NO)]),
        ({"a.b": 1}, {"a.b": 2}, [("changed", '["a.b"]', 1, 2)]),
        ({"a": {"": 1}}, {"a": {"": 2}}, [("changed", 'a[""]', 1, 2)]),
    ],
)
def test_differences(before: Any, after: Any, expected: List[Tuple[str, str, Any, Any]]) -> None:
    """Added, removed and changed, at the innermost place."""
    told = [change.as_dict() for change in changes(before, after)]

    assert [(each["kind"], each["path"], each.get("before", NO), each.get("after", NO)) for each in told] == expected


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text("ab.", max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab.", max_size=2), inner, max_size=3),
    max_leaves=8,
)
states = st.dictionaries(st.text("ab.", max_size=2), json_values, max_size=3)


@given(states, states)
def test_nothing_is_left_out(before: Any, after: Any) -> None:
    """There is no difference exactly where both are the same JSON, and states are not touched."""
    kept = copy.deepcopy((before, after))

    found = list(changes(before, after))

    assert (found == []) == (repr(before) == repr(after) or same(before, after))
    assert (before, after) == kept
    assert len({(change.kind, change.path) for change in found}) == len(found)


def same(one: Any, other: Any) -> bool:
    """Return whether two values are the same JSON; in Python, True is 1."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def test_deep_states() -> None:
    """A state as deep as JSON goes is told at a path that still can be read."""
    before: Any = 1
    after: Any = 2
    for _ in range(300):
        before, after = {"a": before}, {"a": after}

    (change,) = changes(before, after)

    assert change.path == ".".join("a" * 50)


def pointed(document: Any, keys: List[str]) -> Any:
    for key in keys:
        document = document[int(key)] if isinstance(document, list) else document[key]
    return document


def applied(document: Any, patch: Any) -> Any:
    """Apply a JSON Patch as RFC 6902 says."""
    document = copy.deepcopy(document)
    for operation in patch:
        *parents, last = [key.replace("~1", "/").replace("~0", "~") for key in operation["path"].split("/")[1:]]
        holder = pointed(document, parents)
        key: Any = int(last) if isinstance(holder, list) else last
        if operation["op"] == "remove":
            del holder[key]
        elif operation["op"] == "add" and isinstance(holder, list):
            holder.insert(key, operation["value"])
        else:
            assert operation["op"] == "add" or key in holder or isinstance(holder, list)
            holder[key] = operation["value"]
    return document


@given(states, states)
def test_patch_makes_one_state_of_the_other(before: Any, after: Any) -> None:
    """Also where items of several arrays are removed."""
    assert same(applied(before, StateDiff(before, after).patch()), after)


def test_pointers_are_escaped() -> None:
    """RFC 6901."""
    assert StateDiff({}, {"a/b": {}, "~": 1}).patch() == [
        {"op": "add", "path": "/a~1b", "value": {}},
        {"op": "add", "path": "/~0", "value": 1},
    ]


def test_diff_is_a_sequence_and_readable() -> None:
    """Stored text is escaped in HTML, and repr'd in text."""
    diff = StateDiff({"a": 1, "b": [1]}, {"a": "<b>\n", "b": []})

    assert (len(diff), diff[0].keys, bool(diff), bool(StateDiff({}, {}))) == (2, ("a",), True, False)
    assert str(diff) == "~ a  1 -> '<b>\\n'\n- b[0]  1"
    assert str(StateDiff({}, {})) == "no difference"
    assert "&lt;b&gt;" in diff._repr_html_()
    assert "<b>" not in diff._repr_html_()
    assert diff == StateDiff({"a": 1, "b": [1]}, {"a": "<b>\n", "b": []})
    assert copy.deepcopy(diff) == diff
