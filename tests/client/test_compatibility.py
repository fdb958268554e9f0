"""Code written for statebase 0.4 runs: the same constructor, namespaces, arguments, and ways to read what comes back."""

from __future__ import annotations

import importlib
import inspect
import json
from typing import Any, Dict, List

import httpx
import pytest

from statebase import AsyncStateBase, StateBase, async_client, client, models

# The public methods of statebase 0.4.1 with their parameters in order; "=" where one may be left out.
SIGNATURES: Dict[str, List[str]] = {
    "StateBase": ["api_key", "base_url=", "timeout="],
    "health": [],
    "close": [],
    "sessions.create": ["agent_id", "user_id=", "metadata=", "initial_state=", "ttl_seconds="],
    "sessions.get": ["session_id"],
    "sessions.list": ["agent_id=", "limit=", "starting_after=", "created_after="],
    "sessions.delete": ["session_id"],
    "sessions.get_context": ["session_id", "query=", "memory_limit=", "turn_limit="],
    "sessions.add_turn": ["session_id", "input", "output", "metadata=", "reasoning="],
    "sessions.add_tool_call": [
        "session_id",
        "tool_name",
        "arguments",
        "output",
        "tool_call_id=",
        "reasoning=",
        "metadata=",
    ],
    "sessions.list_turns": ["session_id", "limit=", "starting_after="],
    "sessions.get_state": ["session_id"],
    "sessions.update_state": ["session_id", "state", "reasoning="],
    "sessions.rollback": ["session_id", "version"],
    "sessions.fork": ["session_id", "version="],
    "memory.add": ["content", "type=", "session_id=", "tags=", "metadata="],
    "memory.search": ["query", "session_id=", "types=", "tags=", "limit=", "threshold="],
}


def find(client_class: Any, dotted: str) -> Any:
    if dotted == "StateBase":
        return client_class
    found = client_class("sb_test")
    for name in dotted.split("."):
        found = getattr(found, name)
    return found


@pytest.mark.parametrize("client_class", [StateBase, AsyncStateBase])
@pytest.mark.parametrize(("dotted", "old"), SIGNATURES.items(), ids=SIGNATURES)
def test_parameters_are_where_they_were(client_class: Any, dotted: str, old: List[str]) -> None:
    """Each parameter of 0.4 has its place and its name, what could be left out still can, and nothing new is required."""
    new = list(inspect.signature(find(client_class, dotted)).parameters.values())
    positional = [parameter for parameter in new if parameter.kind is parameter.POSITIONAL_OR_KEYWORD]

    assert [parameter.name for parameter in positional[: len(old)]] == [name.rstrip("=") for name in old]
    for parameter, was in zip(positional, old):
        assert parameter.default is not parameter.empty or not was.endswith("="), parameter
    for parameter in new:
        is_required = parameter.default is parameter.empty and parameter.kind is not parameter.VAR_KEYWORD
        assert parameter.name in old or not is_required, parameter


ARGUMENTS: Dict[str, List[Any]] = {
    "sessions.create": ["agent", "ada", {"channel": "web"}, {"plan": "basic"}, 3600],
    "sessions.list": ["agent", 5, None, "2020-01-01T00:00:00Z"],
    "sessions.get": ["{session}"],
    "sessions.get_context": ["{session}", "tea", 3, 2],
    "sessions.add_turn": ["{session}", "hi", {"type": "text", "content": "hello"}, {"n": 1}, "greeting"],
    "sessions.add_tool_call": ["{session}", "track", {"id": 7}, [1, 2], "call_1", "asked", {"n": 2}],
    "sessions.list_turns": ["{session}", 5, None],
    "sessions.get_state": ["{session}"],
    "sessions.update_state": ["{session}", {"plan": "gold"}, "upgraded"],
    "sessions.rollback": ["{session}", 0],
    "sessions.fork": ["{session}", 1],
    "memory.add": ["Prefers tea", "preference", "{session}", ["drinks"], {"source": "chat"}],
    "memory.search": ["tea", "{session}", "preference", "drinks", 5, 0.0],
    "sessions.delete": ["{session}"],
}


@pytest.mark.parametrize("by_name", [False, True], ids=["by position", "by name"])
def test_every_method_takes_all_arguments(local_client: Any, by_name: bool) -> None:
    """The methods of 0.4, one after the other on one session, with all their arguments."""
    assert {*ARGUMENTS, "StateBase", "health", "close"} == set(SIGNATURES)
    results: Dict[str, Any] = {}
    for dotted, arguments in ARGUMENTS.items():
        namespace, name = dotted.split(".")
        values = [results["sessions.create"].id if value == "{session}" else value for value in arguments]
        method = getattr(getattr(local_client, namespace), name)
        if by_name:
            names = [parameter.rstrip("=") for parameter in SIGNATURES[dotted]]
            results[dotted] = method(**dict(zip(names, values)))
        else:
            results[dotted] = method(*values)

    session = results["sessions.create"]
    assert (session.agent_id, session.user_id, session.metadata) == ("agent", "ada", {"channel": "web"})
    assert session.state == {"plan": "basic"}
    assert [item["id"] for item in results["sessions.list"]["data"]] == [session.id]
    assert results["sessions.get"].state == {"plan": "basic"}
    assert results["sessions.get_context"]["state"] == {"plan": "basic"}
    assert results["sessions.add_turn"].output.content == "hello"
    assert results["sessions.add_turn"].reasoning == "greeting"
    assert results["sessions.add_tool_call"].input.type == "tool_call"
    assert len(results["sessions.list_turns"]) == 2
    assert results["sessions.get_state"].state == {"plan": "basic"}
    assert results["sessions.update_state"].version == 1
    assert results["sessions.fork"].state == {"plan": "gold"}
    assert results["memory.add"].type == "preference"
    assert [memory.content for memory in results["memory.search"]] == ["Prefers tea"]
    assert results["sessions.delete"] is None
    with pytest.raises(httpx.HTTPStatusError) as caught:
        local_client.sessions.get(session.id)
    assert caught.value.response.status_code == 404


