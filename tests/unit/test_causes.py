"""The errors of httpx that an error brings along tell no key, however they hang together."""

from __future__ import annotations

import httpx
import pytest

from statebase._failure import without_secrets

REQUEST = httpx.Request("GET", "https://api.statebase.org/", headers={"X-API-Key": "sb_secret"})


def test_errors_that_cause_each_other() -> None:
    """Each is looked at once, even where the causes go round in a circle."""
    one, other = httpx.ReadError("one", request=REQUEST), httpx.ReadError("other", request=REQUEST)
    one.__cause__, other.__cause__ = other, one

    without_secrets(one)

    for error in (one, other):
        with pytest.raises(RuntimeError, match="has not been set"):
            _ = error.request


def test_responses_of_a_status_error() -> None:
    """The response of the error, and those that led to it, have forgotten their requests."""
    first = httpx.Response(302, request=REQUEST)
    last = httpx.Response(500, request=REQUEST, history=[first])

    without_secrets(httpx.HTTPStatusError("500", request=REQUEST, response=last))

    for response in (first, last):
        with pytest.raises(RuntimeError, match="has not been set"):
            _ = response.request
