"""Checks for every error that a call raises."""

from __future__ import annotations

import copy
import pickle
from typing import Any, List

import httpx

from statebase import APIStatusError, StateBaseError

API_KEY = "sb_a_key_that_nobody_may_see"


def check(error: StateBaseError) -> None:
    """Fail unless an error can be shown, copied and kept, and holds nothing secret."""
    for clone in (pickle.loads(pickle.dumps(error)), copy.deepcopy(error), copy.copy(error)):
        assert type(clone) is type(error)
        assert str(clone) == str(error)
        assert {**vars(clone), "body": repr(clone.body)} == {**vars(error), "body": repr(error.body)}
    assert error.outcome in ("not_sent", "rejected", "unknown")
    assert "\n" not in error.message
    if isinstance(error, APIStatusError):
        assert error.response.status_code == error.status_code
        assert error.request.url
    for each in chain(error):
        assert API_KEY not in f"{each!r} {each} {deep_vars(each)}"


def chain(error: BaseException) -> List[BaseException]:
    """Return an error and everything that it brings along."""
    found: List[BaseException] = []
    left: List[Any] = [error]
    while left:
        each = left.pop()
        if each is not None and each not in found:
            found.append(each)
            left += [each.__cause__, each.__context__, *getattr(each, "exceptions", ())]
    return found


def deep_vars(error: BaseException) -> str:
    """Show the attributes of an error, and the headers of the requests that it leads to."""
    shown = [repr(vars(error))]
    left: List[Any] = list(vars(error).values())
    while left:
        each = left.pop()
        if isinstance(each, httpx.Request):
            shown.append(repr(each.headers.raw))
        if isinstance(each, httpx.Response):
            left += [each._request, *each.history]
    return " ".join(shown)
