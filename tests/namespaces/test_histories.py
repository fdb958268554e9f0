"""The histories that agents hold become turns: nothing of a tool call is lost, and all is in order."""

from __future__ import annotations

from typing import Any, Dict, List, Optional

import pytest
from pydantic import BaseModel

from statebase._namespaces.turns import turns_of

IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
CALL = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Paris"}'}}
USER = {"role": "user", "content": "Weather?"}
ANSWER = {"role": "assistant", "content": "18 degrees."}


def said(given: str, gave: str, **more: Any) -> Dict[str, Any]:
    return {"input": {"type": "text", "content": given}, "output": {"type": "text", "content": gave}, **more}


def call(name: Optional[str], arguments: Any, identifier: Optional[str], **more: Any) -> Dict[str, Any]:
    """Return the turn of a tool call that has no result."""
    return {
        "input": {
            "type": "tool_call",
            "content": f"Call tool {name} with {arguments}",
            "tool_metadata": {"name": name, "arguments": arguments, "id": identifier},
        },
        "output": {"type": "tool_response", "content": ""},
        **more,
    }


def result(turn: Dict[str, Any], text: str, output: Any, **more: Any) -> Dict[str, Any]:
    return {**turn, "output": {"type": "tool_response", "content": text, "output": output, **more}}


WEATHER = call("weather", '{"city": "Paris"}', "call_1")
WHOLE = [said("Weather?", ""), result(WEATHER, "18C", "18C"), said("", "18 degrees.")]

HISTORIES: Dict[str, Any] = {
    "OpenAI chat": (
        [
            USER,
            {"role": "assistant", "content": None, "refusal": None, "tool_calls": [CALL]},
            {"role": "tool", "tool_call_id": "call_1", "content": "18C"},
            ANSWER,
        ],
        WHOLE,
    ),
    "tool calls without content": (
        [USER, {"role": "assistant", "tool_calls": [CALL]}],
        [said("Weather?", ""), WEATHER],
    ),
    "results in another order": (
        [
            {"role": "assistant", "tool_calls": [CALL, {**CALL, "id": "call_2"}]},
            {"role": "tool", "tool_call_id": "call_2", "content": "2"},
            {"role": "tool", "tool_call_id": "call_1", "content": [{"type": "text", "text": "1"}]},
        ],
        [
            result(WEATHER, "1", [{"type": "text", "text": "1"}]),
            result(call("weather", '{"city": "Paris"}', "call_2"), "2", "2"),
        ],
    ),
    "result without its call": (
        [{"role": "tool", "tool_call_id": "call_9", "content": "18C"}, ANSWER],
        [result(call(None, None, "call_9"), "18C", "18C"), said("", "18 degrees.")],
    ),
    "old functions": (
        [
            USER,
            {"role": "assistant", "content": None, "function_call": {"name": "weather", "arguments": "{}"}},
            {"role": "function", "name": "weather", "content": "18C"},
            ANSWER,
        ],
        [said("Weather?", ""), result(call("weather", "{}", None), "18C", "18C"), said("", "18 degrees.")],
    ),
    "custom tool": (
        [{"role": "assistant", "tool_calls": [{"id": "c", "type": "custom", "custom": {"name": "x", "input": "y"}}]}],
        [call("x", "y", "c")],
    ),
    "refusal": ([USER, {"role": "assistant", "content": None, "refusal": "No."}], [said("Weather?", "No.")]),
    "refusal as a part": (
        [USER, {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]}],
        [said("Weather?", "No.")],
    ),
    "text and image": (
        [{"role": "user", "content": [{"type": "text", "text": "what?"}, IMAGE]}, ANSWER],
        [
            {
                "input": {"type": "text", "content": "what?", "parts": [IMAGE]},
                "output": {"type": "text", "content": "18 degrees."},
            }
        ],
    ),
    "image by itself": (
        [{"role": "user", "content": IMAGE}],
        [{"input": {"type": "text", "content": "", "parts": [IMAGE]}, "output": {"type": "text", "content": ""}}],
    ),
    "audio that was answered": (
        [USER, {"role": "assistant", "content": None, "audio": {"id": "audio_1"}}],
        [
            {
                "input": {"type": "text", "content": "Weather?"},
                "output": {"type": "text", "content": "", "parts": [{"type": "audio", "audio": {"id": "audio_1"}}]},
            }
        ],
    ),
    "OpenAI Responses": (
        [
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Weather?"}]},
            {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Look it up."}]},
            {"type": "function_call", "id": "fc_1", "call_id": "c", "name": "weather", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c", "output": "18C"},
            {
                "type": "message",
                "id": "msg_1",
                "role": "assistant",
                "status": "completed",
                "content": [{"type": "output_text", "text": "18 degrees.", "annotations": []}],
            },
        ],
        [
            said("Weather?", ""),
            result(call("weather", "{}", "c", reasoning="Look it up."), "18C", "18C"),
            said("", "18 degrees."),
        ],
    ),
    "tool that OpenAI ran": (
        [USER, {"type": "web_search_call", "id": "ws_1", "status": "completed"}, ANSWER],
        [
            {
                "input": {"type": "text", "content": "Weather?"},
                "output": {
                    "type": "text",
                    "content": "18 degrees.",
                    "parts": [{"type": "web_search_call", "id": "ws_1", "status": "completed"}],
                },
            }
        ],
    ),
    "Anthropic": (
        [
            USER,
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "Paris?", "signature": "x"},
                    {"type": "text", "text": "Let me look."},
                    {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Paris"}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {
                        "type": "tool_result",
                        "tool_use_id": "toolu_1",
                        "is_error": True,
                        "content": [{"type": "text", "text": "18C"}, {"type": "image", "source": {}}],
                    },
                    {"type": "text", "text": "Go on."},
                ],
            },
            ANSWER,
        ],
        [
            said("Weather?", "Let me look.", reasoning="Paris?"),
            result(
                call("weather", {"city": "Paris"}, "toolu_1"),
                "18C",
                [{"type": "text", "text": "18C"}, {"type": "image", "source": {}}],
                is_error=True,
            ),
            said("Go on.", "18 degrees."),
        ],
    ),
    "Gemini": (
        [
            {"role": "user", "parts": [{"text": "Weather?"}]},
            {"role": "model", "parts": [{"functionCall": {"name": "weather", "args": {"city": "Paris"}}}]},
            {"role": "user", "parts": [{"functionResponse": {"name": "weather", "response": {"t": 18}}}]},
            {"role": "model", "parts": [{"text": "So.", "thought": True}, {"text": "18 degrees."}]},
        ],
        [
            said("Weather?", ""),
            result(call("weather", {"city": "Paris"}, None), "{'t': 18}", {"t": 18}),
            said("", "18 degrees.", reasoning="So."),
        ],
    ),
    "LangChain": (
        [
            {"type": "system", "content": "Be kind."},
            {"type": "human", "content": "Weather?"},
            {
                "type": "ai",
                "content": [{"type": "tool_use", "id": "c", "name": "weather", "input": {}}],
                "tool_calls": [{"type": "tool_call", "id": "c", "name": "weather", "args": {}}],
            },
            {"type": "tool", "tool_call_id": "c", "status": "success", "content": "18C"},
            {"type": "ai", "content": "18 degrees."},
        ],
        [said("Weather?", ""), result(call("weather", {}, "c"), "18C", "18C"), said("", "18 degrees.")],
    ),
    "reasoning of an open model": (
        [USER, {**ANSWER, "reasoning_content": "It is warm."}],
        [said("Weather?", "18 degrees.", reasoning="It is warm.")],
    ),
}


