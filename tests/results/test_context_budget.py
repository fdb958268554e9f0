"""A context fits in a budget of tokens, and its messages are those of the SDKs of models."""

from __future__ import annotations

import json
from typing import Any, Dict, List, Optional

import pytest
from anthropic.types import MessageParam
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletionMessageParam
from pydantic import TypeAdapter

from statebase import InvalidRequestError, models


def context(state: Any, memories: List[str], turns: List[Dict[str, Any]]) -> models.ContextResponse:
    """Make a context; turns come oldest first."""
    return models.ContextResponse.model_validate(
        {
            "state": state,
            "memories": [{"content": content} for content in memories],
            "recent_turns": turns[::-1],
        }
    )


def turn(said: str, answered: str) -> Dict[str, Any]:
    return {"input": {"type": "text", "content": said}, "output": {"type": "text", "content": answered}}


def tool_call(arguments: Any, output: Any, identifier: Optional[str] = "call_1", **more: Any) -> Dict[str, Any]:
    about = {"name": "track", "arguments": arguments, "id": identifier}
    return {
        "input": {"type": "tool_call", "content": "Call tool track with ...", "tool_metadata": about},
        "output": {"type": "tool_response", "content": "...", "output": output},
        **more,
    }


FULL = context({"plan": "gold"}, ["Likes tea", "Has a dog"], [turn("hi", "hello"), turn("bye", "see you")])
STATE = '# State\n{\n  "plan": "gold"\n}'


def test_newest_turns_stay() -> None:
    """And the best memories; the state is first in the budget."""
    assert FULL.to_prompt(max_tokens=len(STATE) + 2, count=len) == STATE
    assert FULL.to_prompt(max_tokens=90, count=len) == f"{STATE}\n\n# Memories\n- Likes tea\n- Has a dog"
    assert FULL.to_prompt(max_tokens=100, count=len, sections=["state", "turns", "memories"]) == (
        f"{STATE}\n\n# Conversation so far\nUser: bye\nAssistant: see you"
    )


def test_sections_that_are_not_named_are_left_out() -> None:
    """Also without a budget; the text has the usual order."""
    assert FULL.to_prompt(sections=["memories", "state"]) == f"{STATE}\n\n# Memories\n- Likes tea\n- Has a dog"
    assert FULL.to_messages(sections=[]) == []
    assert FULL.to_messages(sections=("turns",))[0] == {"role": "user", "content": "hi"}


TEXTS = st.text(st.characters(codec="utf-8"), max_size=30)


@given(
    state=st.dictionaries(TEXTS, TEXTS, max_size=2),
    memories=st.lists(TEXTS, max_size=4),
    said=st.lists(st.tuples(TEXTS, TEXTS), max_size=5),
    budget=st.integers(1, 400),
)
def test_result_is_within_the_budget_and_nothing_is_cut(
    state: Dict[str, str], memories: List[str], said: List[Any], budget: int
) -> None:
    """Each message and memory that is there is there as a whole; those that are missing are the oldest."""
    whole = context(state, memories, [turn(*pair) for pair in said])
    try:
        messages = whole.to_messages(max_tokens=budget, count=len)
    except InvalidRequestError:
        assert len(whole.to_prompt(sections=["state"])) + 6 > budget
        return

    assert sum(len(message["content"]) + 4 for message in messages) <= budget
    expected = whole.to_messages(sections=["turns"])
    turns = [message for message in messages if message["role"] != "system"]
    assert turns == expected[len(expected) - len(turns) :]
    assert len(whole.to_prompt(max_tokens=budget, count=len)) <= budget


def test_estimate_is_cautious() -> None:
    """One token for each 3 bytes, rounded up for each part."""
    long = context({}, [], [turn("é" * 31, "ok")])

    assert long.to_messages(max_tokens=21 + 4 + 1 + 4) == long.to_messages()
    assert long.to_messages(max_tokens=21 + 4 + 1 + 3) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"max_tokens": 0}, "max_tokens must be an integer of at least 1, got 0"),
        ({"max_tokens": 1.5}, "max_tokens must be an integer of at least 1, got float"),
        ({"max_tokens": True}, "max_tokens must be an integer of at least 1, got bool"),
        ({"count": 5}, "count must be callable, got int"),
        ({"sections": "state"}, "sections must be a sequence of 'state', 'memories' and 'turns', got str"),
        ({"sections": 5}, "sections must be a sequence of 'state', 'memories' and 'turns', got int"),
        ({"sections": ["state", "all"]}, "sections[1] must be 'state', 'memories' or 'turns', got 'all'"),
        ({"sections": [None]}, "sections[0] must be 'state', 'memories' or 'turns', got NoneType"),
        ({"format": "gemini"}, "format must be 'openai', 'anthropic' or None, got 'gemini'"),
        ({"format": 5}, "format must be 'openai', 'anthropic' or None, got int"),
        (
            {"max_tokens": 5, "count": len},
            "max_tokens=5 is too small for the state, which takes 34: pass a larger number, or sections without 'state'",
        ),
    ],
)
def test_wrong_argument_is_named(arguments: Dict[str, Any], message: str) -> None:
    """With what to pass instead."""
    call: Any = FULL.to_messages

    with pytest.raises(InvalidRequestError) as caught:
        call(**arguments)

    assert str(caught.value) == message


