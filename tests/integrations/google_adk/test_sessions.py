"""Sessions and memories of the Agent Development Kit: the same as those of its services in memory, on every service."""

from __future__ import annotations

import asyncio
from typing import Any, AsyncGenerator, Callable, Coroutine, Dict, List, Optional

import pytest
from google.adk.agents import LlmAgent
from google.adk.errors.already_exists_error import AlreadyExistsError
from google.adk.errors.session_not_found_error import SessionNotFoundError
from google.adk.events import Event, EventActions
from google.adk.models import BaseLlm, LlmRequest, LlmResponse
from google.adk.runners import Runner
from google.adk.sessions import InMemorySessionService
from google.adk.sessions.base_session_service import GetSessionConfig
from google.genai import types

from statebase import RateLimitError, StateBase
from statebase.integrations.google_adk import StateBaseMemoryService, StateBaseSessionService
from tests.integrations.conftest import Service

Work = Callable[[Any], Coroutine[Any, Any, Any]]
ADA: Any = {"app_name": "pottery", "user_id": "ada"}


@pytest.fixture(params=["sync", "async"])
def run(request: pytest.FixtureRequest, service: Service) -> Callable[[Work], Any]:
    """Run a coroutine with a client of each kind."""

    def made(work: Work) -> Any:
        async def main() -> Any:
            if request.param == "sync":
                return await work(service.sync())
            async with service.asynchronous() as client:
                return await work(client)

        return asyncio.run(main())

    return made


def said(text: str, author: str = "user", at: float = 1_000.0, state: Optional[Dict[str, Any]] = None) -> Event:
    content = types.Content(role=author, parts=[types.Part(text=text)])
    return Event(
        author=author,
        content=content,
        timestamp=at,
        invocation_id="run",
        actions=EventActions(state_delta=state or {}),
    )


async def story(service: Any) -> List[Any]:
    """Use a session service, and return all that it said."""
    seen: List[Any] = []
    first = await service.create_session(
        **ADA, session_id=" one ", state={"app:name": "Clay", "user:city": "Graz", "cups": 1, "none": None}
    )
    seen.append((first.id, first.state))
    second = await service.create_session(**ADA, session_id="two")
    seen.append((second.id, second.state))
    other = await service.create_session(app_name="pottery", user_id="bob", session_id="one")
    seen.append((other.id, other.state))
    elsewhere = await service.create_session(app_name="bakery", user_id="ada", session_id="one")
    seen.append(elsewhere.state)
    for number in range(7):
        event = said(
            f"text {number} \U0001f600",
            at=2_000.0 + number,
            state={"cups": number, "app:count": number, "user:last": [number], "temp:draft": "x"},
        )
        await service.append_event(first, event)
        event.custom_metadata = {"none": None}
    seen.append((first.state["cups"], first.last_update_time))
    configs = [None, GetSessionConfig(num_recent_events=3), GetSessionConfig(after_timestamp=2_004.0)]
    configs += [GetSessionConfig(num_recent_events=0), GetSessionConfig(num_recent_events=2, after_timestamp=2_006.0)]
    for config in configs:
        found = await service.get_session(**ADA, session_id="one", config=config)
        texts = [(event.content.parts[0].text, event.actions.state_delta) for event in found.events]
        state = {key: value for key, value in found.state.items() if not key.startswith("temp:")}
        seen.append((found.id, state, texts, found.last_update_time))
    await service.append_event(second, said("later", at=9e9))
    listed = (await service.list_sessions(**ADA)).sessions
    kept = [{key: value for key, value in each.state.items() if not key.startswith("temp:")} for each in listed]
    seen.append([(each.id, each.user_id, each.events) for each in listed])
    seen.append(kept)
    everyone = (await service.list_sessions(app_name="pottery")).sessions
    seen.append(sorted((each.user_id, each.id) for each in everyone))
    seen.append(await service.get_session(**ADA, session_id="none"))
    seen.append(await service.get_session(app_name="none", user_id="ada", session_id="one"))
    seen.append((await service.list_sessions(app_name="none")).sessions)
    seen.append(await service.get_user_state(**ADA))
    seen.append(await service.get_user_state(app_name="none", user_id="ada"))
    with pytest.raises(AlreadyExistsError):
        await service.create_session(**ADA, session_id="one")
    await service.delete_session(**ADA, session_id="one")
    await service.delete_session(**ADA, session_id="one")
    seen.append(await service.get_session(**ADA, session_id="one"))
    with pytest.raises(SessionNotFoundError):
        await service.append_event(first, said("too late"))
    again = await service.create_session(**ADA, session_id="one")
    seen.append((again.state, again.events))
    return seen


