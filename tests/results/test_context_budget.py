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
        ({"max_tokens": 5, "count": lambda text: 0.5}, "count must return an integer of at least 0, got float"),
        ({"max_tokens": 5, "count": lambda text: None}, "count must return an integer of at least 0, got NoneType"),
        ({"max_tokens": 5, "count": lambda text: -1}, "count must return an integer of at least 0, got -1"),
        ({"format": "gemini"}, "format must be 'openai', 'anthropic', 'responses' or None, got 'gemini'"),
        ({"format": 5}, "format must be 'openai', 'anthropic', 'responses' or None, got int"),
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

    messages = calls.to_messages(format="anthropic", max_tokens=100, count=len, sections=["turns"])

    assert messages[0] == {"role": "user", "content": "(The conversation began earlier.)"}
    assert len(messages) == 3


def test_calls_that_an_api_refuses_are_adapted() -> None:
    """Ids that occur twice or are too long, names with other characters, calls without arguments, blank results."""
    calls = [tool_call({}, "a"), tool_call(None, "b"), tool_call("", " ", "a b"), tool_call("{}", "", "a_b")]
    calls += [tool_call({}, "c", "x" * 50), tool_call({}, "d", "x" * 60), tool_call('{"a":NaN}', "e", "call_1_2")]
    for call in calls:
        call["input"]["tool_metadata"]["name"] = "files.read all" + "!" * 60
    asked = context({}, [], [turn("Go", "Yes"), *calls, turn("Thanks", "Welcome \n")])

    openai: Any = asked.to_messages(format="openai")
    anthropic: Any = asked.to_messages(format="anthropic")

    TypeAdapter(List[MessageParam]).validate_python(anthropic, strict=True)
    made = [call for message in openai for call in message.get("tool_calls", ())]
    uses = [
        message["content"][0]
        for message in anthropic
        if isinstance(message["content"], list) and message["content"][0]["type"] == "tool_use"
    ]
    long = ["x" * 40, "x" * 38 + "_2", "call_1_2_2"]
    assert [call["id"] for call in made] == ["call_1", "call_1_2", "a b", "a_b", *long]
    assert [use["id"] for use in uses] == ["call_1", "call_1_2", "a_b", "a_b_2", *long]
    assert {use["name"] for use in uses} == {call["function"]["name"] for call in made} == {"files_read_all" + "_" * 50}
    assert [call["function"]["arguments"] for call in made] == ["{}"] * 6 + ['{"a":NaN}']
    assert [use["input"] for use in uses] == [{}] * 6 + [{"arguments": '{"a":NaN}'}]
    results = [
        message["content"][0]
        for message in anthropic
        if isinstance(message["content"], list) and message["content"][0]["type"] == "tool_result"
    ]
    assert [result.get("content") for result in results] == ["a", "b", None, None, "c", "d", "e"]
    assert [result["tool_use_id"] for result in results] == [use["id"] for use in uses]
    assert anthropic[-1] == {"role": "assistant", "content": "Welcome"}


@given(
    turns=st.lists(
        st.one_of(st.builds(turn, TEXTS, TEXTS), st.builds(tool_call, st.none() | TEXTS, st.none() | TEXTS, st.none())),
        max_size=6,
    ),
    budget=st.integers(1, 200),
)
def test_messages_of_an_api_are_within_the_budget(turns: List[Any], budget: int) -> None:
    """With the ids of tool calls, and with the message that comes first for Anthropic."""
    whole = context({}, [], turns)
    for messages in (
        whole.to_messages(format="openai", max_tokens=budget, count=len),
        whole.to_messages(format="anthropic", max_tokens=budget, count=len),
    ):
        assert sum(_texts(message) + 4 for message in messages) <= budget


def _texts(value: Any) -> int:
    """Count the characters of texts, without the keys and the kinds that an API gives them."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, list):
        return sum(map(_texts, value))
    if not isinstance(value, dict):
        return 0
    texts = {
        key: json.dumps(item, separators=(",", ":"), ensure_ascii=False) if key == "input" else item
        for key, item in value.items()
    }
    return sum(_texts(item) for key, item in texts.items() if key not in ("role", "type"))


def test_budget_of_messages_is_not_spent_on_what_they_do_not_have() -> None:
    """The state and the memories are in Anthropic's system prompt, which has a budget of its own."""
    assert FULL.to_messages(format="anthropic", max_tokens=90, count=len) == FULL.to_messages(sections=["turns"])


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
