"""Arguments go into the JSON body as they are; what JSON cannot hold is refused by its name, before anything is sent."""

from __future__ import annotations

import json
import re
import traceback
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from types import MappingProxyType
from typing import Any, Dict, List
from uuid import UUID

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, field_serializer

from statebase import NOT_GIVEN, InvalidRequestError, models
from statebase._call.request import build_body


def body_of(request: httpx.Request) -> Any:
    return json.loads(request.read())


def test_what_was_not_given_is_left_out_and_none_is_null(serve: Any) -> None:
    """NOT_GIVEN and absence are the same; None is sent, for the service tells it apart."""
    bodies = []

    def handle(request: httpx.Request) -> httpx.Response:
        bodies.append(body_of(request))
        return httpx.Response(404)

    client = serve(handle)
    for arguments in ({}, {"metadata": NOT_GIVEN}, {"metadata": None}, {"metadata": {}}):
        with pytest.raises(Exception, match="404"):
            client.sessions.update("sess_1", ttl_seconds=60, **arguments)

    assert bodies == [
        {"ttl_seconds": 60},
        {"ttl_seconds": 60},
        {"ttl_seconds": 60, "metadata": None},
        {"ttl_seconds": 60, "metadata": {}},
    ]


def test_length_and_type_of_the_body_are_declared(respond: Any) -> None:
    """A body comes with its length in bytes, not in characters, and as JSON."""
    client, requests = respond(httpx.Response(404))

    with pytest.raises(Exception, match="404"):
        client.sessions.update("sess_1", metadata={"name": "Zoë"})

    content = requests[0].read()
    assert requests[0].headers["content-length"] == str(len(content))
    assert requests[0].headers["content-type"] == "application/json"
    assert "transfer-encoding" not in requests[0].headers