TOOLS = context(
    {},
    [],
    [
        turn("Where is P-7?", "I look."),
        tool_call({"parcel": "P-7"}, {"eta": "tomorrow"}),
        tool_call('{"parcel": "P-8"}', "lost", "call 2/x", turn_number=3),
        tool_call(["P-9"], None, None, turn_number=4),
        turn("Thanks", "Welcome"),
    ],
)


def test_tool_calls_are_json_in_text() -> None:
    """Not the text of Python's objects."""
    assert [message["content"] for message in TOOLS.to_messages()[2:5]] == [
        'Call tool track with {"parcel":"P-7"}\nResult: {"eta":"tomorrow"}',
        'Call tool track with {"parcel": "P-8"}\nResult: lost',
        'Call tool track with ["P-9"]\nResult: null',
    ]


def test_messages_for_openai() -> None:
    """Its own types accept them; a tool message answers each call."""
    messages = TOOLS.to_messages(format="openai")

    TypeAdapter(List[ChatCompletionMessageParam]).validate_python(messages, strict=True)
    assert json.loads(json.dumps(messages[2:4])) == [
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {"id": "call_1", "type": "function", "function": {"name": "track", "arguments": '{"parcel":"P-7"}'}}
            ],
        },
        {"role": "tool", "tool_call_id": "call_1", "content": '{"eta":"tomorrow"}'},
    ]
    assert [message.get("tool_call_id") for message in messages if message["role"] == "tool"] == [
        *("call_1", "call 2/x", "call_4")
    ]
    assert FULL.to_messages(format="openai") == FULL.to_messages()


def test_messages_for_anthropic() -> None:
    """Its own types accept them; the system prompt is a parameter there."""
    messages = TOOLS.to_messages(format="anthropic")

    TypeAdapter(List[MessageParam]).validate_python(messages, strict=True)
    assert [message["role"] for message in messages] == ["user", "assistant"] + ["assistant", "user"] * 3 + [
        *("user", "assistant")
    ]
    assert messages[4:6] == [
        {
            "role": "assistant",
            "content": [{"type": "tool_use", "id": "call_2_x", "name": "track", "input": {"parcel": "P-8"}}],
        },
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "call_2_x", "content": "lost"}]},
    ]
    uses: Any = messages[6]["content"]
    assert uses[0]["input"] == {"arguments": ["P-9"]}
    assert all(message["role"] != "system" for message in FULL.to_messages(format="anthropic"))


def test_anthropic_conversation_begins_with_a_user() -> None:
    """Also where a budget has left out what the user said."""
    calls = context({}, [], [turn("Where is P-7?", "I look."), tool_call({"parcel": "P-7"}, "lost")])

    messages = calls.to_messages(format="anthropic", max_tokens=60, count=len, sections=["turns"])

    assert messages[0] == {"role": "user", "content": "(The conversation began earlier.)"}
    assert len(messages) == 3


@pytest.mark.parametrize("about", [None, 5, [], {}, {"name": ""}, {"name": 5}])
def test_tool_call_of_another_form_is_text(about: Any) -> None:
    """In every format."""
    other = {
        "input": {"type": "tool_call", "content": "Call", "tool_metadata": about},
        "output": {"type": "tool_response", "content": "Done"},
    }
    expected = [{"role": "assistant", "content": "Call\nResult: Done"}]

    assert context({}, [], [other]).to_messages(format="openai") == expected
    assert context({}, [], [other]).to_messages() == expected


def test_texts_of_the_sections() -> None:
    """As attributes, without headings."""
    assert FULL.state_str == '{\n  "plan": "gold"\n}'
    assert FULL.memories_str == "- Likes tea\n- Has a dog"
    assert FULL.recent_history_str == "User: hi\nAssistant: hello\nUser: bye\nAssistant: see you"
    empty = context({}, [" "], [])
    assert (empty.state_str, empty.memories_str, empty.recent_history_str) == ("", "", "")
