"""Each request says who calls, what it takes, and for a write under which key; callers may add headers, safely."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from typing import Any, Dict, List

import httpx
import pytest

import statebase
from statebase import InvalidRequestError


@pytest.fixture
def sent(serve: Any) -> Any:
    """Call something, and return the headers that went out; those of the httpx client are left out."""

    def call(use: Any, **options: Any) -> Dict[str, Any]:
        seen: List[httpx.Headers] = []

        def handle(request: httpx.Request) -> httpx.Response:
            seen.append(request.headers)
            return httpx.Response(404)

        with pytest.raises(Exception, match="404"):
            use(serve(handle, **options))
        return {name: value for name, value in seen[0].multi_items() if name not in ("connection", "x-of-the-caller")}

    return call


def test_read_sends_what_it_needs_and_no_more(sent: Any) -> None:
    """A read has the key, who calls, and what it can read; no header twice."""
    assert sent(lambda client: client.sessions.get("sess_1")) == {
        "host": "api.statebase.org",
        "accept": "application/json",
        "accept-encoding": "gzip, deflate",
        "user-agent": f"statebase-python/{statebase.__version__}",
        "x-api-key": "sb_test",
    }


def test_write_carries_a_key_of_its_own(sent: Any) -> None:
    """Each write has an idempotency key that no other write has."""
    keys = {sent(lambda client: client.sessions.create("agent"))["idempotency-key"] for _ in range(20)}

    assert len(keys) == 20
    assert all(re.fullmatch("[0-9a-f]{32}", key) for key in keys)


def test_key_of_the_caller_is_used(sent: Any) -> None:
    """idempotency_key= is sent as it is."""
    headers = sent(lambda client: client.sessions.create("agent", idempotency_key="order-66"))

    assert headers["idempotency-key"] == "order-66"


@pytest.mark.parametrize("key", ["", " ", " key", "key ", "a\nb", "schlüssel", "a" * 256, 5, b"key"])
def test_key_that_cannot_be_sent_is_refused(respond: Any, key: Any) -> None:
    """A key that would be changed or refused on the way is refused before anything is sent."""
    client, requests = respond()

    for write in (
        client.sessions.create,
        lambda agent, **options: client.sessions.ingest("s", [("a", "b")], **options),
    ):
        with pytest.raises(
            InvalidRequestError, match="idempotency_key must be 1 to 255 printable ASCII .*, got "
        ) as caught:
            write("agent", idempotency_key=key)
        assert caught.value.param == "idempotency_key"

    assert requests == []


def test_longest_key_is_sent(sent: Any) -> None:
    """255 characters are fine."""
    headers = sent(lambda client: client.sessions.create("agent", idempotency_key="a" * 255))

    assert headers["idempotency-key"] == "a" * 255


def test_key_in_extra_headers_is_the_key_of_the_call(respond: Any) -> None:
    """A key that was given as a header is the one that the error tells."""
    client, requests = respond(httpx.ReadError("lost"), max_retries=0)

    with pytest.raises(statebase.APIConnectionError) as caught:
        client.sessions.create("agent", extra_headers={"Idempotency-Key": "order-66"})

    assert requests[0].headers.get_list("idempotency-key") == ["order-66"]
    assert caught.value.idempotency_key == "order-66"


def test_default_headers_are_sent_with_every_request(sent: Any) -> None:
    """Headers of the client are added; one of the SDK's own name takes its place, in any case of letters."""
    headers = sent(
        lambda client: client.sessions.create("agent"),
        default_headers={"X-Team": "search", "USER-AGENT": "mine", "content-type": "application/merge-patch+json"},
    )

    assert headers["x-team"] == "search"
    assert headers["user-agent"] == "mine"
    assert headers["content-type"] == "application/merge-patch+json"


