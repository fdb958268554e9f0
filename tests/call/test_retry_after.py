"""The wait that the service asks for is kept, in each form of it, or reported to the caller."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from typing import Any, Dict, Optional

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from statebase import InternalServerError, RateLimitError
from statebase._base.exchange import Reply
from statebase._call.response import retry_after

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)


def http_date(seconds: float) -> str:
    return format_datetime(NOW + timedelta(seconds=seconds), usegmt=True)


@pytest.mark.parametrize(
    ("headers", "body", "seconds"),
    [
        ({"Retry-After": "7"}, None, 7),
        ({"Retry-After": "0"}, None, 0),
        ({"Retry-After": "1.5"}, None, 1.5),
        ({"Retry-After": " 7 "}, None, 7),
        ({"Retry-After": http_date(30)}, None, 30),
        ({"Retry-After": http_date(-30)}, None, 0),
        ({"Retry-After": "Fri, 02 Jan 2026 03:04:35 -0000"}, None, 30),
        ({"Retry-After": "soon"}, None, None),
        ({"Retry-After": "Fri, 02 Jan 20260000000000000000 03:04:35 GMT"}, None, None),
        ({"Retry-After": "Fri, 02 Jan 2026 03:04:35 +99999999999999999999"}, None, None),
        ({"Retry-After": "Fri, 31 Dec 9999 23:59:59 -2300"}, None, 251635060554),
        ({"Retry-After": "-5"}, None, None),
        ({"Retry-After": "nan"}, None, None),
        ({"Retry-After": "inf"}, None, None),
        ({"Retry-After": ""}, None, None),
        ({}, {"error": {"retry_after": 12}}, 12),
        ({}, {"error": {"retry_after": 0.5}}, 0.5),
        ({}, {"error": {"retry_after": "12"}}, 12),
        ({}, {"error": {"retry_after": None}}, None),
        ({}, {"error": {"retry_after": True}}, None),
        ({}, {"error": {"retry_after": -1}}, None),
        ({}, {"error": {"retry_after": 10**400}}, None),
        ({}, {"error": "none"}, None),
        ({}, [], None),
        ({"X-RateLimit-Reset": str(int(NOW.timestamp()) + 20)}, None, 20),
        ({"X-RateLimit-Reset": str(int(NOW.timestamp()) - 20)}, None, 0),
        ({"X-RateLimit-Reset": "never"}, None, None),
        ({"Retry-After": "7", "X-RateLimit-Reset": str(int(NOW.timestamp()) + 20)}, {"error": {"retry_after": 12}}, 7),
        ({"X-RateLimit-Reset": str(int(NOW.timestamp()) + 20)}, {"error": {"retry_after": 12}}, 12),
        ({}, None, None),
    ],
)
def test_wait_is_read(headers: Dict[str, str], body: Any, seconds: Optional[float]) -> None:
    """Seconds or a date in the header, then the body, then the end of the rate limit's window."""
    answer = (
        httpx.Response(429, headers=headers, json=body) if body is not None else httpx.Response(429, headers=headers)
    )

    assert retry_after(Reply(429, answer.headers.raw, answer.content), NOW) == seconds


def test_window_of_the_rate_limit_matters_for_429_only() -> None:
    """Another error is not put off to the end of a window that is not exhausted."""
    headers = httpx.Headers({"X-RateLimit-Reset": str(int(NOW.timestamp()) + 20)})

    assert retry_after(Reply(503, headers.raw, b""), NOW) is None


@given(st.text(st.characters(max_codepoint=255)), st.binary())
def test_nothing_breaks_the_reading(header: str, body: bytes) -> None:
    """Whatever stands there, the result is a time from now on, or none."""
    headers = httpx.Headers({"retry-after": header.encode("latin-1"), "x-ratelimit-reset": header.encode("latin-1")})

    for status in (429, 503):
        seconds = retry_after(Reply(status, headers.raw, body), NOW)
        assert seconds is None or 0 <= seconds < float("inf")


@pytest.mark.parametrize("status", [429, 503, 500, 408])
@pytest.mark.parametrize("asked", [0, 3, 60])
def test_service_is_not_asked_again_too_early(serve: Any, clock: Any, status: int, asked: int) -> None:
    """The wait is as long as the service asked for, and at most the usual random part longer."""
    left = [httpx.Response(status, headers={"Retry-After": str(asked)}), httpx.Response(200, json={})]

    serve(lambda request: left.pop(0)).info()

    assert len(clock.waits) == 1
    assert asked <= clock.waits[0] <= asked + 0.5


def test_wait_until_the_window_ends(serve: Any, clock: Any) -> None:
    """A rate limit without Retry-After is waited out."""
    reset = str(clock.now().timestamp() + 20)
    left = [httpx.Response(429, headers={"X-RateLimit-Reset": reset}), httpx.Response(200, json={})]

    serve(lambda request: left.pop(0)).info()

    assert 19.9 <= clock.waits[0] <= 20.6


def test_waits_without_a_word_of_the_service(serve: Any, clock: Any) -> None:
    """Otherwise the waits are random parts of 0.5, 1, 2, ... seconds."""
    with pytest.raises(InternalServerError):
        serve(lambda request: httpx.Response(500), max_retries=6).info()

    assert len(clock.waits) == 6
    assert all(0 <= wait <= longest for wait, longest in zip(clock.waits, [0.5, 1, 2, 4, 8, 8]))
    assert len(set(clock.waits)) > 1


def test_clients_that_failed_together_do_not_return_together(serve: Any, clock: Any) -> None:
    """Their waits are drawn by lot."""
    for _ in range(2):
        with pytest.raises(InternalServerError):
            serve(lambda request: httpx.Response(500), max_retries=6).info()

    assert len(clock.waits) == 12
    assert not set(clock.waits[:6]) & set(clock.waits[6:])


@pytest.mark.parametrize("asked", ["61", "3600", http_date(10**8)])
def test_long_wait_is_left_to_the_caller(serve: Any, clock: Any, asked: str) -> None:
    """Over a minute, the error comes at once and says when to come back."""
    requests = []

    def handle(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(429, headers={"Retry-After": asked})

    with pytest.raises(RateLimitError) as caught:
        serve(handle).info()

    assert len(requests) == 1
    assert clock.waits == []
    assert caught.value.retry_after is not None
    assert caught.value.retry_after > 60


def test_error_tells_the_wait_even_when_retries_are_used_up(serve: Any) -> None:
    """retry_after is on the error of the last attempt, too."""
    with pytest.raises(RateLimitError) as caught:
        serve(lambda request: httpx.Response(429, headers={"Retry-After": "2"}), max_retries=1).info()

    assert caught.value.retry_after == 2


@given(
    st.one_of(
        st.text(),
        st.from_regex(r"\w{3}, \d{1,30} \w{3} -?\d{1,30} \d{1,20}:\d\d:\d{1,20} [-+]?\w{0,20}", fullmatch=True),
    )
)
def test_no_header_raises(text: str):
    """Whatever a server or a proxy writes there: seconds from 0, or nothing."""
    for name in ("Retry-After", "X-RateLimit-Reset"):
        seconds = retry_after(Reply(429, [(name.encode(), text.encode())], b""), NOW)

        assert seconds is None or 0 <= seconds < float("inf")
