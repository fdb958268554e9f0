"""Providers of Microsoft's Agent Framework: histories and memories, on every service, with either client."""

from __future__ import annotations

import asyncio
from typing import Any, Callable, Coroutine, List, Mapping, Sequence

import pytest
from agent_framework import Agent, BaseChatClient, ChatResponse, Content, Message

from statebase import RateLimitError, StateBase
from statebase.integrations.agent_framework import StateBaseContextProvider, StateBaseHistoryProvider
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


class Scripted(BaseChatClient[Any]):
    """A model that answers with the texts that it was given, and keeps the options."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: List[Mapping[str, Any]] = []

    def _inner_get_response(
        self, *, messages: Sequence[Message], stream: bool, options: Mapping[str, Any], **kwargs: Any
    ) -> Any:
        self.seen.append(options)
        text = " | ".join(message.text for message in messages if message.role != "system")

        async def answer() -> ChatResponse:
            return ChatResponse(messages=Message("assistant", [f"<{text}>"]))

        return answer()


def test_messages_come_back_equal(run: Callable[[Work], Any]) -> None:
    messages = [
        Message("user", ["hi \U0001f600"], author_name="Ada", additional_properties={"a": 1}),
        Message("assistant", [Content.from_function_call("1", "look_up", arguments={"order": None})]),
        Message("tool", [Content.from_function_result("1", result="on its way")]),
    ]

    async def work(client: Any) -> Any:
        await StateBaseHistoryProvider(client).save_messages("chat", messages[:1])
        await StateBaseHistoryProvider(client).save_messages("chat", messages[1:])
        return await StateBaseHistoryProvider(client).get_messages("chat")

    assert [each.to_dict() for each in run(work)] == [each.to_dict() for each in messages]


def test_agent_goes_on_with_another_provider(run: Callable[[Work], Any]) -> None:
    """A real run of the framework: the second one, with nothing but the id, is given what was said in the first one."""

    async def work(client: Any) -> List[str]:
        answers: List[str] = []
        for question in ("one", "two"):
            agent = Agent(client=Scripted(), context_providers=[StateBaseHistoryProvider(client)])
            answers.append((await agent.run(question, session=agent.create_session(session_id="chat"))).text)
        return answers

    assert run(work) == ["<one>", "<one | <one> | two>"]


def test_agent_is_told_the_memories_that_fit(run: Callable[[Work], Any], service: Service) -> None:
    service.sync().memory.add("Ada drinks green tea every morning", user_id="ada")

    async def work(client: Any) -> Any:
        model = Scripted()
        agent = Agent(client=model, context_providers=[StateBaseContextProvider(client, user_id="ada", top_k=1)])
        await agent.run("What tea does Ada drink?")
        other = Agent(client=model, context_providers=[StateBaseContextProvider(client, user_id="bob", top_k=1)])
        await other.run("What tea does Ada drink?")
        return [each.get("instructions") for each in model.seen]

    assert run(work) == ["What is known about the user:\n- Ada drinks green tea every morning", None]


def test_sessions_and_users_are_apart_and_deleted_ones_begin_anew(run: Callable[[Work], Any]) -> None:
    async def work(client: Any) -> Any:
        ada, bob = (StateBaseHistoryProvider(client, user_id=user) for user in ("ada", "bob"))
        for place, (provider, name) in enumerate([(ada, "a"), (ada, "b"), (bob, "a")]):
            await provider.save_messages(name, [Message("user", [str(place)])])
        await ada.delete("a")
        await ada.save_messages("a", [Message("user", ["new"])])
        await ada.save_messages(None, [Message("user", ["lost"])])
        found = [await ada.get_messages("a"), await ada.get_messages("b"), await bob.get_messages("a")]
        return [[each.text for each in one] for one in found], await ada.get_messages(None)

    assert run(work) == ([["new"], ["1"], ["2"]], [])


@pytest.mark.parametrize("fault", ["drop_after_commit", "drop_before_send", "rate_limit", "server_error"])
def test_faults_neither_lose_nor_double(statebase_client: StateBase, faults: Any, fault: str) -> None:
    async def main() -> List[str]:
        provider = StateBaseHistoryProvider(statebase_client)
        getattr(faults, fault)(on="sessions.add_turn")
        await provider.save_messages("chat", [Message("user", ["hi"])])
        return [each.text for each in await provider.get_messages("chat")]

    assert asyncio.run(main()) == ["hi"]


def test_a_service_that_stays_busy_is_an_error(statebase_client: StateBase, faults: Any) -> None:
    faults.rate_limit(retry_after=3600, on="sessions.add_turn")
    with pytest.raises(RateLimitError):
        asyncio.run(StateBaseHistoryProvider(statebase_client).save_messages("chat", [Message("user", ["hi"])]))
    assert asyncio.run(StateBaseHistoryProvider(statebase_client).get_messages("chat")) == []


def test_round_trips(statebase_client: StateBase, faults: Any) -> None:
    async def main() -> List[int]:
        provider = StateBaseHistoryProvider(statebase_client)
        await provider.get_messages("other")  # the first request of a client asks for its extensions
        counts = [len(faults.requests)]
        await provider.save_messages("chat", [Message("user", ["hi"])])
        counts.append(len(faults.requests))
        await provider.get_messages("chat")
        return [counts[1] - counts[0], len(faults.requests) - counts[1]]

    assert asyncio.run(main()) == [2, 2]


@pytest.mark.parametrize("arguments", [{"top_k": 0}, {"threshold": 2}])
def test_wrong_arguments(statebase_client: StateBase, arguments: Any) -> None:
    with pytest.raises(ValueError, match=next(iter(arguments))):
        StateBaseContextProvider(statebase_client, user_id="ada", **arguments)
