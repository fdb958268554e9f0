"""Memories of StateBase as documents of LangChain, found by meaning.

from statebase import StateBase
from statebase.integrations.langchain import StateBaseRetriever

retriever = StateBaseRetriever(client=StateBase.local("agents.db"), user_id="ada", top_k=5)
documents = retriever.invoke("What does she drink?")
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Optional, Union

from ._requires import requires
from ._steps import Client, Steps, call, run, run_async

requires("langchain", "langchain_core.retrievers")

from langchain_core.callbacks import (  # noqa: E402
    AsyncCallbackManagerForRetrieverRun,
    CallbackManagerForRetrieverRun,
)
from langchain_core.documents import Document  # noqa: E402
from langchain_core.retrievers import BaseRetriever  # noqa: E402
from pydantic import Field, SkipValidation, model_validator  # noqa: E402
from typing_extensions import Self  # noqa: E402


class StateBaseRetriever(BaseRetriever):
    """Finds memories of a user or of a session by meaning, the best match first.

    The `id` of a document is the id of the memory. Its metadata are `session_id`, `type`, `tags`, `score` (0 to 1,
    higher is closer) and `created_at` (ISO 8601). The fields `tags` and `metadata` of a retriever are LangChain's own:
    they mark its runs in traces.

    Attributes:
        client: A `StateBase` or `AsyncStateBase` client. `StateBase` works with `invoke` and `ainvoke`,
            `AsyncStateBase` with `ainvoke` only.
        user_id: The user whose memories are searched, by your own id.
        session_id: The session whose memories are searched. Give one of `user_id` and `session_id`.
        top_k: The largest number of documents, 1 to 50. Default: 5.
        threshold: The lowest score of a document, 0 to 1. Default: 0.3.
        memory_types: Only memories of one of these types. Default: all.
        memory_tags: Only memories with one of these tags. Default: all.
        memory_metadata: Only memories whose metadata have these values. Default: all.

    Raises:
        ValueError: Both or neither of `user_id` and `session_id` are given, or a number is out of its limits; it is
            pydantic's `ValidationError`.

    Example:
        >>> memory = client.memory.add("Likes green tea", "preference", user_id="ada")
        >>> retriever = StateBaseRetriever(client=client, user_id="ada")
        >>> [document.page_content for document in retriever.invoke("tea")]
        ['Likes green tea']
    """

    client: SkipValidation[Client] = Field(repr=False, exclude=True)
    user_id: Optional[str] = None
    session_id: Optional[str] = None
    top_k: int = Field(default=5, ge=1, le=50)
    threshold: float = Field(default=0.3, ge=0, le=1)
    memory_types: Union[str, Sequence[str], None] = None
    memory_tags: Union[str, Sequence[str], None] = None
    memory_metadata: Optional[dict[str, Any]] = None

    @model_validator(mode="after")
    def _has_one_scope(self) -> Self:
        if (self.user_id is None) == (self.session_id is None):
            raise ValueError("give user_id or session_id, one of them")
        return self

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun, top_k: Optional[int] = None
    ) -> list[Document]:
        return run(self.client, self._search(query, top_k))

    async def _aget_relevant_documents(
        self, query: str, *, run_manager: AsyncCallbackManagerForRetrieverRun, top_k: Optional[int] = None
    ) -> list[Document]:
        return await run_async(self.client, self._search(query, top_k))

    def _search(self, query: str, top_k: Optional[int]) -> Steps[list[Document]]:
        given: dict[str, Any] = {
            "user_id": self.user_id,
            "session_id": self.session_id,
            "types": self.memory_types,
            "tags": self.memory_tags,
            "metadata": self.memory_metadata,
        }
        options = {name: value for name, value in given.items() if value is not None}
        limit = self.top_k if top_k is None else top_k
        found = yield from call(
            lambda client: client.memory.search(query, limit=limit, threshold=self.threshold, **options)
        )
        return [
            Document(
                id=memory.id,
                page_content=memory.content,
                metadata={
                    "session_id": memory.session_id,
                    "type": memory.type,
                    "tags": list(memory.tags or ()),
                    "score": memory.score,
                    "created_at": memory.created_at.isoformat() if memory.created_at else None,
                },
            )
            for memory in found
        ]
