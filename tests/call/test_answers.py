"""A successful answer is read strictly: what does not fit is an error that says where, what is unknown is kept."""

from __future__ import annotations

import copy
import gzip
import json
import pickle
import re
import traceback
import zlib
from datetime import datetime, timedelta, timezone
from typing import Any, Dict

import httpx
import pytest

from statebase import APIConnectionError, APIResponseValidationError
from statebase._call.response import json_path

SESSION: Dict[str, Any] = {
    "id": "sess_1",
    "agent_id": "agent",
    "created_at": "2026-01-02T03:04:05.000006Z",
    "updated_at": "2026-01-02T03:04:05Z",
    "state": {"plan": "gold"},
    "memory_count": 1,
    "turn_count": 2,
}


def without(name: str) -> Dict[str, Any]:
    return {key: value for key, value in SESSION.items() if key != name}


def get(serve: Any, answer: httpx.Response) -> Any:
    return serve(lambda request: answer).sessions.get("sess_1")


def test_unknown_fields_are_kept(serve: Any) -> None:
    """A field that a later service adds is there, as attribute, as key and in the dump."""
    session = get(serve, httpx.Response(200, json={**SESSION, "mood": {"now": "good"}}))

    assert session.mood == session["mood"] == session.model_dump()["mood"] == {"now": "good"}


def test_absent_nullable_field_is_none(serve: Any) -> None:
    """A field that may be null may also be left out."""
    session = get(serve, httpx.Response(200, json=SESSION))

    assert session.user_id is session.metadata is session.ttl_expires_at is None


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-02T03:04:05.000006Z", datetime(2026, 1, 2, 3, 4, 5, 6, timezone.utc)),
        ("2026-01-02T03:04:05", datetime(2026, 1, 2, 3, 4, 5, 0, timezone.utc)),
        ("2026-01-02T03:04:05+02:00", datetime(2026, 1, 2, 1, 4, 5, 0, timezone.utc)),
        ("2026-01-02T03:04:05.5-11:30", datetime(2026, 1, 2, 14, 34, 5, 500000, timezone.utc)),
    ],
)
def test_timestamps_are_aware_and_in_utc(serve: Any, text: str, moment: datetime) -> None:
    """With an offset, without one, and in UTC: the result names the moment, in UTC."""
    session = get(serve, httpx.Response(200, json={**SESSION, "created_at": text}))

    assert session.created_at == moment
    assert session.created_at.tzname() == "UTC"
    assert session.created_at.isoformat().endswith("+00:00")
    for copied in (copy.deepcopy(session), pickle.loads(pickle.dumps(session))):
        assert copied.created_at == moment
        assert copied.created_at.utcoffset() == timedelta(0)


MISFITS = {
    "required field absent": (without("agent_id"), "$.agent_id"),
    "required field null": ({**SESSION, "agent_id": None}, "$.agent_id"),
    "number for text": ({**SESSION, "agent_id": 5}, "$.agent_id"),
    "text for number": ({**SESSION, "turn_count": "2"}, "$.turn_count"),
    "truth value for number": ({**SESSION, "turn_count": True}, "$.turn_count"),
    "fraction for number": ({**SESSION, "turn_count": 2.5}, "$.turn_count"),
    "list for object": ({**SESSION, "state": []}, "$.state"),
    "no time": ({**SESSION, "created_at": "yesterday"}, "$.created_at"),
    "seconds for time": ({**SESSION, "created_at": 1767323045}, "$.created_at"),
    "time beyond the calendar": ({**SESSION, "created_at": "0001-01-01T00:00:00+05:00"}, "$.created_at"),
    "list": ([SESSION], "$"),
    "text": ("session", "$"),
    "null": (None, "$"),
}


@pytest.mark.parametrize(("answer", "path"), MISFITS.values(), ids=MISFITS)
def test_misfit_names_its_place(serve: Any, answer: Any, path: str) -> None:
    """A known field of the wrong type is an error with the place in the JSON, not a wrong value later on."""
    headers = {"X-Request-ID": "req_1"}

    with pytest.raises(APIResponseValidationError) as caught:
        get(serve, httpx.Response(200, content=json.dumps(answer), headers=headers))

    error = caught.value
    assert error.path == path
    assert f"does not fit its model at {path}: " in str(error)
    assert (error.status_code, error.request_id, error.body) == (200, "req_1", answer)
    assert error.headers["x-request-id"] == "req_1"


