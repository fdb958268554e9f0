"""A conversation that took place is recorded turn by turn, and after a failure resumed, no turn twice."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any, Dict, List

import httpx
import pytest

from statebase import (
    APIConnectionError,
    AsyncStateBase,
    EventHooks,
    InternalServerError,
    InvalidRequestError,
    NotFoundError,
    StateBase,
    models,
)
from statebase._namespaces.turns import tool_call, turns_of
from statebase.local import Engine
from statebase.server import serve_in_thread


def text(content: str) -> Dict[str, str]:
    return {"type": "text", "content": content}


def exchange(said: str, answered: str, **more: Any) -> Dict[str, Any]:
    return {"input": text(said), "output": text(answered), **more}


def message(role: Any, content: Any) -> Dict[str, Any]:
    return {"role": role, "content": content}


FORMS: Dict[str, Any] = {
    "pairs": ([("hi", "hello"), ("bye", "see you")], [exchange("hi", "hello"), exchange("bye", "see you")]),
    "lists": ([["hi", "hello"]], [exchange("hi", "hello")]),
    "pair of parts": (
        [(text("hi"), models.TurnOutput(type="text", content="hello"))],
        [exchange("hi", "hello")],
    ),
    "mappings": (
        [
            {
                "input": "hi",
                "output": text("hello"),
                "reasoning": "greeting",
                "metadata": {"a": 1},
                "state_after": {"n": 1},
            }
        ],
        [exchange("hi", "hello", reasoning="greeting", metadata={"a": 1}, state_after={"n": 1})],
    ),
    "chat": (
        [message("user", "hi"), message("assistant", "hello"), message("user", "bye"), message("assistant", "see you")],
        [exchange("hi", "hello"), exchange("bye", "see you")],
    ),
    "chat with a prompt": (
        [
            message("system", "Be kind."),
            message("developer", None),
            message("user", "hi"),
            message("assistant", "hello"),
        ],
        [exchange("hi", "hello")],
    ),
    "messages in a row": (
        [message("user", "a"), message("user", "b"), message("assistant", "c"), message("assistant", "d")],
        [exchange("a\n\nb", "c\n\nd")],
    ),
    "assistant begins": (
        [message("assistant", "Welcome"), message("user", "hi"), message("assistant", "hello")],
        [exchange("", "Welcome"), exchange("hi", "hello")],
    ),
    "user ends": (
        [message("user", "hi"), message("assistant", "hello"), message("user", "are you there?")],
        [exchange("hi", "hello"), exchange("are you there?", "")],
    ),
    "mixed": (
        [message("user", "hi"), ("a", "b"), message("assistant", "hello")],
        [exchange("hi", ""), exchange("a", "b"), exchange("", "hello")],
    ),
    "nothing": ([], []),
}


@pytest.mark.parametrize(("given", "turns"), FORMS.values(), ids=FORMS)
def test_forms_of_a_conversation(given: Any, turns: Any) -> None:
    """Pairs, mappings and chat messages become turns, in order."""
    assert turns_of(given) == turns
    assert turns_of(iter(given)) == turns


WRONG: Dict[str, Any] = {
    "text": ("hi", r"must be an \(input, output\) pair, a mapping or a chat message, got str"),
    "three": (("a", "b", "c"), r"must be an .*, got tuple"),
    "number": (5, r"must be an .*, got int"),
    "mapping without an output": ({"input": "a"}, r"must have the keys input and output"),
    "mapping with other keys": (
        {"input": "a", "output": "b", "mood": "good"},
        r"must have the keys input and output, and may have metadata",
    ),
    "odd keys": ({1: 2, "input": "a"}, r"must have the keys input and output"),
    "unknown role": (message("MARK", "42"), r"\['role'\] must be 'user', .*, got an unknown role$"),
    "role that is no text": (message(["MARK"], "42"), r"\['role'\] must be 'user', .*, got list$"),
    "no content of a user": ({"role": "user"}, r"\['content'\] must be a string or a list of parts, got None$"),
    "content that is a number": (message("user", 42), r"\['content'\] must be a string or a list of parts, got int$"),
    "part without its text": (
        message("user", ["a", {"type": "text"}]),
        r"\['content'\]\[1\]\['text'\] must be a string, got None$",
    ),
    "part that is a number": (message("user", [5]), r"\['content'\]\[0\] must be a string or a mapping, got int$"),
    "tool calls that are no list": (
        {"role": "assistant", "tool_calls": "MARK"},
        r"\['tool_calls'\] must be a list, got str$",
    ),
    "tool call without a name": (
        {"role": "assistant", "tool_calls": [{"id": "MARK", "function": {}}]},
        r"\['tool_calls'\]\[0\] must be a tool call with the 'name' of a function$",
    ),
    "item of an unknown type": ({"type": "item_reference", "id": "MARK"}, r"must have the keys input and output"),
    "input that is no turn": ((5, "b"), r": input must be a string, .*, got int"),
    "output that is no turn": ({"input": "a", "output": None}, r": output must be a string, .*, got None"),
}


@pytest.mark.parametrize(("wrong", "reason"), WRONG.values(), ids=WRONG)
def test_item_that_is_no_turn_is_refused_before_anything_is_sent(respond: Any, wrong: Any, reason: str) -> None:
    """The error names the place of the item; the good ones before it are not recorded either."""
    client, requests = respond()

    with pytest.raises(InvalidRequestError, match=rf"^turns\[1\] ?{reason}"):
        client.sessions.ingest("sess_1", [("hi", "hello"), wrong])

    assert requests == []


@pytest.mark.parametrize("wrong", ["MARK", {"role": "user", "content": "MARK"}, None, 5])
def test_turns_that_are_no_list_are_refused(respond: Any, wrong: Any) -> None:
    """One message, or text, in place of the list is named by its type."""
    client, requests = respond()

    with pytest.raises(InvalidRequestError, match=r"^turns must be a list of turns or messages, got [a-zN]+$"):
        client.sessions.ingest("sess_1", wrong)

    assert requests == []


def _deep() -> Dict[str, Any]:
    deep: Dict[str, Any] = {}
    for _ in range(100_000):
        deep = {"a": deep}
    return deep


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        pytest.param(_deep(), "is nested too deeply to be written as text", id="deep"),
        pytest.param(
            10**5000,
            "has an integer of too many digits",
            id="long",
            marks=pytest.mark.skipif(not hasattr(sys, "set_int_max_str_digits"), reason="this Python has no limit"),
        ),
    ],
)
def test_what_cannot_be_written_as_text_is_refused(value: Any, reason: str) -> None:
    """Arguments and results of tools become part of a turn's text."""
    called = {"role": "assistant", "tool_calls": [{"id": "c1", "function": {"name": "f", "arguments": value}}]}
    returned = {"role": "tool", "tool_call_id": "c1", "content": value}

    with pytest.raises(InvalidRequestError, match=rf"turns\[1\]: arguments {reason}"):
        turns_of([("a", "b"), called])
    with pytest.raises(InvalidRequestError, match=rf"turns\[0\]\['content'\] {reason}"):
        turns_of([returned])
    with pytest.raises(InvalidRequestError, match=f"output {reason}"):
        tool_call("f", {}, value, None)


