"""Options of one call, of a view and of a client reach the wire, the narrowest first; unknown ones are errors."""

from __future__ import annotations

from typing import Any, Dict, List

import httpx
import pytest

from statebase import ConfigurationError, InvalidRequestError

PHASES = ("connect", "read", "write", "pool")


def timeouts(requests: List[httpx.Request]) -> List[Dict[str, Any]]:
    return [dict(request.extensions["timeout"]) for request in requests]


def test_timeout_of_client_view_and_call(respond: Any) -> None:
    """The client's timeout holds for each phase; a view's goes before it, a call's before both."""
    client, requests = respond(200, 200, 200, 200, 200, timeout=7)

    client.sessions.get("sess_1")
    client.with_options(timeout=5).sessions.get("sess_1")
    client.with_options(timeout=5).sessions.get("sess_1", timeout=3)
    client.sessions.get("sess_1", timeout=None)
    client.sessions.get("sess_1", timeout=httpx.Timeout(9, connect=1))

    assert timeouts(requests) == [
        dict.fromkeys(PHASES, 7),
        dict.fromkeys(PHASES, 5),
        dict.fromkeys(PHASES, 3),
        dict.fromkeys(PHASES, None),
        {**dict.fromkeys(PHASES, 9), "connect": 1},
    ]


def test_timeout_without_a_word_is_30_seconds(respond: Any) -> None:
    """A call waits without limit only if it was told to."""
    client, requests = respond(200)

    client.sessions.get("sess_1")

    assert timeouts(requests) == [dict.fromkeys(PHASES, 30.0)]


def test_retries_of_client_view_and_call(respond: Any) -> None:
    """max_retries of a call goes before that of a view, which goes before the client's."""
    client, requests = respond(*[503] * 6, max_retries=0)
    patient = client.with_options(max_retries=1)

    for use, options in ((client, {}), (patient, {}), (client, {"max_retries": 2})):
        with pytest.raises(Exception, match="503"):
            use.sessions.get("sess_1", **options)

    assert len(requests) == 1 + 2 + 3


def test_view_of_a_view(respond: Any) -> None:
    """A view of a view keeps what it does not change."""
    client, requests = respond(503, 503, max_retries=0)
    view = client.with_options(timeout=5).with_options(max_retries=1)

    with pytest.raises(Exception, match="503"):
        view.sessions.get("sess_1")

    assert timeouts(requests) == [dict.fromkeys(PHASES, 5)] * 2
    assert client.timeout == 30.0


@pytest.mark.parametrize(
    ("method", "options"),
    [
        ("get", {"time_out": 5}),
        ("get", {"idempotency_key": "key"}),
        ("delete", {"idempotency_key": "key"}),
        ("get_context", {"idempotency_key": "key"}),
        ("get", {"session": "sess_1"}),
    ],
)
def test_unknown_option_is_a_type_error(respond: Any, method: str, options: Dict[str, Any]) -> None:
    """A misspelt option, or one that a read has no use for, fails like any wrong keyword."""
    client, requests = respond()
    name = next(iter(options))

    with pytest.raises(TypeError, match=rf"{method}\(\) got an unexpected keyword argument '{name}'"):
        getattr(client.sessions, method)("sess_1", **options)

    assert requests == []


@pytest.mark.parametrize(
    "options",
    [{"timeout": 0}, {"timeout": "5"}, {"deadline": -1}, {"deadline": True}, {"max_retries": -1}, {"max_retries": 1.5}],
    ids=str,
)
def test_wrong_value_of_an_option_is_refused(respond: Any, options: Dict[str, Any]) -> None:
    """The values are checked as those of the client are."""
    client, requests = respond()

    with pytest.raises(ConfigurationError, match=next(iter(options))):
        client.sessions.get("sess_1", **options)

    assert requests == []


@pytest.mark.parametrize("name", ["extra_headers", "extra_query", "extra_body"])
def test_extras_are_mappings(respond: Any, name: str) -> None:
    """A value that is not a mapping is refused by name; None adds nothing."""
    client, requests = respond(200)

    for wrong in ("a=b", [("a", "b")], 5):
        with pytest.raises(InvalidRequestError, match=f"{name} must be a mapping, got "):
            client.sessions.get("sess_1", **{name: wrong})
    client.sessions.get("sess_1", **{name: None})

    assert len(requests) == 1


def test_options_of_methods_on_the_client_itself(respond: Any) -> None:
    """health(), ready(), live() and info() take the same options."""
    client, requests = respond(*[httpx.Response(200, json={})] * 3)

    client.live(timeout=1)
    client.ready(extra_headers={"X-A": "b"})
    client.info(extra_query={"verbose": True})

    assert [request.url.path for request in requests] == ["/health/live", "/health/ready", "/"]
    assert timeouts(requests)[0] == dict.fromkeys(PHASES, 1)
    assert requests[1].headers["x-a"] == "b"
    assert dict(requests[2].url.params) == {"verbose": "true"}
