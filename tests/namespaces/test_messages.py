"""Chat messages are given back equal in their own format, and converted sensibly to the others."""

from __future__ import annotations

import json
from typing import Any, Callable, Dict, List

import httpx
import pytest
from anthropic.types import Message, MessageParam
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion, ChatCompletionMessageParam
from pydantic import TypeAdapter

from statebase import InvalidRequestError, StateBase, StateBaseError
from statebase._namespaces.kept_messages import turns_of_messages
from statebase._results.chat_messages import KEY

IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
PNG = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}


def call(identifier: str) -> Dict[str, Any]:
    return {"id": identifier, "type": "function", "function": {"name": "weather", "arguments": '{"city": "Paris"}'}}


def use(identifier: str) -> Dict[str, Any]:
    return {"type": "tool_use", "id": identifier, "name": "weather", "input": {"city": "Paris"}}


def found(identifier: str, **more: Any) -> Dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": identifier, "content": "18C", **more}


def item(identifier: str) -> Dict[str, Any]:
    return {"type": "function_call", "call_id": identifier, "name": "weather", "arguments": '{"city": "Paris"}'}


OPENAI: List[Any] = [
    {"role": "system", "content": "You know the weather."},
    {"role": "user", "content": "Weather?", "name": "ada"},
    {"role": "assistant", "content": None, "tool_calls": [call("c1"), call("c2")], "refusal": None},
    {"role": "tool", "tool_call_id": "c2", "content": [{"type": "text", "text": "2"}]},
    {"role": "tool", "tool_call_id": "c1", "content": "1"},
    {"role": "developer", "content": [{"type": "text", "text": "Be brief."}]},
    {"role": "assistant", "content": "18 degrees. \n"},
    {"role": "user", "content": [{"type": "text", "text": "And here?"}, IMAGE]},
    {"role": "assistant", "content": "", "tool_calls": [call("c1")]},
    {"role": "tool", "tool_call_id": "c1", "content": ""},
    {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]},
    {"role": "user", "content": ""},
    {"role": "user", "content": "Thanks"},
    {"role": "assistant", "content": None, "tool_calls": [call("c9")]},
    {"role": "user", "content": "Stop"},
    {"role": "system", "content": "The user has left."},
]
ANTHROPIC: List[Any] = [
    {"role": "user", "content": [{"type": "text", "text": "Weather?", "cache_control": {"type": "ephemeral"}}, PNG]},
    {
        "role": "assistant",
        "content": [
            {"type": "thinking", "thinking": "A city.", "signature": "s=="},
            {"type": "redacted_thinking", "data": "x"},
            {"type": "text", "text": "I look."},
            use("t1"),
            use("t2"),
        ],
    },
    {"role": "user", "content": [found("t1"), found("t2", is_error=True), {"type": "text", "text": "Quick!"}]},
    {"role": "assistant", "content": "18 degrees."},
    {"role": "user", "content": "Thanks"},
    {"role": "assistant", "content": [use("t1")]},
    {"role": "user", "content": [found("t1", content=[{"type": "text", "text": "ok"}, PNG])]},
    {"role": "assistant", "content": [{"type": "text", "text": "Bye"}]},
]
RESPONSES: List[Any] = [
    {"role": "developer", "content": "Be kind."},
    {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Weather?"}]},
    {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "x"},
    item("c1"),
    item("c2"),
    {"type": "function_call_output", "call_id": "c1", "output": "18C"},
    {"type": "function_call_output", "call_id": "c2", "output": [{"type": "input_text", "text": "19C"}]},
    {"type": "reasoning", "id": "rs_2", "summary": [{"type": "summary_text", "text": "Two."}]},
    {
        "type": "message",
        "id": "msg_1",
        "status": "completed",
        "role": "assistant",
        "content": [{"type": "output_text", "text": "18 to 19.", "annotations": []}],
    },
    {"type": "web_search_call", "id": "ws_1", "status": "completed"},
    {"role": "user", "content": "Thanks"},
]
HISTORIES: Dict[str, List[Any]] = {"openai": OPENAI, "anthropic": ANTHROPIC, "responses": RESPONSES}


def messages_of(client: Any, session_id: str, format: str) -> Any:
    context = client.sessions.get_context(session_id, turn_limit=50, memory_limit=0)
    return context.to_messages(format=format, sections=["turns"])


@pytest.fixture
def session_id(local_client: Any) -> str:
    return str(local_client.sessions.create("agent").id)


@pytest.mark.parametrize("format", HISTORIES)
def test_messages_are_given_back_equal(local_client: Any, session_id: str, format: str) -> None:
    """With system messages, ids that occur twice, parts, blank texts, and calls that got no result."""
    local_client.sessions.add_messages(session_id, HISTORIES[format])

    assert messages_of(local_client, session_id, format) == HISTORIES[format]


@pytest.mark.parametrize("format", HISTORIES)
def test_messages_added_one_by_one_are_given_back_equal(local_client: Any, session_id: str, format: str) -> None:
    """As an agent adds them while it works: each result in a call of its own."""
    for message in HISTORIES[format]:
        local_client.sessions.add_messages(session_id, (message,))

    assert messages_of(local_client, session_id, format) == HISTORIES[format]


@pytest.mark.parametrize("format", HISTORIES)
@pytest.mark.parametrize("other", ["openai", "anthropic", "responses", None])
@pytest.mark.parametrize("one_by_one", [False, True])
def test_messages_in_other_formats(
    local_client: Any, session_id: str, format: str, other: Any, one_by_one: bool
) -> None:
    """Every text, call and result of the user and the assistant is there, each result with its call."""
    batches = [[message] for message in HISTORIES[format]] if one_by_one else [HISTORIES[format]]
    for batch in batches:
        local_client.sessions.add_messages(session_id, batch)

    messages = messages_of(local_client, session_id, other)

    types: Any = {"openai": List[ChatCompletionMessageParam], "anthropic": List[MessageParam]}
    if other in types:
        TypeAdapter(types[other]).validate_python(json.loads(json.dumps(messages)))
    text = json.dumps(messages)
    for expected in ("Weather?", "Paris", "18", "Thanks"):
        assert expected in text
    if other == "openai":
        called = {call["id"] for message in messages for call in message.get("tool_calls") or ()}
        assert {m["tool_call_id"] for m in messages if m["role"] == "tool"} <= called
    if format != other and other is not None:
        assert "You know" not in text or other != "anthropic"
        assert "Call tool" not in text


def test_turns_are_readable_by_others(local_client: Any, session_id: str) -> None:
    """A turn has the text of its messages, and a tool call its parts; plain texts are stored as by add_turn."""
    turns = local_client.sessions.add_messages(session_id, OPENAI[:7])
    plain = local_client.sessions.add_messages(
        session_id, [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]
    )

    assert [(turn.input.get("content"), turn.output.get("content")) for turn in turns] == [
        ("Weather?", ""),
        ('Call tool weather with {"city": "Paris"}', "1"),
        ('Call tool weather with {"city": "Paris"}', "2"),
        ("", "18 degrees. \n"),
    ]
    assert turns[1].input["tool_metadata"]["id"] == "c1"
    assert (plain[0].input.model_dump(), plain[0].output.model_dump()) == (
        {"type": "text", "content": "hi"},
        {"type": "text", "content": "hello"},
    )


@pytest.mark.parametrize("format", HISTORIES)
def test_context_never_has_half_of_a_tool_call(local_client: Any, session_id: str, format: str) -> None:
    """Whatever number of turns fits: each result has its call, each call that was answered its results."""
    turns = local_client.sessions.add_messages(session_id, HISTORIES[format])
    for limit in range(1, len(turns) + 1):
        context = local_client.sessions.get_context(session_id, turn_limit=limit)
        _has_no_halves(context.to_messages(format=format, sections=["turns"]), HISTORIES[format])
    for budget in range(1, 1500, 50):
        context = local_client.sessions.get_context(session_id, turn_limit=50)
        messages = context.to_messages(format=format, sections=["turns"], max_tokens=budget, count=len)
        _has_no_halves(messages, HISTORIES[format])
        assert sum(len(json.dumps(message)) for message in messages) <= 2 * budget


def _has_no_halves(messages: List[Any], everything: List[Any]) -> None:
    messages = messages[1:] if messages and messages[0] not in everything else messages  # "began earlier"
    assert messages == everything[len(everything) - len(messages) :]
    text = json.dumps(messages)
    for identifier in ("c1", "c2", "t1", "t2"):
        results = [f'"tool_call_id": "{identifier}"', f'"tool_use_id": "{identifier}"']
        calls = [f'"id": "{identifier}"']
        assert sum(map(text.count, results)) == sum(map(text.count, calls))


def test_result_whose_call_is_older_than_the_context_is_left_out(local_client: Any, session_id: str) -> None:
    """The APIs refuse it. It happens where a call was added before its result."""
    for format in ("openai", "anthropic", "responses"):
        history = {
            "openai": [{"role": "assistant", "content": None, "tool_calls": [call("a")]}],
            "anthropic": [{"role": "assistant", "content": [use("a")]}],
            "responses": [item("a")],
        }[format]
        result: Dict[str, Any] = {
            "openai": {"role": "tool", "tool_call_id": "a", "content": "18C"},
            "anthropic": {"role": "user", "content": [found("a"), {"type": "text", "text": "Well?"}]},
            "responses": {"type": "function_call_output", "call_id": "a", "output": "18C"},
        }[format]
        local_client.sessions.add_messages(session_id, history)
        local_client.sessions.add_messages(session_id, [result])

        context = local_client.sessions.get_context(session_id, turn_limit=2 if format == "anthropic" else 1)

        left = [{"role": "user", "content": [{"type": "text", "text": "Well?"}]}] if format == "anthropic" else []
        assert context.to_messages(format=format, sections=["turns"]) == left


def test_objects_of_sdks(local_client: Any, session_id: str) -> None:
    """Responses of the APIs are added as they are, and given back as the APIs take them."""
    completion = ChatCompletion.model_validate(
        {
            "id": "x",
            "created": 1,
            "model": "m",
            "object": "chat.completion",
            "choices": [
                {
                    "index": 0,
                    "finish_reason": "tool_calls",
                    "logprobs": None,
                    "message": {"role": "assistant", "content": None, "tool_calls": [call("c1")]},
                }
            ],
        }
    )
    reply = Message.model_validate(
        {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "m",
            "content": [{"type": "text", "text": "I look."}, use("t1")],
            "stop_reason": "tool_use",
            "usage": {"input_tokens": 1, "output_tokens": 1},
        }
    )
    local_client.sessions.add_messages(session_id, [{"role": "user", "content": "hi"}, completion.choices[0].message])
    other = local_client.sessions.create("agent").id
    local_client.sessions.add_messages(other, [{"role": "user", "content": "hi"}, reply])
    third = local_client.sessions.create("agent").id
    local_client.sessions.add_messages(
        third, [{"role": "user", "content": "hi"}, {"role": "assistant", "content": reply.content}]
    )

    assert messages_of(local_client, session_id, "openai") == [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": None, "tool_calls": [call("c1")]},
    ]
    assert messages_of(local_client, other, "anthropic") == messages_of(local_client, third, "anthropic")
    assert messages_of(local_client, other, "anthropic")[1:] == [
        {"role": "assistant", "content": [{"type": "text", "text": "I look."}, use("t1")]}
    ]


def test_add_turn_takes_messages(local_client: Any, session_id: str) -> None:
    """A user's message and the answer, as dictionaries or objects, in either place; others are as they were."""
    said = {"role": "user", "content": [{"type": "text", "text": "What is it?"}, IMAGE]}
    answer = {"role": "assistant", "content": None, "tool_calls": [call("c1")]}
    local_client.sessions.add_turn(session_id, said, answer)
    local_client.sessions.add_turn(session_id, "hi", {"role": "assistant", "content": "hello"})
    turn = local_client.sessions.add_turn(session_id, {"type": "text", "content": "a", "role": "user"}, answer)
    ingested = local_client.sessions.ingest(session_id, [(said, "b")])

    assert turn.input.model_dump() == {"type": "text", "content": "a", "role": "user"}
    assert turn.output["content"] == 'Call tool weather with {"city": "Paris"}'
    assert ingested[0].input["content"] == "What is it?"
    assert messages_of(local_client, session_id, "openai") == [
        *(said, answer),
        *({"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}),
        *({"role": "user", "content": "a"}, answer),
        *(said, {"role": "assistant", "content": "b"}),
    ]


def test_messages_that_are_given_back_can_be_changed(local_client: Any, session_id: str) -> None:
    """The context stays as it was."""
    local_client.sessions.add_messages(session_id, ANTHROPIC)
    context = local_client.sessions.get_context(session_id, turn_limit=50)
    context.to_messages(format="anthropic")[0]["content"].clear()

    assert context.to_messages(format="anthropic") == ANTHROPIC


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)
IDS = st.sampled_from(["c1", "c2", "c3"])
JSON = st.recursive(st.none() | st.booleans() | st.integers() | TEXT, lambda x: st.lists(x, max_size=2), max_leaves=3)
TEXT_PART = st.fixed_dictionaries({"type": st.just("text"), "text": TEXT})


def one_of_openai() -> Any:
    fixed = st.fixed_dictionaries
    role = st.sampled_from(["system", "developer", "user", "assistant"])
    return st.one_of(
        fixed({"role": role, "content": TEXT}, optional={"name": TEXT}),
        fixed({"role": role, "content": st.lists(st.one_of(TEXT_PART, st.just(IMAGE)), max_size=2)}),
        fixed(
            {"role": st.just("assistant"), "tool_calls": st.lists(st.builds(call, IDS), min_size=1, max_size=2)},
            optional={"content": st.none() | TEXT, "reasoning_content": TEXT},
        ),
        fixed({"role": st.just("tool"), "tool_call_id": IDS, "content": TEXT | st.lists(TEXT_PART, max_size=2)}),
    )


def one_of_anthropic() -> Any:
    fixed = st.fixed_dictionaries
    part = st.one_of(
        TEXT_PART,
        st.just(PNG),
        st.builds(use, IDS),
        st.builds(found, IDS),
        fixed({"type": st.just("thinking"), "thinking": TEXT, "signature": TEXT}),
    )
    return fixed({"role": st.sampled_from(["user", "assistant"]), "content": TEXT | st.lists(part, max_size=4)})


def one_of_responses() -> Any:
    fixed = st.fixed_dictionaries
    text = fixed({"type": st.just("input_text"), "text": TEXT})
    return st.one_of(
        fixed({"role": st.sampled_from(["system", "user", "assistant"]), "content": TEXT | st.lists(text, max_size=2)}),
        st.builds(item, IDS),
        fixed({"type": st.just("function_call_output"), "call_id": IDS, "output": TEXT}),
        fixed({"type": st.just("reasoning"), "id": IDS, "summary": st.just([])}),
        fixed({"type": st.just("some_new_call"), "id": IDS, "action": JSON}),
    )


STRATEGIES: Dict[str, Callable[[], Any]] = {
    "openai": one_of_openai,
    "anthropic": one_of_anthropic,
    "responses": one_of_responses,
}


@pytest.mark.parametrize("format", STRATEGIES)
@settings(max_examples=60)
@given(data=st.data())
def test_any_messages_are_given_back_equal(format: str, data: Any) -> None:
    """In any order, also one that the API would refuse, and added in any number of calls; in other formats no error."""
    one: Any = STRATEGIES[format]()
    batches = data.draw(st.lists(st.lists(one, max_size=6), max_size=3))
    with StateBase.local() as client:
        session_id = client.sessions.create("agent").id
        for batch in batches:
            client.sessions.add_messages(session_id, batch)

        assert messages_of(client, session_id, format) == [message for batch in batches for message in batch]
        for other in ("openai", "anthropic", "responses", None):
            messages_of(client, session_id, str(other)) if other else client.sessions.get_context(
                session_id
            ).to_prompt()


WRONG: Dict[str, Any] = {
    "no message": (("hi", "hello"), r"must be a chat message of OpenAI or Anthropic: .*, got tuple$"),
    "turn": ({"input": "a", "output": "b"}, r"must be a chat message .*, got dict$"),
    "none": (None, r"must be a chat message .*, got None$"),
    "class": (Message, r"must be a chat message .*, got ModelMetaclass$"),
    "role": ({"role": "MARK", "content": "x"}, r"\['role'\] must be 'user', .*, got an unknown role$"),
    "NaN": ({"role": "user", "content": "x", "n": float("nan")}, r"\['n'\] is NaN"),
    "surrogate": ({"role": "user", "content": "MARK\ud800"}, r"\['content'\] contains a lone surrogate"),
    "object": ({"role": "user", "content": [{"type": "x", "y": object()}]}, r"\['content'\]\[0\]\['y'\] "),
    "part": ({"role": "user", "content": [5]}, r"\['content'\]\[0\] must be a string or a mapping, got int$"),
}


@pytest.mark.parametrize(("wrong", "reason"), WRONG.values(), ids=WRONG)
def test_wrong_message_is_refused_before_anything_is_sent(respond: Any, wrong: Any, reason: str) -> None:
    """The error names its place, and not its content."""
    client, requests = respond()

    with pytest.raises(InvalidRequestError, match=rf"^messages\[1\] ?{reason}") as caught:
        client.sessions.add_messages("sess_1", [{"role": "user", "content": "hi"}, wrong])

    assert "MARK" not in str(caught.value)
    assert requests == []


@pytest.mark.parametrize("wrong", ["MARK", {"role": "user", "content": "MARK"}, None, 5])
def test_messages_that_are_no_list_are_refused(respond: Any, wrong: Any) -> None:
    """One message in place of the list is named by its type."""
    client, requests = respond()

    with pytest.raises(InvalidRequestError, match=r"^messages must be a list of chat messages, got [a-zN]+$"):
        client.sessions.add_messages("sess_1", wrong)

    assert requests == []


def test_deep_message_is_refused(respond: Any) -> None:
    """Instead of a RecursionError."""
    deep: Any = {}
    for _ in range(100_000):
        deep = {"a": deep}
    client, _ = respond()

    with pytest.raises(InvalidRequestError, match=r"^messages\[0\].* nested too deeply"):
        client.sessions.add_messages("sess_1", [{"role": "user", "content": [{"type": "x", "x": deep}]}])


def test_failed_call_is_repeated_with_its_key(serve: Any, turn: Dict[str, Any]) -> None:
    """On a service that stores keys, the turns that are there are not added again; the error has the key."""
    stored: Dict[str, bytes] = {}
    failures = [2]

    def handle(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/batch"):
            return httpx.Response(404)
        key = request.headers["idempotency-key"]
        if key not in stored and len(stored) == failures[0]:
            failures[0] = -1
            return httpx.Response(503)
        assert stored.setdefault(key, request.content) == request.content
        return httpx.Response(201, json={**turn, **json.loads(request.content)})

    client = serve(handle, max_retries=0)
    with pytest.raises(StateBaseError, match=r"^add_messages\(\) failed after 2 recorded turns") as caught:
        client.sessions.add_messages("sess_1", OPENAI)

    turns = client.sessions.add_messages("sess_1", OPENAI, idempotency_key=caught.value.idempotency_key)

    assert "Repeat add_messages()" in str(caught.value.hint)
    assert len(turns) == len(stored) == len(turns_of_messages(OPENAI))
    bodies = [json.loads(body) for body in stored.values()]
    assert [m for body in bodies for m in body["output"].get(KEY, [])] == OPENAI


def test_service_that_drops_the_messages_is_detected(serve: Any, turn: Dict[str, Any]) -> None:
    """It is said that the turns are there, but not their messages; plain text needs no messages."""
    client = serve(lambda request: httpx.Response(201, json=turn))

    with pytest.raises(StateBaseError, match="^The turns were recorded, but the service does not store their chat"):
        client.sessions.add_messages("sess_1", OPENAI)
    assert len(client.sessions.add_messages("sess_1", [{"role": "user", "content": "hi"}])) == 1


def test_repeated_call_adds_nothing(local_client: Any, session_id: str) -> None:
    """With the same key and the same messages."""
    first = local_client.sessions.add_messages(session_id, ANTHROPIC, idempotency_key="job-1")
    again = local_client.sessions.add_messages(session_id, ANTHROPIC, idempotency_key="job-1")

    assert [turn.id for turn in again] == [turn.id for turn in first]
    assert messages_of(local_client, session_id, "anthropic") == ANTHROPIC


def test_other_keys_of_that_name_are_no_messages(local_client: Any, session_id: str) -> None:
    """Values that somebody else stored there are not handed to a model."""
    for value in ("x", [5], {"role": "system"}):
        local_client.sessions.add_turn(session_id, {"type": "text", "content": "a", KEY: value}, "b")

    assert (
        messages_of(local_client, session_id, "openai")
        == [
            {"role": "user", "content": "a"},
            {"role": "assistant", "content": "b"},
        ]
        * 3
    )