def test_misfit_inside_a_list_names_the_item(serve: Any) -> None:
    """The place has the number of the item."""
    result = {"id": "mem_1", "session_id": "sess_1", "content": "tea", "type": "fact", "score": 0.5}
    answer = httpx.Response(200, json={"query": "?", "data": [result, {**result, "score": "high"}]})

    with pytest.raises(APIResponseValidationError) as caught:
        serve(lambda request: answer).memory.search("?")

    assert caught.value.path == "$.data[1].score"


NO_JSON: Dict[str, Any] = {
    "HTML": {"html": "<html><h1>Welcome</h1>\n</html>"},
    "truncated": {
        "content": json.dumps(SESSION).encode()[:-9],
        "headers": {"content-type": "application/json"},
    },
    "empty": {},
    "204": {"status_code": 204},
    "UTF-16": {"content": json.dumps(SESSION).encode("utf-16")},
    "Latin-1": {
        "content": '{"id": "sess_1", "agent_id": "schlüssel"}'.encode("latin-1"),
        "headers": {"content-type": "application/json; charset=iso-8859-1"},
    },
    "binary": {"content": bytes(range(256))},
    "two values": {"content": b"{} {}"},
}


@pytest.mark.parametrize("answer", NO_JSON.values(), ids=NO_JSON)
def test_answer_that_is_no_json_says_what_it_is(serve: Any, answer: Dict[str, Any]) -> None:
    """A page of a gateway, half an answer, or another encoding is an error with the type and size of what came."""
    response = httpx.Response(**{"status_code": 200, **answer})

    with pytest.raises(APIResponseValidationError, match="is not the JSON that the API returns") as caught:
        get(serve, response)

    error = caught.value
    assert error.path is None
    assert f"{len(response.content)} bytes" in str(error)
    assert response.headers.get("content-type", "without a content type") in str(error)
    assert "Check base_url" in str(error)
    assert len(str(error)) < 1500


def test_page_is_not_in_the_message(serve: Any) -> None:
    """It may hold what users said; the error keeps it as its body."""
    page = "<html>\n" + "x" * 100_000

    with pytest.raises(APIResponseValidationError) as caught:
        get(serve, httpx.Response(200, html=page))

    assert "text/html; charset=utf-8, 100007 bytes" in str(caught.value)
    assert "html>" not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.body == page


def test_first_five_wrong_fields_are_named(serve: Any) -> None:
    """With the types that came and not the values, and how many more there are."""
    answer = {
        **without("agent_id"),
        "user_id": {"MARKER": 1},
        "created_at": "MARKER",
        "updated_at": ["MARKER"],
        "state": "MARKER",
        "memory_count": 2.5,
        "turn_count": "MARKER",
    }

    with pytest.raises(APIResponseValidationError) as caught:
        get(serve, httpx.Response(200, json=answer))

    message = str(caught.value)
    assert caught.value.path == "$.agent_id"
    assert "does not fit its model at $.agent_id: Field required; $." in message
    assert message.count("; $.") == 4
    assert re.search(r"\$\.created_at: Input should be a time such as [^;]*, got string;", message)
    assert re.search(r"; and \d more\.", message)
    assert "MARKER" not in "".join(traceback.format_exception(None, caught.value, caught.value.__traceback__))


@pytest.mark.parametrize("name", ["a.b", "a\nb", "", "x" * 200], ids=["dot", "new line", "empty", "long"])
def test_place_with_an_unusual_name_is_on_one_line(name: str) -> None:
    """A name that is not a plain word is quoted, and cut where it is long."""
    path = json_path(("metadata", name, 0))

    assert path == f"$.metadata[{json.dumps(name.replace('x' * 200, 'x' * 100 + '...'))}][0]"


NUMBERS = ["NaN", "Infinity", "-Infinity", "1e999"]


@pytest.mark.parametrize("number", NUMBERS)
def test_declared_number_has_to_be_finite(serve: Any, number: str) -> None:
    """NaN and the infinities are not JSON (RFC 8259): a score, for one, could not be compared."""
    memory = {"id": "mem_1", "session_id": "sess_1", "content": "tea", "type": "fact", "score": 0}
    content = json.dumps({"query": "?", "data": [memory]}).replace('"score": 0', f'"score": {number}')

    with pytest.raises(APIResponseValidationError, match=r"\$\.data\[0\]\.score: .*finite number, got number"):
        serve(lambda request: httpx.Response(200, content=content)).memory.search("?")


@pytest.mark.parametrize("number", NUMBERS)
def test_number_within_content_arrives_as_it_is(serve: Any, number: str) -> None:
    """A stored response can be read, as with json.loads."""
    content = json.dumps({**SESSION, "state": {"v": 0}}).replace('"v": 0', f'"v": {number}')

    value = get(serve, httpx.Response(200, content=content)).state["v"]

    assert repr(value) == repr(json.loads(number))


