"""Every extension of the API: the engine applies it, and a service that does not know it is noticed."""

from __future__ import annotations

from contextlib import closing
from typing import Any, Callable, Dict, List

import httpx
import pytest

from statebase import StateBaseError
from statebase._base.extensions import EXTENSIONS, HEADER, named_in, supported, words
from statebase._generated.operations import OPERATIONS
from statebase.local import Engine, LocalTransport
from statebase.testing import FrozenClock

from .plain_service import EXTENSION_OPERATIONS, PlainService


class Recorder:
    """An engine; it keeps its responses."""

    def __init__(self, engine: Engine) -> None:
        self._transport = LocalTransport(engine)
        self.applied: List[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        response = self._transport.handle_request(request)
        self.applied += named_in(response.headers.get(HEADER))
        return response


def session(client: Any) -> str:
    session_id = str(client.sessions.create("agent", user_id="ada", metadata={"a": 1}, ttl_seconds=600).id)
    client.sessions.add_turn(session_id, "hi", "hello", state_after={"n": 1}, idempotency_key="turn")
    client.state.update_state(session_id, {"n": 2})
    client.memory.add("Likes tea", session_id=session_id)
    return session_id


def forked(client: Any, *fields: str, **options: Any) -> Any:
    fork = client.sessions.fork(session(client), **options)
    return [fork[field] for field in fields]


def kept_alive(client: Any, clock: FrozenClock) -> Any:
    first = client.sessions.get_or_create("agent", key="chat", ttl_seconds=100)
    clock.advance(seconds=60)
    again = client.sessions.get_or_create("agent", key="chat", ttl_seconds=100)
    return first.id == again.id, (again.ttl_expires_at - first.ttl_expires_at).total_seconds()


OPTIONS: Dict[str, Callable[[Any, FrozenClock], Any]] = {
    "before-version": lambda client, _: [
        version.version for version in client.state.get_state_history(session(client), before_version=2).data
    ],
    "expected-version": lambda client, _: client.state.update_state(session(client), {"n": 3}, expected_version=0),
    "get-or-create": lambda client, _: len(
        {client.sessions.get_or_create("agent", key="chat", keep_alive=False).id for _ in range(3)}
    ),
    "keep-alive": kept_alive,
    "keep-metadata": lambda client, _: forked(client, "metadata", keep_metadata=True)[0]["a"],
    "keep-ttl": lambda client, _: forked(client, "ttl_expires_at", keep_ttl=True),
    "ttl-seconds": lambda client, _: forked(client, "ttl_expires_at", ttl_seconds=60),
    "trace-details": lambda client, _: [
        event.details.get("preview") for event in client.sessions.timeline(session(client), max_items=2)
    ],
    "turn-key": lambda client, _: client.sessions.find_turn(session(client), key="turn").output.content,
    "whole-turns": lambda client, _: [turn.output.content for turn in client.sessions.iter_turns(session(client))],
    "with-memories": lambda client, _: forked(client, "turn_count", "memory_count", with_memories=True),
    "with-turns": lambda client, _: forked(client, "turn_count", "memory_count", with_turns=True),
}
CALLS: Dict[str, Callable[[Any], Any]] = {
    "create_memories": lambda client: [memory.content for memory in client.memory.add_many(["a", "b"], user_id="ada")],
    "erase_user": lambda client: (session(client), client.erase_user("ada"))[1].live_sessions,
    "list_memories": lambda client: [memory.content for memory in client.memory.list(session_id=session(client))],
    "search_own_memories": lambda client: [
        memory.content for memory in client.memory.search("tea", session(client), threshold=0, metadata={})
    ],
    "write_batch": lambda client: [
        turn.turn_number for turn in client.sessions.ingest(client.sessions.create("agent").id, [("a", "b")] * 9)
    ],
}


def result(call: Callable[[], Any]) -> Any:
    """Return the result of a call, or the class of its error."""
    try:
        return call()
    except StateBaseError as error:
        return type(error).__name__


def test_every_extension_has_a_case() -> None:
    assert sorted(OPTIONS) == sorted(EXTENSIONS)
    assert sorted(CALLS) == EXTENSION_OPERATIONS


@pytest.mark.parametrize("name", OPTIONS)
def test_option_is_applied_or_noticed(make_client: Any, statebase_clock: FrozenClock, name: str) -> None:
    """The response of the engine names it. A service that ignores it leads to the same result, or to an error."""
    with closing(Engine.open(clock=statebase_clock)) as engine, closing(Engine.open(clock=statebase_clock)) as other:
        recorder, plain = Recorder(engine), PlainService(other)
        clients = [make_client(transport=httpx.MockTransport(service)) for service in (recorder, plain)]

        expected = result(lambda: OPTIONS[name](clients[0], statebase_clock))
        got = result(lambda: OPTIONS[name](clients[1], statebase_clock))

    assert name in recorder.applied or expected == "StateConflictError"
    asked = [each for request in plain.requests for each in named_in(request.headers.get(HEADER))]
    assert name in asked
    if name in ("before-version", "turn-key"):
        assert (got, expected) in [("APIResponseValidationError", [1, 0]), ("StateBaseError", "hello")]
    else:
        assert got == expected


@pytest.mark.parametrize("name", CALLS)
def test_operation_is_used_or_missed(make_client: Any, name: str) -> None:
    """A service without it is tried once, and then gets other calls with the same result."""
    with closing(Engine.open()) as engine, closing(Engine.open()) as other:
        plain = PlainService(other)
        expected = CALLS[name](make_client(transport=LocalTransport(engine)))

        assert CALLS[name](make_client(transport=httpx.MockTransport(plain))) == expected

    operation = OPERATIONS[name]
    pattern = operation.path.partition("{")[0]
    assert any(method == operation.method and path.startswith(pattern) for method, path in plain.calls())


def test_header_and_its_words() -> None:
    """Values are percent-encoded; unknown words, and those of other operations, are ignored."""
    text = words(turn_key="a, b=c", whole_turns=True, keep_ttl=False, ttl_seconds=None)

    assert text == "turn-key=a%2C%20b%3Dc, whole-turns"
    assert named_in(text) == {"turn-key": "a, b=c", "whole-turns": ""}
    assert supported(f"{text}, with-turns, other=1,,", "list_turns") == {"turn-key": "a, b=c", "whole-turns": ""}
    assert supported(None, "list_turns") == supported(text, "get_turn") == {}
    assert words(keep_ttl=False) is None


def test_service_that_applies_some_of_the_options(make_client: Any) -> None:
    """Only the others are done by further calls, so that no turn is copied twice."""
    with closing(Engine.open()) as engine:
        transport = LocalTransport(engine)

        def older(request: httpx.Request) -> httpx.Response:
            wanted = named_in(request.headers.pop(HEADER, None))
            if "with-turns" in wanted:
                request.headers[HEADER] = "with-turns"
            return transport.handle_request(request)

        client = make_client(transport=httpx.MockTransport(older))
        fork = client.sessions.fork(session(client), with_turns=True, with_memories=True, keep_metadata=True)

        assert (fork.turn_count, fork.memory_count, fork.metadata["a"]) == (1, 1, 1)
