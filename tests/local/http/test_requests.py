"""Requests are validated strictly, and all errors have one form."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

STATE = "/v1/sessions/{}/state"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'"text"',
        b'{"state": {}} x',
        b'\xef\xbb\xbf{"state": {}}',
        b'{"state": {"a": "\\ud800"}}',
        b'{"state": {"\\udc00": 1}}',
        b'{"state": {"a": "\xff"}}',
        b'{"state": {"a": NaN}}',
        b'{"state": {"a": [-Infinity]}}',
        b'{"state": {"a": 1e999}}',
        b'{"state": {"a": ' + b"9" * 400 + b".5}}",
        b'{"state": {"a": ' + b"9" * 5000 + b"}}",
        b'{"state": ' + b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b"}",
        b'{"state": {}, "unknown": 1e999}',
        b'{"state": {}, "unknown": [{"a": NaN}]}',
    ],
    ids=range(18),
)
def test_what_is_not_json_is_422(http: httpx.Client, session_id: str, body: bytes):
    response = http.put(STATE.format(session_id), content=body)

    assert response.status_code == 422
    assert response.json()["detail"][0]["loc"][0] == "body"
    assert http.get(STATE.format(session_id)).json()["version"] == 0


@pytest.mark.parametrize("depth", [150, 185, 189, 192, 195, 198, 199, 200, 300])
def test_what_is_taken_can_be_given_back(http: httpx.Client, session_id: str, depth: int):
    """A value nested so deep that an answer could not be read is refused when it comes."""
    body = b'{"state": ' + b'{"a":' * depth + b"1" + b"}" * depth + b"}"

    status = http.put(STATE.format(session_id), content=body).status_code

    assert status == (200 if depth < 193 else 422)
    for path in ("", "/state", "/state/history", "/history"):
        # The fixture reads every answer as a client would.
        assert http.get(f"/v1/sessions/{session_id}{path}").status_code == 200


def test_of_a_key_that_comes_twice_the_last_one_counts(http: httpx.Client, session_id: str):
    body = b'{"state": {"x": 1}, "state": {"a": 1, "a": 2}}'

    assert http.put(STATE.format(session_id), content=body).json()["state"] == {"a": 2}


@pytest.mark.parametrize(
    "content_type", [None, "text/plain", "application/octet-stream", "application/json; charset=x"]
)
def test_body_is_json_whatever_its_content_type(http: httpx.Client, content_type: Any):
    headers = {} if content_type is None else {"Content-Type": content_type}

    assert http.post("/v1/sessions", content=b'{"agent_id": "a"}', headers=headers).status_code == 201


def test_unknown_fields_are_ignored(http: httpx.Client):
    response = http.post("/v1/sessions", json={"agent_id": "a", "colour": "blue"})

    assert response.status_code == 201


def test_everything_that_is_wrong_is_listed(http: httpx.Client):
    response = http.post("/v1/sessions", json={"agent_id": 1, "metadata": [], "ttl_seconds": 0})

    assert response.status_code == 422
    assert [problem["loc"] for problem in response.json()["detail"]] == [
        ["body", "agent_id"],
        ["body", "metadata"],
        ["body", "ttl_seconds"],
    ]
    assert all(problem.keys() == {"loc", "msg", "type"} for problem in response.json()["detail"])


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1"),
        ("GET", "/v2/sessions"),
        ("GET", "/v1/sessions/"),
        ("GET", "/v1//sessions"),
        ("GET", "/v1/sessions/a/b"),
        ("POST", "/v1/memory"),
        ("DELETE", "/nothing"),
    ],
)
def test_unknown_route_is_404(http: httpx.Client, method: str, path: str, error_of: Any):
    assert error_of(http.request(method, path)) == (404, "resource_not_found", None)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/v1/sessions", "GET, POST"),
        ("PUT", "/v1/sessions/a", "DELETE, GET, PATCH"),
        ("GET", "/v1/sessions/a/fork", "POST"),
        ("POST", "/health", "GET"),
        ("HEAD", "/v1/traces", "GET"),
        ("OPTIONS", "/v1/memories/a", "DELETE, GET, PUT"),
    ],
)
def test_wrong_method_is_405(http: httpx.Client, method: str, path: str, allowed: str):
    response = http.request(method, path)

    assert (response.status_code, response.headers["Allow"]) == (405, allowed)


@pytest.mark.parametrize(
    ("encoded", "shown"),
    [
        ("a%2Fb", "a/b"),
        ("%2e%2e", ".."),
        ("%00", "\\x00"),
        ("%FF", "\ufffd"),
        ("a%252Fb", "a%2Fb"),
        ("x" * 5000, "xxx"),
    ],
)
def test_segment_of_the_path_is_decoded_once(http: httpx.Client, encoded: str, shown: str, error_of: Any):
    response = http.get(f"/v1/sessions/{encoded}")

    assert error_of(response) == (404, "session_not_found", "session_id")
    assert shown in response.json()["error"]["message"]
    assert len(response.json()["error"]["message"]) < 200


def test_body_over_10_mib_is_413(http: httpx.Client, session_id: str, error_of: Any):
    fits = b'{"state": {"a": "' + b"x" * (10 * 1024 * 1024 - 20) + b'"}}'
    assert len(fits) == 10 * 1024 * 1024

    taken = http.put(STATE.format(session_id), content=fits)
    refused = http.put(STATE.format(session_id), content=fits + b" ")

    assert taken.status_code == 200
    assert error_of(refused) == (413, "payload_too_large", None)


def test_streamed_body_is_read(http: httpx.Client):
    response = http.post("/v1/sessions", content=iter([b'{"agent_id"', b': "a"}']))

    assert response.status_code == 201


class TestRequestId:
    def test_every_answer_has_one_of_its_own(self, http: httpx.Client):
        ids = {http.get(path).headers["X-Request-ID"] for path in ("/", "/health", "/v1/sessions", "/nothing")}

        assert len(ids) == 4

    def test_one_that_is_given_is_kept(self, http: httpx.Client):
        response = http.get("/v1/sessions/none", headers={"X-Request-ID": "mine-1"})

        assert response.headers["X-Request-ID"] == "mine-1"

    @pytest.mark.parametrize("given", ["", "x" * 129, "é".encode(), b"a\tb"])
    def test_one_that_is_odd_is_replaced(self, http: httpx.Client, given: Any):
        response = http.get("/v1/sessions", headers={"X-Request-ID": given})

        assert response.headers["X-Request-ID"].startswith("req_")


def test_parameter_that_comes_twice_counts_as_the_last(http: httpx.Client, new_session: Any):
    new_session()
    new_session()

    assert len(http.get("/v1/sessions?limit=2&limit=1").json()["data"]) == 1


def test_time_beyond_the_calendar_is_422(http: httpx.Client):
    """A time that is none once it is told in UTC is a wrong parameter, not a failure."""
    response = http.get("/v1/traces", params={"start_time": "0001-01-01T00:00:00+23:00"})

    assert response.status_code == 422
    assert response.json()["detail"][0]["loc"] == ["query", "start_time"]


@pytest.mark.parametrize("text", ["a\x01b", "\x7f\x1b[31m", "\u202e", "\U0010ffff"])
def test_control_characters_come_back_as_they_were_sent(http: httpx.Client, text: str):
    """In every place that takes text: they are text, if an odd one."""
    body = {"agent_id": text, "initial_state": {text: text}, "metadata": {text: text}}
    session = http.post("/v1/sessions", json=body).json()

    found = http.get("/v1/sessions", params={"agent_id": text, "metadata": json.dumps({text: text})}).json()["data"]

    assert [item["id"] for item in found] == [session["id"]]
    assert http.get(f"/v1/sessions/{session['id']}").json()["state"] == {text: text}


def test_last_of_equal_keys_counts(http: httpx.Client):
    """As JSON parsers read them (RFC 8259 4)."""
    body = b'{"agent_id": "a", "agent_id": "b", "initial_state": {"k": 1, "k": 2}}'

    session = http.post("/v1/sessions", content=body, headers={"Content-Type": "application/json"}).json()

    assert (session["agent_id"], session["state"]) == ("b", {"k": 2})