def test_same_as_the_service_in_memory(run: Callable[[Work], Any]) -> None:
    expected = asyncio.run(story(InMemorySessionService()))

    assert run(lambda client: story(StateBaseSessionService(client))) == expected


def test_events_come_back_equal(run: Callable[[Work], Any]) -> None:
    call = types.FunctionCall(id="1", name="look_up", args={"order": None, "deep": [{"a": None}]})
    content = types.Content(
        role="model",
        parts=[types.Part(function_call=call), types.Part(inline_data=types.Blob(data=b"\0\xff", mime_type="a/b"))],
    )
    event = Event(author="agent", content=content, invocation_id="run", long_running_tool_ids={"1"}, branch="a.b")

    async def work(client: Any) -> Any:
        service = StateBaseSessionService(client)
        session = await service.create_session(**ADA)
        await service.append_event(session, event)
        found = await service.get_session(**ADA, session_id=session.id)
        assert found is not None
        return found.events

    assert run(work) == [event]


def test_partial_events_and_temporary_state_are_not_stored(run: Callable[[Work], Any]) -> None:
    async def work(client: Any) -> Any:
        service = StateBaseSessionService(client)
        session = await service.create_session(**ADA, state={"temp:a": 1})
        await service.append_event(session, said("x", state={"temp:b": 2}))
        partial = said("y")
        partial.partial = True
        await service.append_event(session, partial)
        found = await service.get_session(**ADA, session_id=session.id)
        assert found is not None
        return session.state, found.state, [event.actions.state_delta for event in found.events]

    assert run(work) == ({"temp:b": 2}, {}, [{}])


def test_more_events_than_one_request_returns(run: Callable[[Work], Any]) -> None:
    async def work(client: Any) -> Any:
        service = StateBaseSessionService(client)
        session = await service.create_session(**ADA)
        for number in range(120):
            await service.append_event(session, said(str(number), at=1_000.0 + number))
        found = []
        for config in (None, GetSessionConfig(num_recent_events=70), GetSessionConfig(after_timestamp=1_020.0)):
            got = await service.get_session(**ADA, session_id=session.id, config=config)
            assert got is not None
            found.append([int(event.timestamp) - 1_000 for event in got.events])
        return found

    assert run(work) == [list(range(120)), list(range(50, 120)), list(range(20, 120))]


def test_one_of_racing_creators_gets_the_session(run: Callable[[Work], Any]) -> None:
    async def create(service: Any, number: int) -> Any:
        try:
            return (await service.create_session(**ADA, session_id="one", state={"by": number})).state["by"]
        except AlreadyExistsError:
            return None

    async def work(client: Any) -> Any:
        services = [StateBaseSessionService(client) for _ in range(8)]
        won = await asyncio.gather(*(create(service, number) for number, service in enumerate(services)))
        session = await services[0].get_session(**ADA, session_id="one")
        assert session is not None
        return [each for each in won if each is not None], session.state["by"], session.events

    winners, stored, events = run(work)
    assert winners == [stored]
    assert events == []