def test_rollback_of_a_session(local_client: Any) -> None:
    """sessions.rollback(id, version) brings the state back."""
    session = local_client.sessions.create("agent", initial_state={"plan": "basic"})
    local_client.sessions.update_state(session.id, {"plan": "gold"})

    local_client.sessions.rollback(session.id, 0)

    assert local_client.sessions.get_state(session.id).state == {"plan": "basic"}


def test_mappings_of_0_4_can_be_read_as_such(local_client: Any) -> None:
    """Results that were dictionaries in 0.4 can still be used as dictionaries."""
    session = local_client.sessions.create("agent", initial_state={"plan": "basic"})
    local_client.sessions.add_turn(session.id, "hi", "hello")
    local_client.memory.add("Prefers tea", session_id=session.id)

    listed = local_client.sessions.list()
    context = local_client.sessions.get_context(session.id, "tea")
    health = local_client.health()

    assert listed["data"][0]["id"] == session.id
    assert listed["has_more"] is False
    assert listed.get("data")[0].get("agent_id") == "agent"
    assert ("data" in listed, "next" in listed, listed[0] in listed) == (True, False, True)
    assert dict(listed)["first_id"] == {**listed}["last_id"] == session.id
    assert context["state"] == {"plan": "basic"}
    assert context["memories"][0]["content"] == "Prefers tea"
    assert context["recent_turns"][0]["input"]["content"] == "hi"
    assert context.get("recent_turns", [])[0]["output"]["content"] == "hello"
    assert health["status"] == "healthy"


MODULES = {
    "statebase": ["StateBase", "AsyncStateBase"],
    "statebase.client": ["StateBase", "SessionsClient", "MemoryClient"],
    "statebase.async_client": ["AsyncStateBase", "AsyncSessionsClient", "AsyncMemoryClient"],
    "statebase.models": [
        *("SessionCreateRequest", "SessionResponse", "TurnInput", "TurnOutput", "TurnCreateRequest", "TurnResponse"),
        *("ToolCall", "ToolResponse", "MemoryCreateRequest", "MemoryResponse", "MemorySearchResult"),
        *("ContextRequest", "ContextResponse", "StateGetResponse", "StateUpdateRequest"),
        *("StatePartialUpdateRequest", "StateReplaceRequest"),
    ],
}


@pytest.mark.parametrize("module", MODULES)
def test_names_are_where_they_were(module: str) -> None:
    """Every class of 0.4 can be imported from where it was."""
    found = importlib.import_module(module)

    assert [name for name in MODULES[module] if not inspect.isclass(getattr(found, name, None))] == []


def test_namespaces_are_of_the_old_classes() -> None:
    """Annotations and isinstance() with the classes of 0.4 hold."""
    assert isinstance(StateBase("sb_test").sessions, client.SessionsClient)
    assert isinstance(StateBase("sb_test").memory, client.MemoryClient)
    assert isinstance(AsyncStateBase("sb_test").sessions, async_client.AsyncSessionsClient)
    assert isinstance(AsyncStateBase("sb_test").memory, async_client.AsyncMemoryClient)


def test_models_without_an_operation_have_their_fields() -> None:
    """Code that kept tool calls in the models of 0.4 makes and writes them as before."""
    call = models.ToolCall(name="track", arguments={"id": 7})
    response = models.ToolResponse(output=[1])

    assert call.model_dump() == {"name": "track", "arguments": {"id": 7}, "id": None}
    assert response.model_dump() == {"tool_call_id": None, "output": [1], "is_error": False}
    assert models.StateUpdateRequest(state={}).model_dump() == {"state": {}, "reasoning": None}


def test_constructor_and_block(make_client: Any) -> None:
    """A client made by position, used in a with block, sends what 0.4 sent."""
    seen = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append((request.method, str(request.url), request.headers["x-api-key"]))
        return httpx.Response(204)

    client = StateBase("sb_test", "https://api.example.com/", 5.0)
    assert (client.base_url, client.timeout) == ("https://api.example.com", 5.0)
    with make_client("sb_test", base_url="https://api.example.com/", transport=httpx.MockTransport(handle)) as client:
        client.sessions.delete("sess_1")

    assert seen == [("DELETE", "https://api.example.com/v1/sessions/sess_1", "sb_test")]


def test_none_that_0_4_left_out_is_left_out(respond: Any) -> None:
    """Code that passes on None for a filter that it does not have filters by nothing."""
    client, requests = respond(httpx.Response(200, json={"data": [], "has_more": False}))

    client.sessions.list(None, 20, None, None)

    assert dict(requests[0].url.params) == {"limit": "20"}


def test_body_of_a_tool_call_is_that_of_0_4(respond: Any, turn: Dict[str, Any]) -> None:
    """Code that reads tool calls from other libraries finds them as before."""
    client, requests = respond(httpx.Response(201, json=turn))

    client.sessions.add_tool_call("sess_1", "track", {"id": 7}, {"eta": 1}, "call_1")

    assert json.loads(requests[0].read()) == {
        "input": {
            "type": "tool_call",
            "content": "Call tool track with {'id': 7}",
            "tool_metadata": {"name": "track", "arguments": {"id": 7}, "id": "call_1"},
        },
        "output": {"type": "tool_response", "content": "{'eta': 1}", "output": {"eta": 1}},
    }