def test_conversation_is_recorded(local_client: Any) -> None:
    """All turns are there, in order, with what was given."""
    session = local_client.sessions.create("agent")

    turns = local_client.sessions.ingest(
        session.id,
        [
            ("hi", "hello"),
            message("user", "and?"),
            message("assistant", "well"),
            exchange("x", "y", reasoning="why not"),
        ],
    )

    assert [turn.turn_number for turn in turns] == [1, 2, 3]
    assert [(turn.input.content, turn.output.content) for turn in turns] == [
        ("hi", "hello"),
        ("and?", "well"),
        ("x", "y"),
    ]
    assert turns[2].reasoning == "why not"
    assert len(local_client.sessions.list_turns(session.id)) == 3


def test_nothing_to_record_sends_nothing(respond: Any) -> None:
    """An empty conversation is not an error."""
    client, requests = respond()

    assert client.sessions.ingest("sess_1", []) == []
    assert requests == []


def keyed_service(turn: Dict[str, Any], broken: List[int]) -> Any:
    """Serve turns, once for each key; requests whose number is in `broken` are carried out, but their answers lost."""
    recorded: Dict[str, Any] = {}
    received = 0

    def handle(request: httpx.Request) -> httpx.Response:
        nonlocal received
        received += 1
        key, body = request.headers["idempotency-key"], json.loads(request.read())
        if key not in recorded:
            number = len(recorded) + 1
            recorded[key] = {**turn, **body, "turn_number": number, "id": f"turn_{number}"}
        if received in broken:
            raise httpx.ReadError("lost")
        return httpx.Response(201, json=recorded[key])

    handle.recorded = recorded  # type: ignore[attr-defined]
    return handle


