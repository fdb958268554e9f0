"""Sessions of the OpenAI Agents SDK: the same as those of its SQLiteSession, on every service, with either client."""

from __future__ import annotations

import asyncio
import random
from typing import Any, Callable, Coroutine, List

import pytest
from agents import Agent, Runner, SQLiteSession, function_tool
from agents.memory import Session, SessionSettings
from agents.testing import ScriptedModel, assistant_message, function_call

from statebase import AsyncStateBase, StateBase
from statebase.integrations.openai_agents import StateBaseSession
from tests.integrations.conftest import Service

Work = Callable[[Any], Coroutine[Any, Any, Any]]


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


def item(number: int) -> Any:
    return {"role": "user", "content": f"text {number} \U0001f600 {chr(number % 0x250)}"}


async def walk(ours: Any, theirs: Any, steps: int, seed: int) -> None:
    """Do the same with both, and compare what they return."""
    choose = random.Random(seed)
    for number in range(steps):
        what = choose.choices(["add", "pop", "get", "clear"], [6, 4, 5, 0.15])[0]
        results: List[Any] = []
        limit = choose.choice([None, None, 0, 1, 2, 7, 60, -1])
        added = [item(number * 10 + place) for place in range(choose.choice([0, 1, 1, 2, 5]))]
        for session in (ours, theirs):
            if what == "add":
                results.append(await session.add_items(added))
            elif what == "pop":
                results.append(await session.pop_item())
            elif what == "clear":
                results.append(await session.clear_session())
            else:
                results.append(await session.get_items(limit))
        assert results[0] == results[1], (number, what)


def test_it_is_a_session() -> None:
    with StateBase.local() as client:
        assert isinstance(StateBaseSession(client, "chat"), Session)


def test_same_as_the_sdks_own_session(run: Callable[[Work], Any], service: Service) -> None:
    async def work(client: Any) -> None:
        await walk(StateBaseSession(client, "chat"), SQLiteSession("chat"), 150, seed=len(service.kind))

    run(work)


def test_same_over_ten_thousand_operations() -> None:
    async def main() -> None:
        with StateBase.local() as client:
            for seed in range(50):
                await walk(StateBaseSession(client, f"chat {seed}"), SQLiteSession(f"chat {seed}"), 200, seed)

    asyncio.run(main())


def test_each_conversation_and_user_has_its_own_items(run: Callable[[Work], Any]) -> None:
    async def work(client: Any) -> List[Any]:
        names = [("one", "ada"), ("one", "bob"), ("two", "ada"), ("one", None)]
        sessions = [StateBaseSession(client, name, user_id=user) for name, user in names]
        for number, session in enumerate(sessions):
            await session.add_items([item(number)])
        return [await StateBaseSession(client, name, user_id=user).get_items() for name, user in names]

    assert run(work) == [[item(number)] for number in range(4)]


def test_racing_pops_get_distinct_items(run: Callable[[Work], Any]) -> None:
    async def work(client: Any) -> List[Any]:
        await StateBaseSession(client, "chat").add_items([item(number) for number in range(45)])
        popped = await asyncio.gather(*(StateBaseSession(client, "chat").pop_item() for _ in range(40)))
        rest = await StateBaseSession(client, "chat").get_items()
        return [*rest, *sorted(popped, key=lambda each: int(each["content"].split()[1]))]

    assert run(work) == [item(number) for number in range(45)]


def test_limit_of_the_settings(run: Callable[[Work], Any]) -> None:
    async def work(client: Any) -> Any:
        session = StateBaseSession(client, "chat", session_settings=SessionSettings(limit=2))
        await session.add_items([item(number) for number in range(5)])
        return await session.get_items(), await session.get_items(3)

    assert run(work) == ([item(3), item(4)], [item(2), item(3), item(4)])


def test_deleted_conversation_begins_anew(run: Callable[[Work], Any], service: Service) -> None:
    async def work(client: Any) -> List[Any]:
        session = StateBaseSession(client, "chat")
        await session.add_items([item(1)])
        await session.delete()
        await session.add_items([item(2)])
        return await session.get_items()

    assert run(work) == [item(2)]
    assert len(service.sync().sessions.list(agent_id="openai-agents")) == 1


def test_agent_with_a_tool_remembers(run: Callable[[Work], Any]) -> None:
    """A real run of the SDK: the second one is given what the first one said and did."""

    @function_tool
    def look_up(order: str) -> str:
        """Look up an order."""
        return f"order {order} is on its way"

    async def work(client: Any) -> Any:
        model = ScriptedModel(
            [
                [function_call("look_up", {"order": "42"}, call_id="call_1")],
                [assistant_message("It is on its way.")],
                [assistant_message("You asked about order 42.")],
            ]
        )
        agent = Agent("support", model=model, tools=[look_up])
        await Runner.run(agent, "Where is order 42?", session=StateBaseSession(client, "chat"))
        result = await Runner.run(agent, "What did I ask?", session=StateBaseSession(client, "chat"))
        last = model.last_call
        assert last is not None
        return result.final_output, [part.get("content") or part.get("output") for part in last.input]

    output, given = run(work)

    assert output == "You asked about order 42."
    assert given[0] == "Where is order 42?"
    assert "order 42 is on its way" in given
    assert given[-1] == "What did I ask?"


@pytest.mark.parametrize("fault", ["drop_after_commit", "drop_before_send", "rate_limit", "server_error"])
def test_faults_neither_lose_nor_double(statebase_client: StateBase, faults: Any, fault: str) -> None:
    async def main() -> Any:
        session = StateBaseSession(statebase_client, "chat")
        await session.add_items([item(0)])
        inject = getattr(faults, fault)
        inject(on="sessions.add_turn")
        await session.add_items([item(1), item(2)])
        inject(on="sessions.add_turn")
        popped = await session.pop_item()
        return popped, await session.get_items()

    assert asyncio.run(main()) == (item(2), [item(0), item(1)])


def test_lost_answer_of_the_session_makes_no_second_one(async_statebase_client: AsyncStateBase, faults: Any) -> None:
    async def main() -> Any:
        faults.drop_after_commit(1)
        session = StateBaseSession(async_statebase_client, "chat")
        await session.add_items([item(1)])
        listed = await async_statebase_client.sessions.list(agent_id="openai-agents")
        return len(listed), await session.get_items()

    assert asyncio.run(main()) == (1, [item(1)])


def test_round_trips(statebase_client: StateBase, faults: Any) -> None:
    async def main() -> List[int]:
        session = StateBaseSession(statebase_client, "chat")
        await session.add_items([item(1)])
        counts: List[int] = []
        for call in (
            lambda: session.add_items([item(2)]),
            session.get_items,
            session.pop_item,
            session.clear_session,
        ):
            before = len(faults.requests)
            await call()
            counts.append(len(faults.requests) - before)
        return counts

    assert asyncio.run(main()) == [1, 1, 2, 1]