def test_writers_at_the_same_time_lose_nothing(run: Callable[[Work], Any]) -> None:
    async def work(client: Any) -> Any:
        service = StateBaseSessionService(client)
        session = await service.create_session(**ADA)
        copies = [await service.get_session(**ADA, session_id=session.id) for _ in range(8)]
        await asyncio.gather(
            *(
                service.append_event(copy, said(str(number), state={f"k{number}": number, f"app:{number}": 1}))
                for number, copy in enumerate(copies)
                if copy is not None
            )
        )
        found = await service.get_session(**ADA, session_id=session.id)
        assert found is not None
        return sorted(str(event.content.parts[0].text) for event in found.events if event.content), len(found.state)

    assert run(work) == ([str(number) for number in range(8)], 16)


@pytest.mark.parametrize("method", ["sessions.add_turn", "sessions.update_state", "sessions.list"])
@pytest.mark.parametrize("fault", ["drop_after_commit", "drop_before_send", "rate_limit", "server_error"])
def test_faults_neither_lose_nor_double(statebase_client: StateBase, faults: Any, fault: str, method: str) -> None:
    async def main() -> Any:
        service = StateBaseSessionService(statebase_client)
        session = await service.create_session(**ADA)
        getattr(faults, fault)(on=method)
        event = await service.append_event(session, said("hi", state={"a": 1, "app:b": 2, "user:c": 3}))
        await service.append_event(session, event)
        found = await service.get_session(**ADA, session_id=session.id)
        assert found is not None
        return len(session.events), found.events == session.events, found.state

    assert asyncio.run(main()) == (1, True, {"a": 1, "app:b": 2, "user:c": 3})


def test_event_is_stored_once_although_the_service_gave_up_between(statebase_client: StateBase, faults: Any) -> None:
    """The state is changed, the event is refused, the caller delivers it again."""

    async def main() -> Any:
        service = StateBaseSessionService(statebase_client)
        session = await service.create_session(**ADA)
        event = said("hi", state={"a": 1})
        faults.rate_limit(retry_after=3600, on="sessions.add_turn")
        with pytest.raises(RateLimitError):
            await service.append_event(session, event)
        assert (session.events, session.state) == ([], {})
        await service.append_event(session, event)
        found = await service.get_session(**ADA, session_id=session.id)
        assert found is not None
        return found.events == [event], found.state, statebase_client.sessions.list("google-adk:pottery").data

    stored, state, sessions = asyncio.run(main())
    assert stored and state == {"a": 1}
    assert statebase_client.sessions.get(sessions[0].id).turn_count == 2


def test_round_trips(statebase_client: StateBase, faults: Any) -> None:
    async def main() -> List[int]:
        service, memory = StateBaseSessionService(statebase_client), StateBaseMemoryService(statebase_client)
        session = await service.create_session(**ADA, session_id="one")
        counts: List[int] = []
        for work in (
            lambda: service.create_session(**ADA),
            lambda: service.append_event(session, said("a")),
            lambda: service.append_event(session, said("b", state={"a": 1})),
            lambda: service.append_event(session, said("c", state={"app:a": 1})),
            lambda: service.get_session(**ADA, session_id="one"),
            lambda: service.list_sessions(**ADA),
            lambda: service.delete_session(**ADA, session_id="one"),
            lambda: memory.add_session_to_memory(session),
            lambda: memory.search_memory(**ADA, query="a"),
        ):
            before = len(faults.requests)
            await work()
            counts.append(len(faults.requests) - before)
        return counts

    assert asyncio.run(main()) == [4, 2, 3, 5, 4, 5, 2, 4, 1]