CONVERSATION = [(f"question {number}", f"answer {number}") for number in range(1, 6)]


@pytest.mark.parametrize("lost", [1, 3, 5])
def test_conversation_is_resumed_with_the_key_of_the_error(serve: Any, turn: Dict[str, Any], lost: int) -> None:
    """Repeating with the error's key adds what is missing, and returns all turns as if nothing had happened."""
    service = keyed_service(turn, broken=[lost])
    client = serve(service, max_retries=0)

    with pytest.raises(APIConnectionError) as caught:
        client.sessions.ingest("sess_1", CONVERSATION)
    turns = client.sessions.ingest("sess_1", CONVERSATION, idempotency_key=caught.value.idempotency_key)

    assert str(caught.value).startswith(f"ingest() failed after {lost - 1} recorded turns: ")
    assert f"Repeat ingest() with idempotency_key={caught.value.idempotency_key!r}" in str(caught.value)
    assert [one.turn_number for one in turns] == [1, 2, 3, 4, 5]
    assert [one["input"]["content"] for one in service.recorded.values()] == [said for said, _ in CONVERSATION]


def test_repeating_with_a_key_of_ones_own_adds_nothing(serve: Any, turn: Dict[str, Any]) -> None:
    """A job that runs twice with the same key records once."""
    service = keyed_service(turn, broken=[])
    client = serve(service)

    first = client.sessions.ingest("sess_1", CONVERSATION, idempotency_key="job-7")
    second = client.sessions.ingest("sess_1", CONVERSATION, idempotency_key="job-7")

    assert first == second
    assert len(service.recorded) == 5


def test_two_conversations_without_a_key_are_two(serve: Any, turn: Dict[str, Any]) -> None:
    """Without a key, each call is a conversation of its own, even with the same words."""
    service = keyed_service(turn, broken=[])
    client = serve(service)

    client.sessions.ingest("sess_1", CONVERSATION)
    client.sessions.ingest("sess_1", CONVERSATION)

    assert len(service.recorded) == 10


def test_lost_answers_are_retried_within_a_turn(serve: Any, turn: Dict[str, Any]) -> None:
    """A failure that passes costs nothing but time."""
    service = keyed_service(turn, broken=[2, 3])

    turns = serve(service).sessions.ingest("sess_1", CONVERSATION)

    assert len(turns) == len(service.recorded) == 5


def test_options_hold_for_each_request(respond: Any) -> None:
    """Keyword arguments are sent with every turn."""
    client, requests = respond(httpx.Response(404))

    with pytest.raises(NotFoundError):
        client.sessions.ingest("sess_1", [("hi", "hello")], timeout=3, extra_headers={"X-A": "b"})

    assert requests[0].extensions["timeout"]["read"] == 3
    assert requests[0].headers["x-a"] == "b"


def test_resuming_on_the_engine(local_client: Any) -> None:
    """The embedded engine keeps the promise as well."""
    session = local_client.sessions.create("agent")

    local_client.sessions.ingest(session.id, CONVERSATION[:3], idempotency_key="job-7")
    turns = local_client.sessions.ingest(session.id, CONVERSATION, idempotency_key="job-7")

    assert [turn.turn_number for turn in turns] == [1, 2, 3, 4, 5]
    assert len(local_client.sessions.list_turns(session.id)) == 5


LONG = [(f"question {number}", f"answer {number}") for number in range(250)]


def test_long_conversation_is_sent_in_batches(local_client: Any) -> None:
    """A hundred turns a request; repeating it, or one of its turns, adds nothing."""
    paths: List[str] = []
    hooks = EventHooks(attempt_started=[lambda attempt: paths.append(attempt.operation)])
    client = local_client
    session = client.sessions.create("agent")
    counted = client.with_options(event_hooks=hooks)

    turns = counted.sessions.ingest(session.id, LONG, idempotency_key="job")
    again = counted.sessions.ingest(session.id, LONG, idempotency_key="job")
    single = client.sessions.add_turn(session.id, *LONG[7], idempotency_key="job-7")

    assert paths == ["write_batch"] * 6
    assert [(turn.turn_number, turn.input.content) for turn in turns] == [
        (number, said) for number, (said, _) in enumerate(LONG, 1)
    ]
    assert (again, single) == (turns, turns[7])
    assert client.sessions.get(session.id).turn_count == 250


