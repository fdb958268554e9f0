"""Memories of the Agent Development Kit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any, Optional

from statebase import NotFoundError

from .._requires import requires
from .._steps import Client, Steps, call, gather, run_async
from .keys import digest

requires("google-adk", "google.adk.sessions", "google.adk.memory", python=(3, 11))

from google.adk.events import Event  # noqa: E402
from google.adk.memory import BaseMemoryService  # noqa: E402
from google.adk.memory.base_memory_service import SearchMemoryResponse  # noqa: E402
from google.adk.memory.memory_entry import MemoryEntry  # noqa: E402
from google.adk.sessions import Session  # noqa: E402
from google.genai import types  # noqa: E402


class StateBaseMemoryService(BaseMemoryService):
    """Remembers what was said in sessions, and finds it by meaning; each event with text is a memory of the user.

    Args:
        client: A `StateBase` or `AsyncStateBase` client.
        top_k: The largest number of memories that a search returns, 1 to 50. Default: 10.
        threshold: The lowest score of a memory, 0 to 1. Default: 0.3.
    """

    def __init__(self, client: Client, *, top_k: int = 10, threshold: float = 0.3) -> None:
        if not 1 <= top_k <= 50:
            raise ValueError("top_k must be 1 to 50")
        if not 0 <= threshold <= 1:
            raise ValueError("threshold must be 0 to 1")
        self._client = client
        self._top_k = top_k
        self._threshold = threshold

    async def add_session_to_memory(self, session: Session) -> None:
        """Remember the events of a session that are not remembered yet."""
        await self.add_events_to_memory(
            app_name=session.app_name, user_id=session.user_id, events=session.events, session_id=session.id
        )

    async def add_events_to_memory(
        self,
        *,
        app_name: str,
        user_id: str,
        events: Sequence[Event],
        session_id: Optional[str] = None,
        custom_metadata: Optional[Mapping[str, object]] = None,
    ) -> None:
        """Remember events that are not remembered yet.

        Args:
            app_name: The app.
            user_id: The user.
            events: The events; those without text are left out.
            session_id: The session that they are from.
            custom_metadata: Metadata of the memories.
        """
        tag = _tag("session", app_name, session_id or "")
        spoken = [(event, text) for event in events if (text := _text(event.content))]
        await run_async(self._client, _remember(app_name, user_id, tag, spoken, dict(custom_metadata or {})))

    async def search_memory(self, *, app_name: str, user_id: str, query: str) -> SearchMemoryResponse:
        """Return the memories of a user in an app that fit a query, the best match first."""
        tag = _tag("app", app_name)
        found = await run_async(
            self._client,
            call(
                lambda client: client.memory.search(
                    query, user_id=user_id, tags=[tag], limit=self._top_k, threshold=self._threshold
                )
            ),
        )
        return SearchMemoryResponse(memories=[_entry(memory) for memory in found])

    async def delete_memory(self, *, app_name: str, user_id: str, memory_id: Optional[str] = None) -> None:
        """Delete a memory, by the id that a search returned; it is not an error if there is none."""
        if memory_id:
            await run_async(self._client, _forget(memory_id))


def _remember(
    app_name: str, user_id: str, tag: str, spoken: list[tuple[Event, str]], metadata: dict[str, Any]
) -> Steps[None]:
    if not spoken:
        return
    known = yield from call(lambda client: client.memory.list(user_id, tags=[tag]))
    ids = {str((memory.metadata or {}).get("event_id")) for memory in known}

    def add(event: Event, text: str) -> Any:
        moment = datetime.fromtimestamp(event.timestamp, timezone.utc).isoformat()
        return lambda client: client.memory.add(
            text[:10_000],
            "event",
            user_id=user_id,
            tags=[_tag("app", app_name), tag, f"author:{event.author}", f"time:{moment}"],
            metadata={**metadata, "event_id": event.id},
            idempotency_key=digest(user_id, tag, event.id, text),
        )

    yield from gather([add(event, text) for event, text in spoken if event.id not in ids])


def _forget(memory_id: str) -> Steps[None]:
    try:
        yield from call(lambda client: client.memory.delete(memory_id))
    except NotFoundError:
        return


def _entry(memory: Any) -> MemoryEntry:
    said = dict(tag.split(":", 1) for tag in memory.tags or () if ":" in tag)
    author = said.get("author")
    return MemoryEntry(
        id=memory.id,
        content=types.Content(role="user" if author == "user" else "model", parts=[types.Part(text=memory.content)]),
        author=author,
        timestamp=said.get("time"),
        custom_metadata={"score": memory.score},
    )


def _text(content: Optional[types.Content]) -> str:
    return " ".join(part.text for part in (content.parts if content and content.parts else ()) if part.text).strip()


def _tag(kind: str, *names: str) -> str:
    # A digest, as a tag that is searched for contains no comma.
    return f"{kind}-{digest(*names)[:24]}"