def test_memories_of_a_session(run: Callable[[Work], Any]) -> None:
    async def work(client: Any) -> Any:
        service, memory = StateBaseSessionService(client), StateBaseMemoryService(client, threshold=0.1)
        session = await service.create_session(**ADA)
        await service.append_event(session, said("My cup is blue, with a handle of wood"))
        await service.append_event(session, said("Noted: a blue cup", "agent", at=2_000.0))
        await memory.add_session_to_memory(session)
        await memory.add_session_to_memory(session)
        await service.append_event(session, said("I moved to Graz"))
        await memory.add_session_to_memory(session)
        found = (await memory.search_memory(**ADA, query="blue cup")).memories
        texts = [str(each.content.parts[0].text) for each in found if each.content.parts]
        assert sorted(texts[:2]) == ["My cup is blue, with a handle of wood", "Noted: a blue cup"]
        assert len(texts) == len(set(texts))
        noted = found[texts.index("Noted: a blue cup")]
        assert (noted.author, noted.timestamp) == ("agent", "1970-01-01T00:33:20+00:00")
        strangers = [("bakery", "ada"), ("pottery", "bob")]
        for app, user in strangers:
            assert (await memory.search_memory(app_name=app, user_id=user, query="blue cup")).memories == []
        await memory.delete_memory(**ADA, memory_id=noted.id)
        await memory.delete_memory(**ADA, memory_id=noted.id)
        left = (await memory.search_memory(**ADA, query="blue cup")).memories
        return next(str(each.content.parts[0].text) for each in left if each.content.parts)

    assert run(work) == "My cup is blue, with a handle of wood"


@pytest.mark.parametrize("fault", ["drop_after_commit", "rate_limit"])
def test_lost_answers_of_memories_make_no_second_ones(statebase_client: StateBase, faults: Any, fault: str) -> None:
    async def main() -> int:
        memory = StateBaseMemoryService(statebase_client)
        getattr(faults, fault)(on="memory.add")
        await memory.add_events_to_memory(**ADA, events=[said("blue"), said("red")])
        return len(statebase_client.memory.list("ada"))

    assert asyncio.run(main()) == 2


@pytest.mark.parametrize("arguments", [{"top_k": 0}, {"top_k": 51}, {"threshold": -1}, {"threshold": 2}])
def test_wrong_arguments(statebase_client: StateBase, arguments: Any) -> None:
    with pytest.raises(ValueError, match=next(iter(arguments))):
        StateBaseMemoryService(statebase_client, **arguments)


class Scripted(BaseLlm):
    """A model that calls a tool, then answers with the number of contents that it was given."""

    model: str = "scripted"

    async def generate_content_async(
        self, llm_request: LlmRequest, stream: bool = False
    ) -> AsyncGenerator[LlmResponse, None]:
        last = (llm_request.contents[-1].parts or [types.Part()])[0]
        if last.text == "Where is order 42?":
            part = types.Part(function_call=types.FunctionCall(name="look_up", args={"order": "42"}))
        else:
            part = types.Part(text=f"I was given {len(llm_request.contents)} contents.")
        yield LlmResponse(content=types.Content(role="model", parts=[part]))


def test_agent_with_a_tool_remembers(run: Callable[[Work], Any]) -> None:
    """A real run of the framework; the second one, with new services, is given what the first one said and did."""

    def look_up(order: str) -> str:
        """Look up an order."""
        return f"order {order} is on its way"

    async def ask(client: Any, question: str) -> str:
        agent = LlmAgent(name="support", model=Scripted(), tools=[look_up], output_key="answer")
        runner = Runner(
            app_name="pottery",
            agent=agent,
            session_service=StateBaseSessionService(client),
            memory_service=StateBaseMemoryService(client),
        )
        content = types.Content(role="user", parts=[types.Part(text=question)])
        async for _ in runner.run_async(user_id="ada", session_id="chat", new_message=content):
            pass
        session = await runner.session_service.get_session(**ADA, session_id="chat")
        assert session is not None
        return str(session.state["answer"])

    async def work(client: Any) -> Any:
        await StateBaseSessionService(client).create_session(**ADA, session_id="chat")
        return await ask(client, "Where is order 42?"), await ask(client, "What did I ask?")

    assert run(work) == ("I was given 3 contents.", "I was given 5 contents.")