@dataclass
class Point:
    x: int


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        ({"nested": [1, 2.5, True, None, {"a": []}]}, {"nested": [1, 2.5, True, None, {"a": []}]}),
        (models.TurnInput(type="text", content="hi"), {"type": "text", "content": "hi"}),
        (
            [models.TurnInput(type="text", content="hi", mood="good")],
            [{"type": "text", "content": "hi", "mood": "good"}],
        ),
        ({"at": datetime(2026, 1, 2, 3, tzinfo=timezone.utc)}, {"at": "2026-01-02T03:00:00Z"}),
        ({"on": date(2026, 1, 2)}, {"on": "2026-01-02"}),
        ({"id": UUID(int=1)}, {"id": "00000000-0000-0000-0000-000000000001"}),
        ((1, 2), [1, 2]),
        (Point(1), {"x": 1}),
        ("NaN and Infinity are words", "NaN and Infinity are words"),
        (10**30, 10**30),
        ("Zoë \u0000 \U0001f600", "Zoë \u0000 \U0001f600"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_value_may_be_anything_that_has_a_json_form(value: Any, sent: Any) -> None:
    """Models, times and other values may stand anywhere."""
    assert json.loads(build_body({"metadata": value})) == {"metadata": sent}


def test_model_that_was_received_can_be_sent_back(respond: Any) -> None:
    """The result of one method can be passed to another: unknown fields are kept, times have their offset."""
    client, requests = respond(200, httpx.Response(404))
    session = client.sessions.get("sess_1")

    with pytest.raises(Exception, match="404"):
        client.state.update_state("sess_1", {"session": session})

    assert body_of(requests[1])["state"]["session"]["created_at"] == "2026-01-02T03:04:05.000006Z"


def recursive() -> List[Any]:
    value: List[Any] = []
    value.append(value)
    return value


def recursive_dict() -> Dict[str, Any]:
    value: Dict[str, Any] = {}
    value["a"] = {"b": 1, "a": value}
    return value


class Broken(BaseModel):
    value: str = "MARKER"

    @field_serializer("value")
    def fail(self, value: str) -> str:
        raise ValueError(value)


def deep() -> List[Any]:
    value: List[Any] = []
    for _ in range(5000):
        value = [value]
    return value


REFUSED: Dict[str, Any] = {
    "NaN": (float("nan"), r" is NaN, which JSON cannot represent: use None or a string"),
    "NaN in rows": ({"rows": [{"v": 1}, {"v": float("nan")}]}, r"['rows'][1]['v'] is NaN, which JSON cannot represent"),
    "infinity": ({"a": [float("-inf")]}, r"['a'][0] is -Infinity, which JSON cannot represent"),
    "NaN next to the word": (["NaN", float("nan")], "[1] is NaN, which JSON cannot represent"),
    "surrogate": ("\ud800", " contains a lone surrogate, which cannot be encoded as UTF-8"),
    "surrogate in a key": ({"a": {"\ud800": 1}}, "['a'] has a key that contains a lone surrogate"),
    "key of no text": ({"a": {(1, object()): 1}}, "['a'] has a key that is of type tuple: use strings"),
    "object": (object(), " is of type object, which JSON cannot represent"),
    "function": ([print], "[0] is of type builtin_function_or_method"),
    "mapping": ({"a": MappingProxyType({})}, "['a'] is of type mappingproxy"),
    "recursive": ([recursive()], "[0][0] contains itself"),
    "recursive dict": (recursive_dict(), "['a']['a'] contains itself"),
    "endless depth": (deep(), " is nested too deeply for JSON"),
    "bytes that are no text": ([b"\xff"], "[0] is bytes that cannot be decoded as UTF-8"),
    "NOT_GIVEN inside": ({"a": NOT_GIVEN}, "['a'] is NOT_GIVEN: leave it out"),
    "long key": ({"k" * 500: object()}, f"['{'k' * 79}...] is of type object"),
    "model that cannot be written": ({"a": Broken()}, "['a'] is of type Broken"),
}


@pytest.mark.parametrize(("value", "reason"), REFUSED.values(), ids=REFUSED)
def test_value_without_a_json_form_is_refused(respond: Any, value: Any, reason: str) -> None:
    """The error says which argument and why, nothing is sent, and the other arguments are not blamed."""
    client, requests = respond()

    with pytest.raises(InvalidRequestError, match=re.escape(f"initial_state{reason}")) as caught:
        client.sessions.create("agent", metadata={"fine": 1}, initial_state=value)

    assert str(caught.value).startswith("initial_state")
    assert caught.value.param == "initial_state"
    assert caught.value.outcome == "not_sent"
    assert "MARKER" not in "".join(traceback.format_exception(None, caught.value, caught.value.__traceback__))
    assert requests == []


def test_extra_body_is_added(respond: Any) -> None:
    """extra_body adds keys at the top, and one of the method's own name takes its place."""
    client, requests = respond(httpx.Response(404), httpx.Response(404))

    for extra in ({"beta": {"on": True}, "ttl_seconds": 5}, None):
        with pytest.raises(Exception, match="404"):
            client.sessions.update("sess_1", ttl_seconds=60, extra_body=extra)

    assert body_of(requests[0]) == {"ttl_seconds": 5, "beta": {"on": True}}
    assert body_of(requests[1]) == {"ttl_seconds": 60}


def test_name_in_extra_body_without_a_json_form_is_refused(respond: Any) -> None:
    """If no single value is wrong, the error names the body, and nothing is sent."""
    client, requests = respond()

    with pytest.raises(InvalidRequestError, match="^extra_body has a key that contains a lone surrogate"):
        client.sessions.create("agent", extra_body={"\ud800": 1})

    assert requests == []


def test_extra_body_without_a_body_is_refused(respond: Any) -> None:
    """A method that sends no body does not silently drop what should be in it."""
    client, requests = respond()

    with pytest.raises(InvalidRequestError, match=r"sessions\.get\(\) sends no body: leave extra_body out"):
        client.sessions.get("sess_1", extra_body={"a": 1})

    assert requests == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), JSON))
def test_json_comes_through_unchanged(value: Dict[str, Any]) -> None:
    """Whatever is JSON already arrives as it was."""
    assert json.loads(build_body({"metadata": value})) == {"metadata": value}


ANYTHING = st.recursive(
    st.none() | st.floats() | st.text(st.characters()) | st.binary() | st.datetimes() | st.just(object()),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters()), inner) | st.sets(st.integers()),
    max_leaves=10,
)


@given(ANYTHING)
def test_body_is_strict_json_or_refused(value: Any) -> None:
    """Nothing gets out that a strict reader would not take."""

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    try:
        content = build_body({"metadata": value})
    except InvalidRequestError as error:
        assert error.param == "metadata"
    else:
        json.loads(content.decode("utf-8", "strict"), parse_constant=refuse)


def test_offset_of_a_time_is_kept() -> None:
    """A time in a body names the same moment that was given."""
    moment = datetime(2026, 1, 2, 3, tzinfo=timezone(timedelta(hours=2)))

    sent = json.loads(build_body({"at": moment}))["at"]

    assert datetime.fromisoformat(sent.replace("Z", "+00:00")) == moment


def test_keys_that_are_not_strings_are_sent_as_their_text() -> None:
    """As JSON has no others, at every level."""
    assert json.loads(build_body({"state": {1: {True: "a", None: 2}}})) == {"state": {"1": {"true": "a", "None": 2}}}