def test_last_of_equal_keys_counts(serve: Any) -> None:
    """As with json.loads."""
    content = json.dumps({**SESSION, "state": {}}).replace('"state": {}', '"state": {"a": 1, "a": 2}')

    assert get(serve, httpx.Response(200, content=content)).state == {"a": 2}


def test_lone_surrogate_is_refused(serve: Any) -> None:
    """It stands for no text and cannot be encoded; with_raw_response gives the bytes."""
    content = json.dumps({**SESSION, "state": {"a": "\ud800"}})
    client = serve(lambda request: httpx.Response(200, content=content))

    with pytest.raises(APIResponseValidationError, match=r"is not the JSON that .*line 1 column \d+"):
        client.sessions.get("sess_1")
    assert client.with_raw_response.sessions.get("sess_1").content == content.encode()


@pytest.mark.parametrize(
    ("coding", "compress"), [("gzip", gzip.compress), ("deflate", zlib.compress), ("identity", bytes)]
)
def test_compressed_answer_is_read(serve: Any, coding: str, compress: Any) -> None:
    """The codings that the SDK says it takes are undone."""
    content = compress(json.dumps(SESSION).encode())

    session = get(serve, httpx.Response(200, content=content, headers={"content-encoding": coding}))

    assert session.state == {"plan": "gold"}


class Damaged(httpx.SyncByteStream, httpx.AsyncByteStream):
    def __iter__(self) -> Any:
        yield b"this is no gzip"

    async def __aiter__(self) -> Any:
        yield b"this is no gzip"


def test_damaged_compression_is_a_lost_answer(serve: Any) -> None:
    """A body that cannot be decompressed is an incomplete response."""
    with pytest.raises(APIConnectionError, match="DecodingError"):
        serve(
            lambda request: httpx.Response(200, stream=Damaged(), headers={"content-encoding": "gzip"}), max_retries=0
        ).sessions.get("sess_1")


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308, 399])
def test_redirect_is_not_followed(serve: Any, status: int) -> None:
    """The key goes to no other address; the error names the one that was offered."""
    hosts = []

    def handle(request: httpx.Request) -> httpx.Response:
        hosts.append(request.url.host)
        return httpx.Response(status, headers={"location": "https://elsewhere.example/v1"})

    with pytest.raises(
        APIResponseValidationError, match=f"redirect, {status} to 'https://elsewhere.example/v1'"
    ) as caught:
        serve(handle).sessions.get("sess_1")

    assert hosts == ["api.statebase.org"]
    assert [attempt.status_code for attempt in caught.value.attempts] == [status]


def test_query_of_a_redirect_is_not_shown(serve: Any) -> None:
    """A service that redirects a search repeats its words in the new address."""
    location = "https://elsewhere.example/v1/memories?query=hidden"

    with pytest.raises(APIResponseValidationError, match=r"to 'https://elsewhere.example/v1/memories'") as caught:
        serve(lambda request: httpx.Response(307, headers={"location": location})).memory.search("hidden")

    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize("status", [200, 202, 204, 299])
def test_delete_returns_nothing(serve: Any, status: int) -> None:
    """A method that promises nothing returns None."""
    assert serve(lambda request: httpx.Response(status)).sessions.delete("sess_1") is None


@pytest.mark.parametrize("content", [b"<html>Please log in</html>", b'{"deleted": true}'])
def test_body_where_none_is_promised_is_an_error(serve: Any, content: bytes) -> None:
    """The page of a login portal does not pass for a delete that was carried out."""
    with pytest.raises(APIResponseValidationError, match="has a body, but the API sends none") as caught:
        serve(lambda request: httpx.Response(200, content=content)).sessions.delete("sess_1")

    assert caught.value.outcome == "unknown"


def test_list_of_items_is_a_list(serve: Any) -> None:
    """An answer that is a plain list comes as one, of models."""
    key = {
        "id": "key_1",
        "key_prefix": "sb_",
        "name": "laptop",
        "is_active": True,
        "rate_limit": 100,
        "created_at": "2026-01-02T03:04:05Z",
        "total_requests": 0,
    }

    keys = serve(lambda request: httpx.Response(200, json=[key])).dashboard.list_keys()

    assert [key.name for key in keys] == ["laptop"]
    assert isinstance(keys, list)


def test_dump_raises_no_warning(serve: Any) -> None:
    """A received model can be written as JSON again, without warnings."""
    session = get(serve, httpx.Response(200, json={**SESSION, "mood": "good"}))

    dumped = json.loads(session.model_dump_json(exclude_unset=True))

    assert dumped == {**SESSION, "mood": "good", "updated_at": "2026-01-02T03:04:05.000000Z"}
