"""A turn can be given as text, mapping or model, and a tool call as its parts."""

from __future__ import annotations

import json
from typing import Any, Dict

import httpx
import pytest

from statebase import InvalidRequestError, models

TEXT_IN = {"type": "text", "content": "hi"}
TEXT_OUT = {"type": "text", "content": "hello"}


@pytest.fixture
def recorded(serve: Any, turn: Dict[str, Any]) -> Any:
    """Use a client, and return the body of what it sent."""

    def run(use: Any) -> Any:
        bodies = []

        def handle(request: httpx.Request) -> httpx.Response:
            bodies.append(json.loads(request.read()))
            return httpx.Response(201, json=turn)

        result = use(serve(handle).sessions)
        assert result.turn_number == 1
        (body,) = bodies
        return body

    return run


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("hi", TEXT_IN),
        ("", {"type": "text", "content": ""}),
        ({"type": "text", "content": "hi"}, TEXT_IN),
        ({"type": "audio", "content": "s3://a", "seconds": 3}, {"type": "audio", "content": "s3://a", "seconds": 3}),
        (models.TurnInput(type="text", content="hi"), TEXT_IN),
        (
            models.TurnInput(type="audio", content="s3://a", seconds=3),
            {"type": "audio", "content": "s3://a", "seconds": 3},
        ),
    ],
)
def test_input_in_each_form(recorded: Any, given: Any, sent: Any) -> None:
    """Text is wrapped, the other forms go as they are, with all of their keys."""
    assert recorded(lambda sessions: sessions.add_turn("sess_1", given, "hello")) == {"input": sent, "output": TEXT_OUT}


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("hello", TEXT_OUT),
        (dict(TEXT_OUT, output=[1]), dict(TEXT_OUT, output=[1])),
        (models.TurnOutput(**TEXT_OUT), TEXT_OUT),
    ],
)
def test_output_in_each_form(recorded: Any, given: Any, sent: Any) -> None:
    """The rules for the input also apply to the output."""
    assert recorded(lambda sessions: sessions.add_turn("sess_1", "hi", given)) == {"input": TEXT_IN, "output": sent}


@pytest.mark.parametrize("wrong", [5, None, ["hi"], b"hi", object()])
def test_other_forms_are_refused(respond: Any, wrong: Any) -> None:
    """The error names the side and the forms, and nothing is sent."""
    client, requests = respond()

    with pytest.raises(
        InvalidRequestError, match="input must be a string, a mapping .*, a TurnInput or a chat message, got "
    ) as caught:
        client.sessions.add_turn("sess_1", wrong, "hello")
    assert caught.value.param == "input"
    with pytest.raises(InvalidRequestError, match="output must be a string, a mapping .* or a TurnOutput, got "):
        client.sessions.add_turn("sess_1", "hi", wrong)

    assert requests == []


def test_all_arguments_of_a_turn(recorded: Any) -> None:
    """Metadata and reasoning may be positional, as in 0.4; the state around the turn is keyword-only."""
    body = recorded(
        lambda sessions: sessions.add_turn(
            "sess_1", "hi", "hello", {"channel": "web"}, "greeting", state_before={"n": 0}, state_after={"n": 1}
        )
    )

    assert body == {
        "input": TEXT_IN,
        "output": TEXT_OUT,
        "metadata": {"channel": "web"},
        "reasoning": "greeting",
        "state_before": {"n": 0},
        "state_after": {"n": 1},
    }


def test_tool_call_is_written_as_in_0_4(recorded: Any) -> None:
    """A tool call becomes a turn of the shape that code for 0.4 wrote and reads."""
    body = recorded(
        lambda sessions: sessions.add_tool_call(
            "sess_1", "track", {"parcel": "P-7"}, {"eta": "tomorrow"}, "call_1", "they asked", {"channel": "web"}
        )
    )

    assert body == {
        "input": {
            "type": "tool_call",
            "content": "Call tool track with {'parcel': 'P-7'}",
            "tool_metadata": {"name": "track", "arguments": {"parcel": "P-7"}, "id": "call_1"},
        },
        "output": {"type": "tool_response", "content": "{'eta': 'tomorrow'}", "output": {"eta": "tomorrow"}},
        "reasoning": "they asked",
        "metadata": {"channel": "web"},
    }


@pytest.mark.parametrize("output", [None, "text", 5, [1, None], {"deep": {"er": True}}])
def test_any_json_can_be_the_output_of_a_tool(recorded: Any, output: Any) -> None:
    """The output is kept as a value and as text."""
    body = recorded(lambda sessions: sessions.add_tool_call("sess_1", "track", {}, output))

    assert body["output"] == {"type": "tool_response", "content": str(output), "output": output}
    assert body["input"]["tool_metadata"] == {"name": "track", "arguments": {}, "id": None}


@pytest.mark.parametrize("arguments", ['{"parcel": "P-7"}', None, ["P-7"]], ids=["text", "null", "list"])
def test_arguments_of_a_tool_in_other_forms(recorded: Any, arguments: Any) -> None:
    """The arguments that a model wrote are kept unchanged, as in 0.4."""
    body = recorded(lambda sessions: sessions.add_tool_call("sess_1", "track", arguments, "tomorrow"))

    assert body["input"]["content"] == f"Call tool track with {arguments}"
    assert body["input"]["tool_metadata"]["arguments"] == arguments


def test_tool_call_comes_back_whole(local_client: Any) -> None:
    """A recorded tool call can be read from the turn."""
    session = local_client.sessions.create("agent")

    recorded = local_client.sessions.add_tool_call(session.id, "track", {"parcel": "P-7"}, {"eta": 1}, "call_1")
    turn = local_client.sessions.get_turn(session.id, recorded.id)

    assert turn.input.tool_metadata == {"name": "track", "arguments": {"parcel": "P-7"}, "id": "call_1"}
    assert turn.output["output"] == {"eta": 1}
    assert turn["input"]["type"] == "tool_call"


def test_parts_of_a_stored_turn_make_another(local_client: Any) -> None:
    """Part of a response can be sent again unchanged, with its extra keys."""
    session = local_client.sessions.create("agent")
    stored = local_client.sessions.add_turn(session.id, {"type": "audio", "content": "hi", "seconds": 3}, "hello")
    read = local_client.sessions.get_turn(session.id, stored.id)

    again = local_client.sessions.add_turn(session.id, read.input, read.output)

    assert again.input.model_dump() == {"type": "audio", "content": "hi", "seconds": 3}
