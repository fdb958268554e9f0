"""The retriever of LangChain: its own suite, scopes and filters, faults, and an agent that searches."""

from __future__ import annotations

import asyncio
from typing import Any, List, Type

import pytest
from langchain_core.documents import Document
from langchain_core.language_models import FakeListChatModel
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnablePassthrough
from langchain_tests.integration_tests import RetrieversIntegrationTests
from pydantic import ValidationError

from statebase import ConfigurationError, RateLimitError, StateBase
from statebase.integrations.langchain import StateBaseRetriever
from tests.integrations.conftest import Service

MEMORIES = [
    ("Ada drinks green tea every morning", "preference", ["drinks"]),
    ("Ada drinks tea with milk at night", "fact", ["drinks", "night"]),
    ("Ada bought tea in Kyoto", "event", ["travel"]),
    ("Ada has a teapot of iron", "fact", ["kitchen"]),
]


def remember(client: StateBase) -> str:
    """Store the memories for a user of a session, and return the session's id."""
    session = client.sessions.create("waiter", user_id="ada")
    for content, kind, tags in MEMORIES:
        client.memory.add(content, kind, session.id, tags)
    return session.id


class TestSuite(RetrieversIntegrationTests):
    """LangChain's own tests of retrievers."""

    @pytest.fixture(autouse=True)
    def _prepared(self, service: Service) -> None:
        client = service.sync()
        self._params = {"client": client, "session_id": remember(client), "threshold": 0.0}

    @property
    def retriever_constructor(self) -> Type[BaseRetriever]:
        return StateBaseRetriever

    @property
    def retriever_constructor_params(self) -> Any:
        return self._params

    @property
    def retriever_query_example(self) -> str:
        return "tea"

    @property
    def num_results_arg_name(self) -> str:
        return "top_k"


def test_documents_are_the_best_memories(service: Service) -> None:
    client = service.sync()
    session_id = remember(client)
    retriever = StateBaseRetriever(client=client, session_id=session_id, threshold=0.0, top_k=4)

    documents = retriever.invoke("tea in the morning")

    found = client.memory.search("tea in the morning", session_id, threshold=0.0, limit=4)
    assert [(one.id, one.page_content) for one in documents] == [(one.id, one.content) for one in found]
    first = documents[0]
    assert first.page_content == "Ada drinks green tea every morning"
    assert first.metadata["type"] == "preference"
    assert first.metadata["tags"] == ["drinks"]
    assert first.metadata["session_id"] == session_id
    scores = [one.metadata["score"] for one in documents]
    assert scores == sorted(scores, reverse=True) and 0 < scores[0] <= 1


def test_filters(service: Service) -> None:
    client = service.sync()
    options: Any = {"client": client, "session_id": remember(client), "threshold": 0.0, "top_k": 10}

    def found(**filters: Any) -> List[str]:
        return sorted(one.page_content for one in StateBaseRetriever(**options, **filters).invoke("tea"))

    assert found(memory_types="fact") == [MEMORIES[1][0], MEMORIES[3][0]]
    assert found(memory_types=["event"]) == [MEMORIES[2][0]]
    assert found(memory_tags=["travel"]) == [MEMORIES[2][0]]
    assert found() == sorted(content for content, _, _ in MEMORIES)


def test_memories_of_a_user_in_all_sessions(service: Service) -> None:
    client = service.sync()
    for user in ("ada", "bob"):
        client.memory.add(f"The cup of {user} is blue", user_id=user, metadata={"room": user})

    retriever = StateBaseRetriever(client=client, user_id="ada", threshold=0.0)
    assert [one.page_content for one in retriever.invoke("cup")] == ["The cup of ada is blue"]
    if service.kind != "plain":
        nothing = StateBaseRetriever(client=client, user_id="ada", threshold=0.0, memory_metadata={"room": "x"})
        assert nothing.invoke("cup") == []


def test_threshold_leaves_out_what_does_not_fit(service: Service) -> None:
    client = service.sync()
    retriever = StateBaseRetriever(client=client, session_id=remember(client), top_k=10)

    assert all(one.metadata["score"] >= 0.3 for one in retriever.invoke("green tea"))
    assert StateBaseRetriever(client=client, session_id=retriever.session_id, threshold=1.0).invoke("ship") == []


def test_asynchronous_client(service: Service) -> None:
    session_id = remember(service.sync())

    async def main() -> List[Document]:
        async with service.asynchronous() as client:
            retriever = StateBaseRetriever(client=client, session_id=session_id, top_k=2)
            with pytest.raises(ConfigurationError, match="method to await"):
                retriever.invoke("tea")
            return await retriever.ainvoke("green tea")

    assert asyncio.run(main())[0].page_content == "Ada drinks green tea every morning"


def test_a_chain_answers_from_memory(service: Service) -> None:
    """A chain of LangChain with a scripted model: the prompt contains what was found."""
    client = service.sync()
    retriever = StateBaseRetriever(client=client, session_id=remember(client), top_k=1)
    prompts: List[str] = []

    def keep(prompt: Any) -> Any:
        prompts.append(prompt.to_string())
        return prompt

    chain = (
        {"memories": retriever | (lambda found: found[0].page_content), "question": RunnablePassthrough()}
        | ChatPromptTemplate.from_template("{memories}\n{question}")
        | keep
        | FakeListChatModel(responses=["Green tea."])
        | StrOutputParser()
    )

    assert chain.invoke("What does Ada drink in the morning?") == "Green tea."
    assert prompts == ["Human: Ada drinks green tea every morning\nWhat does Ada drink in the morning?"]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({}, "give user_id or session_id"),
        ({"user_id": "ada", "session_id": "sess_1"}, "give user_id or session_id"),
        ({"user_id": "ada", "top_k": 0}, "top_k"),
        ({"user_id": "ada", "threshold": 1.5}, "threshold"),
    ],
)
def test_wrong_arguments(statebase_client: StateBase, arguments: Any, text: str) -> None:
    with pytest.raises(ValidationError, match=text):
        StateBaseRetriever(client=statebase_client, **arguments)


def test_repr_shows_no_client(statebase_client: StateBase) -> None:
    assert "client" not in repr(StateBaseRetriever(client=statebase_client, user_id="ada"))


@pytest.mark.parametrize("fault", ["drop_after_commit", "drop_before_send", "rate_limit", "server_error"])
def test_faults_are_retried_and_one_search_is_one_request(statebase_client: StateBase, faults: Any, fault: str) -> None:
    retriever = StateBaseRetriever(client=statebase_client, session_id=remember(statebase_client))
    before = len(faults.requests)
    first = retriever.invoke("green tea")
    assert faults.requests[before:] == ["memory.search"]

    getattr(faults, fault)(on="memory.search")

    assert retriever.invoke("green tea") == first
    assert faults.requests[before:] == ["memory.search"] * 3


def test_a_service_that_stays_busy_is_an_error_not_an_empty_result(statebase_client: StateBase, faults: Any) -> None:
    retriever = StateBaseRetriever(client=statebase_client, session_id=remember(statebase_client))
    faults.rate_limit(retry_after=3600, on="memory.search")

    with pytest.raises(RateLimitError):
        retriever.invoke("green tea")
