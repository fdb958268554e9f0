"""Histories and memories of Microsoft's Agent Framework in StateBase, shared by processes and machines.

    from agent_framework import Agent
    from statebase import StateBase
    from statebase.integrations.agent_framework import StateBaseContextProvider, StateBaseHistoryProvider

    client = StateBase.local("agents.db")
    providers = [StateBaseHistoryProvider(client), StateBaseContextProvider(client, user_id="ada")]
    agent = Agent(client=model, context_providers=providers)

The messages of a run are one record of a log.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Optional

from ._log import Log
from ._requires import requires
from ._steps import Client, call, run_async

requires("agent-framework", "agent_framework")

from agent_framework import (  # noqa: E402
    AgentSession,
    ContextProvider,
    HistoryProvider,
    Message,
    SessionContext,
    SupportsAgentRun,
)

AGENT = "agent-framework"
"""The agent of the sessions, unless another one is given."""


class StateBaseHistoryProvider(HistoryProvider):
    """Keeps the messages of sessions; a session is kept for 30 days after its last use.

    Args:
        client: A `StateBase` or `AsyncStateBase` client.
        source_id: The name of the provider within an agent. Default: "statebase".
        user_id: The user of the sessions, by your own id. Each user has their own sessions.
        agent_id: The agent of the sessions in StateBase. Default: "agent-framework".
        **options: What to load and store, as in `HistoryProvider`.
    """

    def __init__(
        self,
        client: Client,
        source_id: str = "statebase",
        *,
        user_id: Optional[str] = None,
        agent_id: str = AGENT,
        **options: Any,
    ) -> None:
        super().__init__(source_id, **options)
        self._client = client
        self._user_id = user_id
        self._agent_id = agent_id

    async def get_messages(
        self, session_id: Optional[str], *, state: Optional[dict[str, Any]] = None, **kwargs: Any
    ) -> list[Message]:
        """Return the messages of a session, oldest first; none if it has no id."""
        if session_id is None:
            return []
        records = await run_async(self._client, self._log(session_id).back(lambda record: False))
        return [Message.from_dict(message) for record in records[::-1] for message in record.body]

    async def save_messages(
        self,
        session_id: Optional[str],
        messages: Sequence[Message],
        *,
        state: Optional[dict[str, Any]] = None,
        **kwargs: Any,
    ) -> None:
        """Add messages at the end of a session, all or none; nothing is stored if it has no id."""
        if session_id is not None and messages:
            body = [message.to_dict(exclude={"raw_representation"}) for message in messages]
            await run_async(self._client, self._log(session_id).append("messages", body))

    async def delete(self, session_id: str) -> None:
        """Delete the messages of a session."""
        await run_async(self._client, self._log(session_id).delete())

    def _log(self, session_id: str) -> Log:
        return Log(self._agent_id, session_id, self._user_id)


class StateBaseContextProvider(ContextProvider):
    """Adds the memories of a user that fit the input of a run to the instructions.

    Args:
        client: A `StateBase` or `AsyncStateBase` client.
        source_id: The name of the provider within an agent. Default: "statebase-memory".
        user_id: The user whose memories are searched, by your own id.
        top_k: The largest number of memories, 1 to 50. Default: 5.
        threshold: The lowest score of a memory, 0 to 1. Default: 0.3.
        heading: The line before the memories.
    """

    def __init__(
        self,
        client: Client,
        source_id: str = "statebase-memory",
        *,
        user_id: str,
        top_k: int = 5,
        threshold: float = 0.3,
        heading: str = "What is known about the user:",
    ) -> None:
        super().__init__(source_id)
        if not 1 <= top_k <= 50:
            raise ValueError("top_k must be 1 to 50")
        if not 0 <= threshold <= 1:
            raise ValueError("threshold must be 0 to 1")
        self._client = client
        self._user_id = user_id
        self._top_k = top_k
        self._threshold = threshold
        self._heading = heading

    async def before_run(
        self, *, agent: SupportsAgentRun, session: AgentSession, context: SessionContext, state: dict[str, Any]
    ) -> None:
        """Search the memories for the text of the input, and add those found to the instructions."""
        query = "\n".join(message.text for message in context.input_messages if message.text).strip()
        if not query:
            return
        found = await run_async(
            self._client,
            call(
                lambda client: client.memory.search(
                    query[:10_000], user_id=self._user_id, limit=self._top_k, threshold=self._threshold
                )
            ),
        )
        if found:
            lines = [self._heading, *(f"- {memory.content}" for memory in found)]
            context.extend_instructions(self.source_id, "\n".join(lines))