def test_extra_headers_go_before_default_headers(sent: Any) -> None:
    """For one call, extra_headers win over the client's; each name is sent once."""
    headers = sent(
        lambda client: client.sessions.get("sess_1", extra_headers={"x-team": "other", "X-Trace": "1"}),
        default_headers={"X-Team": "search"},
    )

    assert headers["x-team"] == "other"
    assert headers["x-trace"] == "1"


def test_extra_headers_are_written_as_queries_are(sent: Any) -> None:
    """Numbers, truth values and times have their text, and what is None or left out is not sent."""
    extra = {
        "X-Count": 5,
        "X-Share": 0.5,
        "X-Flag": True,
        "X-At": datetime(2026, 1, 2, tzinfo=timezone.utc),
        "X-None": None,
        "X-Left-Out": statebase.NOT_GIVEN,
    }

    headers = sent(lambda client: client.sessions.get("sess_1", extra_headers=extra))

    assert (headers["x-count"], headers["x-share"], headers["x-flag"]) == ("5", "0.5", "true")
    assert headers["x-at"] == "2026-01-02T00:00:00Z"
    assert not headers.keys() & {"x-none", "x-left-out"}


def test_key_of_the_api_can_be_replaced_for_one_call(respond: Any) -> None:
    """A key in extra_headers takes the place of the client's, and is not sent beside it."""
    client, requests = respond(404)

    with pytest.raises(statebase.NotFoundError):
        client.sessions.get("sess_1", extra_headers={"X-API-Key": "sb_other"})

    assert requests[0].headers.get_list("x-api-key") == ["sb_other"]


def test_view_replaces_default_headers(respond: Any) -> None:
    """with_options(default_headers=...) takes the place of the client's headers, for the view alone."""
    client, requests = respond(200, 200, default_headers={"X-Team": "search"})

    client.with_options(default_headers={"X-Other": "1"}).sessions.get("sess_1")
    client.sessions.get("sess_1")

    assert [("x-team" in request.headers, "x-other" in request.headers) for request in requests] == [
        (False, True),
        (True, False),
    ]


@pytest.mark.parametrize(
    "headers",
    [
        {"X-A": "b\r\nX-Evil: 1"},
        {"X-A": "b\n"},
        {"X-A": "b\x00"},
        {"X-A": " b"},
        {"X-A": "schlüssel"},
        {"X-A\r\nX-Evil": "1"},
        {"X A": "1"},
        {"X-A:": "1"},
        {"": "1"},
        {"schlüssel": "1"},
        {5: "1"},
        {"X-A": b"bytes"},
        {"X-A": ...},
        [("X-A", "b")],
        "X-A: b",
    ],
    ids=repr,
)
def test_header_that_could_smuggle_is_refused(respond: Any, headers: Any) -> None:
    """A value that would end a header, be trimmed or be lost is refused before anything is sent."""
    client, requests = respond()

    with pytest.raises(InvalidRequestError):
        client.sessions.get("sess_1", extra_headers=headers)

    assert requests == []


def test_error_names_the_header(respond: Any) -> None:
    """The error names the header in an attribute."""
    client, _ = respond()

    with pytest.raises(InvalidRequestError, match="^The header 'X-A' must be ") as caught:
        client.sessions.get("sess_1", extra_headers={"X-A": " b"})

    assert caught.value.param == "X-A"


def test_headers_of_an_http_client_are_sent_too(respond: Any, flavour: str, make_client: Any) -> None:
    """Headers of the caller's httpx client are sent with every request, but do not replace ours."""
    seen = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers)
        return httpx.Response(200, json={})

    kind: Any = httpx.Client if flavour == "sync" else httpx.AsyncClient
    headers = {"X-Proxy-Token": "t", "X-API-Key": "wrong", "User-Agent": "theirs"}
    http_client = kind(transport=httpx.MockTransport(handle), headers=headers)

    make_client(http_client=http_client).info()

    assert seen[0]["x-proxy-token"] == "t"
    assert seen[0].get_list("x-api-key") == ["sb_test"]
    assert seen[0]["user-agent"].startswith("statebase-python/")
