"""The causes of an error are examined, however they are chained: none contains the key, and they decide about a retry."""

from __future__ import annotations

import ssl
import traceback
from typing import Any

import httpx
import pytest

from statebase import APIConnectionError
from statebase._call.outcome import may_pass, without_secrets

REQUEST = httpx.Request("GET", "https://api.statebase.org/", headers={"X-API-Key": "sb_secret"})


@pytest.mark.parametrize("link", ["__cause__", "__context__"])
def test_errors_that_cause_each_other(link: str) -> None:
    """Each is looked at once, even where the causes go round in a circle."""
    one, other = httpx.ReadError("one", request=REQUEST), httpx.ReadError("other", request=REQUEST)
    setattr(one, link, other)
    setattr(other, link, one)

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


def test_errors_of_a_group() -> None:
    """The members of an exception group are examined one by one."""

    class Group(Exception):
        exceptions = (httpx.ReadError("one", request=REQUEST), httpx.ReadError("other", request=REQUEST))

    without_secrets(Group())

    for error in Group.exceptions:
        with pytest.raises(RuntimeError, match="has not been set"):
            _ = error.request


def test_traceback_of_an_error_that_was_being_handled(respond: Any) -> None:
    """It is the application's: what becomes of a call that it makes meanwhile does not change it."""
    client, _ = respond(httpx.ReadError("lost"), max_retries=0)

    def depth(error: BaseException) -> int:
        return len(list(traceback.walk_tb(error.__traceback__)))

    try:
        httpx.get("nowhere://of.the.application")
    except httpx.UnsupportedProtocol as own:
        before = depth(own)
        with pytest.raises(APIConnectionError):
            client.sessions.get("sess_1")
        assert depth(own) == before > 2


@pytest.mark.parametrize("link", ["__cause__", "__context__"])
def test_certificate_failure_behind_another_error(link: str) -> None:
    """A certificate that is not trusted will not be so at the next attempt, whatever error stands before it."""
    error = httpx.ConnectError("failed")
    setattr(error, link, ssl.SSLCertVerificationError("self-signed"))

    assert not may_pass(error)
    assert may_pass(httpx.ConnectError("failed"))
