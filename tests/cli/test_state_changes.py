"""The differences between two states have the most specific paths."""

from __future__ import annotations

import copy
from typing import Any, List, Tuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statebase.cli.state_diff import changes

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
