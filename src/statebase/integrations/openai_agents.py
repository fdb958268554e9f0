"""Sessions of the OpenAI Agents SDK in StateBase: the history of a conversation, shared by processes and machines.

    from agents import Agent, Runner
    from statebase import StateBase
    from statebase.integrations.openai_agents import StateBaseSession

    session = StateBaseSession(StateBase.local("agents.db"), "chat-42", user_id="ada")
    result = await Runner.run(Agent("Assistant"), "My cup is broken.", session=session)

Items are records of a log, and so are their removals. Writers at the same time, in any process, have one order, and an
item is popped once.
"""

from __future__ import annotations

from typing import Any, List, Optional

from ._log import Log, Record
from ._requires import requires
from ._steps import Client, Steps, run_async

requires("openai-agents", "agents")

from agents.items import TResponseInputItem  # noqa: E402
from agents.memory import SessionSettings  # noqa: E402

AGENT = "openai-agents"
"""The agent of the sessions, unless another one is given."""
_ADD, _POP, _CLEAR = "items", "pop", "clear"


class StateBaseSession:
    """The history of a conversation; implements the `Session` protocol of the OpenAI Agents SDK.

    Popped and cleared items stay stored, as records that are no longer read, until `delete`, `client.erase_user`, or
    the end of the session's life of 30 days after its last use.

    Args:
        client: A `StateBase` or `AsyncStateBase` client.
        session_id: The name of the conversation, 1 to 200 characters.
        user_id: The user of the conversation, by your own id. Each user has their own names.
        agent_id: The agent of the session in StateBase. Default: "openai-agents".
        session_settings: Settings of the SDK, such as the default limit of `get_items`.

    Example:
        >>> import asyncio
        >>> conversation = StateBaseSession(client, "chat-42")
        >>> asyncio.run(conversation.add_items([{"role": "user", "content": "hi"}]))
        >>> asyncio.run(conversation.get_items())
        [{'role': 'user', 'content': 'hi'}]
    """

    session_id: str
    session_settings: Optional[SessionSettings]

    def __init__(
        self,
        client: Client,
        session_id: str,
        *,
        user_id: Optional[str] = None,
        agent_id: str = AGENT,
        session_settings: Optional[SessionSettings] = None,
    ) -> None:
        self.session_id = session_id
        self.session_settings = session_settings or SessionSettings()
        self._client = client
        self._log = Log(agent_id, session_id, user_id)

    async def get_items(self, limit: Optional[int] = None) -> List[TResponseInputItem]:
        """Return the items of the conversation, oldest first.

        Args:
            limit: The largest number of items; the newest are returned. A negative number: all, as in `SQLiteSession`.
                Default: the limit of `session_settings`, else all.
        """
        if limit is None and self.session_settings is not None:
            limit = self.session_settings.limit
        if limit == 0:
            return []
        return await run_async(self._client, self._items(None if limit is None or limit < 0 else limit))

    async def add_items(self, items: List[TResponseInputItem]) -> None:
        """Add items at the end of the conversation, all or none."""
        if items:
            await run_async(self._client, self._log.append(_ADD, list(items)))

    async def pop_item(self) -> Optional[TResponseInputItem]:
        """Remove the newest item and return it; None if there is none. Of several callers each gets another item."""
        return await run_async(self._client, self._pop())

    async def clear_session(self) -> None:
        """Remove all items."""
        await run_async(self._client, self._log.append(_CLEAR, None))

    async def delete(self) -> None:
        """Delete the conversation with everything that was ever stored for it."""
        await run_async(self._client, self._log.delete())

    def _items(self, limit: Optional[int]) -> Steps[List[Any]]:
        history = _History(limit)
        yield from self._log.back(history.add)
        return history.items[::-1]

    def _pop(self) -> Steps[Any]:
        newest = _History(1)
        records = yield from self._log.back(newest.add)
        if not newest.items:
            return None
        number = yield from self._log.append(_POP, None)
        if number != records[0].number + 1:
            # Others wrote in between: the item is the newest one before this record.
            newest = _History(1)
            yield from self._log.back(lambda record: record.number < number and newest.add(record))
        return newest.items[0] if newest.items else None


class _History:
    """The items of a conversation, put together from its records, the newest first.

    Args:
        limit: The number of items that is enough; None for all.
    """

    def __init__(self, limit: Optional[int]) -> None:
        self.items: List[Any] = []
        self._limit = limit
        self._popped = 0

    def add(self, record: Record) -> bool:
        """Add the record before those so far, and return whether nothing before it is needed."""
        if record.head == _CLEAR:
            return True
        if record.head == _POP:
            self._popped += 1
            return False
        for item in reversed(record.body):
            if self._popped:
                self._popped -= 1
            elif self._limit is None or len(self.items) < self._limit:
                self.items.append(item)
        return self._limit is not None and len(self.items) >= self._limit
