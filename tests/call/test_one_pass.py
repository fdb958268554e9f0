"""A body is written once and read once, by pydantic-core: what that costs in Python does not grow with the body."""

from __future__ import annotations

import json
import sys
from typing import Any, Callable, Dict, List

import httpx
import pytest

_READ_OR_WRITE = {
    "validate_json",
    "validate_python",
    "from_json",
    "to_json",
    "scan_once",
    "c_scanner",
    "c_make_encoder",
}
TIMESTAMP = "2026-01-02T03:04:05.000006Z"


def calls_during(function: Callable[[], object]) -> List[str]:
    """Call a function; return the names of all functions, of Python and of C, that it calls."""
    names: List[str] = []

    def note(frame: Any, event: str, called: Any) -> None:
        if event == "call":
            names.append(frame.f_code.co_name)
        elif event == "c_call":
            names.append(f"C {called.__name__}")

    sys.setprofile(note)
    try:
        function()
    finally:
        sys.setprofile(None)
    return names


def context(turns: int) -> bytes:
    text = {"type": "text", "content": "hi"}
    turn: Dict[str, Any] = {"id": "turn_1", "created_at": TIMESTAMP, "input": text, "output": text, "mood": "good"}
    return json.dumps({"state": {}, "memories": [], "recent_turns": [turn] * turns}).encode()


@pytest.fixture
def get_context(serve: Any) -> Callable[[int], List[str]]:
    """Fetch a context of so many turns; return the calls that it took."""
    bodies: List[bytes] = []
    client = serve(lambda request: httpx.Response(200, content=bodies[-1]))

    def get(turns: int) -> List[str]:
        bodies.append(context(turns))
        return calls_during(lambda: client.state.get_context("sess_1", "parcel"))

    get(1)  # builds the models, once
    return get


def test_body_is_read_once_and_written_once(get_context: Callable[[int], List[str]]) -> None:
    """The request is written by one call, and the answer is read by one call, from bytes to models."""
    calls = get_context(3)

    assert [name for name in calls if name.partition(" ")[2] in _READ_OR_WRITE] == ["C to_json", "C validate_json"]


def test_reading_calls_no_python_for_an_item(get_context: Callable[[int], List[str]]) -> None:
    """A hundred turns take as many calls as one, but for a few of the garbage collector: no item is made by Python."""
    assert len(get_context(100)) < len(get_context(1)) + 50
