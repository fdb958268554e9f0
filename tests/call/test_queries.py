"""Arguments go into the query as the service reads them."""

from __future__ import annotations

import enum
import json
from collections import OrderedDict
from datetime import datetime, timedelta, timezone
from typing import Any, Dict, List
from urllib.parse import parse_qsl

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from statebase import NOT_GIVEN, InvalidRequestError
from statebase._call.request import build_query


class Kind(str, enum.Enum):
    FACT = "fact"


class Number(enum.IntEnum):
    ONE = 1


class Similarity(float):
    """A number like those of numpy: a float with its own repr."""

    def __repr__(self) -> str:
        return "Similarity(0.5)"


IN_PARIS = timezone(timedelta(hours=2))


@pytest.mark.parametrize(
    ("value", "texts"),
    [
        ("text", ["text"]),
        ("a&b=c d+e", ["a&b=c d+e"]),
        ("日本", ["日本"]),
        ("", [""]),
        (5, ["5"]),
        (0, ["0"]),
        (0.25, ["0.25"]),
        (1e-07, ["1e-07"]),
        (True, ["true"]),
        (False, ["false"]),
        (Kind.FACT, ["fact"]),
        (Number.ONE, ["1"]),
        (Similarity(0.5), ["0.5"]),
        (datetime(2026, 1, 2, 3, 4, 5, 6, IN_PARIS), ["2026-01-02T01:04:05.000006Z"]),
        (["a", "b"], ["a", "b"]),
        (("a", 1), ["a", "1"]),
        ({"b", "a"}, ["a", "b"]),
        ([], []),
        ({"plan": "gold", "n": [1, None]}, ['{"plan":"gold","n":[1,null]}']),
        (OrderedDict(when=datetime(2026, 1, 2)), ['{"when":"2026-01-02T00:00:00"}']),
        ({}, ["{}"]),
        (None, []),
        (NOT_GIVEN, []),
    ],
)
def test_value_is_written_for_the_service(value: Any, texts: List[str]) -> None:
    """Truth values, times, lists and mappings have their form; None and what was not given are left out."""
    query = build_query({"name": value})

    assert parse_qsl(query, keep_blank_values=True) == [("name", text) for text in texts]


@pytest.mark.parametrize(
    "value",
    [..., b"bytes", float("nan"), float("inf"), [["nested"]], "\ud800", {"a": float("nan")}, {"a": ...}],
    ids=str,
)
def test_value_that_cannot_be_written_is_refused(value: Any) -> None:
    """The error names the argument."""
    with pytest.raises(InvalidRequestError, match=r"^name[ \[]") as caught:
        build_query({"name": value})

    assert caught.value.param == "name"


@given(st.dictionaries(st.text(min_size=1), st.text(st.characters())))
def test_texts_come_back(values: Dict[str, str]) -> None:
    """Whatever text is put into a query is what the service takes out of it."""
    try:
        query = build_query(values)
    except InvalidRequestError:
        assert any("\ud800" <= character <= "\udfff" for text in values.values() for character in text)
        return

    assert dict(parse_qsl(query, keep_blank_values=True, errors="strict")) == values
    assert query.isascii()


EMPTY = {"data": [], "has_more": False}


def query_of(serve: Any, method: str, **arguments: Any) -> Dict[str, str]:
    seen = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(dict(request.url.params))
        return httpx.Response(200, json=EMPTY if method == "list" else {"data": [], "query": ""})

    client = serve(handle)
    client.sessions.list(**arguments) if method == "list" else client.memory.search(**arguments)
    return seen[0]


def test_metadata_filter_is_sent_as_json(serve: Any) -> None:
    """sessions.list(metadata={...}) sends the JSON that the service compares with; text goes as it is."""
    as_mapping = query_of(serve, "list", metadata={"plan": "gold", "seats": 3})
    as_text = query_of(serve, "list", metadata='{"plan": "gold"}')

    assert json.loads(as_mapping["metadata"]) == {"plan": "gold", "seats": 3}
    assert as_text == {"metadata": '{"plan": "gold"}'}


def test_times_are_sent_in_utc(serve: Any) -> None:
    """A filter by time takes a datetime or its text."""
    query = query_of(
        serve, "list", created_after=datetime(2026, 1, 2, 3, tzinfo=IN_PARIS), created_before="2026-01-03T00:00:00Z"
    )

    assert query == {"created_after": "2026-01-02T01:00:00Z", "created_before": "2026-01-03T00:00:00Z"}


def test_extra_query_is_added(serve: Any) -> None:
    """extra_query adds parameters, and one of the method's own name takes its place."""
    query = query_of(serve, "list", agent_id="agent", limit=5, extra_query={"limit": 7, "beta": True, "none": None})

    assert query == {"agent_id": "agent", "limit": "7", "beta": "true"}


def test_endless_query_is_refused(respond: Any) -> None:
    """A query too long for any address is refused as an argument, not with an error of httpx."""
    client, requests = respond()

    with pytest.raises(InvalidRequestError, match="make a URL of 1000"):
        client.memory.search("a" * 100_000)

    assert requests == []


@pytest.mark.parametrize("time", [datetime.min.replace(tzinfo=IN_PARIS), datetime.max.replace(tzinfo=timezone.min)])
def test_time_beyond_the_calendar_is_refused(time: datetime) -> None:
    """A time that does not exist in UTC is refused by the name of its argument."""
    with pytest.raises(
        InvalidRequestError, match=r"^created_after is \S+, beyond the years 1 to 9999 in UTC"
    ) as caught:
        build_query({"created_after": time})

    assert caught.value.param == "created_after"


def test_set_of_different_kinds_is_sent() -> None:
    """A set has an order of its own in each process; what is sent has one for all, whatever is in it."""
    assert build_query({"tag": {"b", 1, "a"}}) == "tag=1&tag=a&tag=b"


def test_time_without_a_zone_is_refused() -> None:
    """It would silently count as UTC; the message says what to pass."""
    with pytest.raises(
        InvalidRequestError, match=r"created_after must have a time zone.*datetime\.now\(timezone\.utc\)"
    ):
        build_query({"created_after": datetime(2026, 1, 2)})
