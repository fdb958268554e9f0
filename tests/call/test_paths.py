"""Ids are escaped into the path, and what could lead to another route is refused before anything is sent."""

from __future__ import annotations

import re
from typing import Any, Dict, List, Tuple
from urllib.parse import unquote

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from statebase import AsyncStateBase, InvalidRequestError, StateBase
from statebase._call.request import build_path
from statebase._generated.operations import GET_SESSION, OPERATIONS

HOSTILE = [
    "",
    " ",
    "\t",
    ".",
    "..",
    "../../dashboard/keys",
    "a/b",
    "/",
    "a\\b",
    "%2e%2e",
    "a%2fb",
    "%",
    "a?limit=1",
    "a#fragment",
    "a\nb",
    "a\r\nX-Evil: 1",
    "a\x00b",
    "\x7f",
    "\ud800",
    "\u2028",
]


def methods_with_ids() -> List[Tuple[str, List[str]]]:
    """List each method that takes ids, with the names of the ids."""
    return [
        (dotted, re.findall(r"{(\w+)}", operation.path))
        for operation in OPERATIONS.values()
        if "{" in operation.path
        for dotted in operation.methods
    ]


REQUIRED: Dict[str, Any] = {
    "input": "hi",
    "output": "hello",
    "state": {},
    "version": 1,
    "attributes": {},
    "writes": [],
}


def call(client: Any, dotted: str, ids: Dict[str, Any]) -> Any:
    """Call a method with the ids given and a value for what else it requires."""
    import inspect

    namespace, name = dotted.split(".")
    method = getattr(getattr(client, namespace), name)
    target = getattr(StateBase("sb_test"), namespace)
    needed = [
        parameter.name
        for parameter in inspect.signature(getattr(target, name)).parameters.values()
        if (parameter.default is parameter.empty or parameter.name == "state")
        and parameter.kind is not parameter.VAR_KEYWORD
    ]
    return method(**{name: ids[name] if name in ids else REQUIRED[name] for name in needed})


@pytest.mark.parametrize(("dotted", "names"), methods_with_ids(), ids=[name for name, _ in methods_with_ids()])
def test_hostile_id_is_refused_by_every_method(respond: Any, dotted: str, names: List[str]) -> None:
    """Whatever the method and whichever of its ids: nothing is sent, and the error names the argument."""
    client, requests = respond()

    for hostile in [*HOSTILE, None, 5, b"sess_1"]:
        for name in names:
            ids = {**dict.fromkeys(names, "id_1"), name: hostile}
            with pytest.raises(InvalidRequestError, match=f"^{name} ") as caught:
                call(client, dotted, ids)
            assert caught.value.param == name
            assert caught.value.outcome == "not_sent"

    assert requests == []


def test_text_in_place_of_an_id_is_not_shown(respond: Any) -> None:
    """A message shows the short id that was passed; what is too long for one may be what a user said."""
    client, _ = respond()
    text = "What does the patient take? " * 4

    with pytest.raises(InvalidRequestError, match="got 'a/b'"):
        client.sessions.get("a/b")
    with pytest.raises(InvalidRequestError, match=f"got {len(text)} characters") as caught:
        client.sessions.get(text)

    assert "patient" not in str(caught.value)


@pytest.mark.parametrize(
    ("given_id", "sent"),
    [
        ("sess_abc123", "sess_abc123"),
        ("a b", "a%20b"),
        ("ä", "%C3%A4"),
        ("a;b", "a%3Bb"),
        ("a:b@c", "a%3Ab%40c"),
        ("{session_id}", "%7Bsession_id%7D"),
        ("...", "..."),
        ("a.b", "a.b"),
        ("私", "%E7%A7%81"),
    ],
)
def test_unusual_id_is_escaped(serve: Any, given_id: str, sent: str) -> None:
    """An id of other characters stays one segment of the path, and the service gets it back as it was."""
    paths = []

    def handle(request: httpx.Request) -> httpx.Response:
        paths.append(request.url.raw_path)
        return httpx.Response(404)

    with pytest.raises(Exception, match="404"):
        serve(handle).sessions.get(given_id)

    assert paths == [f"/v1/sessions/{sent}".encode()]
    assert unquote(sent) == given_id


@given(st.text(st.characters()))
def test_path_never_leaves_its_route(session_id: str) -> None:
    """Any text is either refused, or one segment from which the service reads the same text."""
    try:
        path = build_path(GET_SESSION, {"session_id": session_id})
    except InvalidRequestError:
        return

    url = httpx.URL("https://example.com" + path)
    assert url.raw_path == path.encode()
    assert path.count("/") == 3
    assert unquote(path.rpartition("/")[2]) == session_id


def test_member_of_an_enum_is_its_text() -> None:
    """An id that is a member of a text enum is sent as its value, on every Python."""
    import enum

    class Known(str, enum.Enum):
        SESSION = "sess_1"

    assert build_path(GET_SESSION, {"session_id": Known.SESSION}) == "/v1/sessions/sess_1"


def test_endless_id_is_refused(respond: Any) -> None:
    """An id too long for any address is refused as an argument, not with an error of httpx."""
    client, requests = respond()

    with pytest.raises(InvalidRequestError, match="make a URL of 1000"):
        client.sessions.get("a" * 100_000)

    assert requests == []


def test_async_client_has_the_same_methods() -> None:
    """The list of methods that the test above goes through is that of both clients."""
    for dotted, _ in methods_with_ids():
        namespace, name = dotted.split(".")

        assert callable(getattr(getattr(AsyncStateBase("sb_test"), namespace), name))