def test_conversation_that_was_begun_one_by_one_goes_on_in_batches(local_client: Any) -> None:
    """As if another version of the package, or of the service, had begun it."""
    session = local_client.sessions.create("agent")
    for number in range(5):
        local_client.sessions.add_turn(session.id, *LONG[number], idempotency_key=f"job-{number}")

    turns = local_client.sessions.ingest(session.id, LONG[:20], idempotency_key="job")

    assert [turn.turn_number for turn in turns] == list(range(1, 21))
    assert local_client.sessions.get(session.id).turn_count == 20


def test_bad_turn_in_a_long_conversation(local_client: Any) -> None:
    """The turns before it are recorded, and the error is that of the turn."""
    session = local_client.sessions.create("agent")
    wrong = exchange("x", "y", metadata={"n": float("nan")})

    with pytest.raises(InvalidRequestError, match=r"metadata\['n'\] is NaN"):
        local_client.sessions.ingest(session.id, [*LONG[:20], wrong, *LONG[20:]])

    assert local_client.sessions.get(session.id).turn_count == 20


def test_turns_with_a_large_state_are_recorded(local_client: Any) -> None:
    """Their responses, which hold the state, are too large for one: they are sent one by one."""
    session = local_client.sessions.create("agent", initial_state={"text": "x" * 2_000_000})

    turns = local_client.sessions.ingest(session.id, LONG[:20])

    assert [turn.turn_number for turn in turns] == list(range(1, 21))


@pytest.mark.parametrize("status", [404, 405, 501])
def test_service_without_batches(serve: Any, turn: Dict[str, Any], status: int) -> None:
    """It gets one turn at a time, in order; the second conversation is not tried as a batch."""
    single = keyed_service(turn, broken=[])
    tried: List[str] = []

    def handle(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/batch"):
            tried.append(request.url.path)
            return httpx.Response(status, json={"detail": "Not Found"})
        response: httpx.Response = single(request)
        return response

    client = serve(handle, max_retries=0)

    turns = client.sessions.ingest("sess_1", LONG)
    client.sessions.ingest("sess_1", LONG)

    assert tried == ["/v1/sessions/sess_1/batch"]
    assert [one.turn_number for one in turns] == list(range(1, 251))
    assert len(single.recorded) == 500


def test_short_conversation_is_not_tried_as_a_batch(serve: Any, turn: Dict[str, Any]) -> None:
    """A request without success would cost more than a batch saves."""
    service = keyed_service(turn, broken=[])

    serve(service).sessions.ingest("sess_1", LONG[:7])

    assert len(service.recorded) == 7


def test_failed_batch_is_not_sent_one_by_one(respond: Any) -> None:
    """If the service is not available, single requests would fail too; the error has the key to go on with."""
    client, requests = respond(503, max_retries=0)

    with pytest.raises(InternalServerError) as caught:
        client.sessions.ingest("sess_1", LONG, idempotency_key="job")

    assert (len(requests), caught.value.idempotency_key) == (1, "job")


def test_missing_session_is_that_of_the_turn(local_client: Any) -> None:
    with pytest.raises(NotFoundError, match="There is no session 'sess_none'"):
        local_client.sessions.ingest("sess_none", LONG)


def test_over_sockets() -> None:
    """`statebase serve` records batches, for both clients."""
    engine = Engine.open()
    with serve_in_thread(engine, api_key="sb_secret") as server:
        with StateBase("sb_secret", server.url) as client:
            session = client.sessions.create("agent")
            turns = client.sessions.ingest(session.id, LONG, idempotency_key="job")

        async def again() -> Any:
            async with AsyncStateBase("sb_secret", server.url) as client:
                return await client.sessions.ingest(session.id, LONG, idempotency_key="job")

        assert asyncio.run(again()) == turns
        assert engine.get_session(session.id).turn_count == 250
    engine.close()