@pytest.mark.parametrize(("history", "turns"), HISTORIES.values(), ids=HISTORIES)
def test_history_becomes_turns(history: Any, turns: Any) -> None:
    """The shapes are those of the documentation of each service."""
    assert turns_of(history) == turns


@pytest.mark.parametrize(("history", "turns"), HISTORIES.values(), ids=HISTORIES)
def test_history_is_stored(local_client: Any, history: List[Any], turns: Any) -> None:
    """The API takes what the history becomes, and gives all of it back."""
    session = local_client.sessions.create("agent")

    recorded = local_client.sessions.ingest(session.id, history)

    assert [(turn.input.model_dump(), turn.output.model_dump(), turn.reasoning) for turn in recorded] == [
        (turn["input"], turn["output"], turn.get("reasoning")) for turn in turns
    ]


class Function(BaseModel):
    name: str = "weather"
    arguments: str = '{"city": "Paris"}'


class ToolCall(BaseModel):
    id: str = "call_1"
    type: str = "function"
    function: Function = Function()


class Message(BaseModel):
    role: str = "assistant"
    content: Optional[str] = None
    refusal: Optional[str] = None
    audio: Optional[Dict[str, Any]] = None
    function_call: Optional[Function] = None
    tool_calls: Optional[List[ToolCall]] = None


class ToolUse(BaseModel):
    type: str = "tool_use"
    id: str = "call_1"
    name: str = "weather"
    input: Dict[str, Any] = {}


def test_objects_of_an_sdk_are_taken() -> None:
    """A message, a tool call or a content block may be the object that the SDK returned."""
    turns = [said("Weather?", ""), WEATHER]

    assert turns_of([USER, Message(tool_calls=[ToolCall()])]) == turns  # type: ignore[list-item]
    assert turns_of([USER, {"role": "assistant", "tool_calls": [ToolCall()]}]) == turns
    assert turns_of([USER, {"role": "assistant", "content": [ToolUse()]}]) == [
        said("Weather?", ""),
        call("weather", {}, "call_1"),
    ]
