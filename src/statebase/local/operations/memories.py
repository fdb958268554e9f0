"""Memories: create, get, update, delete, search."""

from __future__ import annotations

from dataclasses import replace
from typing import List, Optional

from ..._generated.models import (
    MemoryCreateRequest,
    MemoryResponse,
    MemorySearchResponse,
    MemorySearchResult,
    MemoryUpdateRequest,
    MemoryUpdateResponse,
)
from ..._generated.queries import SearchMemoriesQuery
from .. import jsontext
from ..caller import LOCAL, Caller
from ..clock import to_datetime
from ..errors import EngineError, invalid_request, not_found
from ..identifiers import new_id
from ..memory_search import MemoryFilter, embedding_id_of
from ..storage.store import Store
from ..storage.tables.memories import MemoryRow
from .core import Change, OperationGroup
from .response import Outcome, Response, operation

_MOST_CHARACTERS = 10_000
_PREVIEW_CHARACTERS = 100
_MOST_LABELS = 500
"""The maximum number of types, and of tags, in a search."""


class MemoryOperations(OperationGroup):
    """The operations on memories."""

    @operation
    def create_memory(self, body: MemoryCreateRequest, context: Caller = LOCAL) -> Outcome[MemoryResponse]:
        """Create a memory, with a vector if there is an embedder."""
        _check_length(body.content)
        tags = None if body.tags is None else jsontext.encode(body.tags, "tags")
        metadata = None if body.metadata is None else jsontext.encode(body.metadata, "metadata")
        with self._core.read(snapshot=False):
            self._core.session(body.session_id, self._core.now_us())
        vector = self._core.search.encode_document(body.content) if body.embed else None
        embedding_id = embedding_id_of(vector)

        def write(change: Change) -> Response[MemoryResponse]:
            session = self._core.session(body.session_id, change.now_us)
            memory_id = new_id("mem_")
            self._store.memories.insert(
                memory_id,
                session.seq,
                body.type,
                body.content,
                tags,
                metadata,
                change.now_us,
                embed=body.embed,
                embedding_id=embedding_id,
                vector=vector,
            )
            self._store.sessions.count_memory(session.seq, 1, change.now_us)
            details = {"type": body.type, "preview": _preview(body.content)}
            change.trace("memory.created", session.id, "memory", memory_id, details)
            return Response(
                MemoryResponse(
                    id=memory_id,
                    session_id=session.id,
                    created_at=to_datetime(change.now_us),
                    content=body.content,
                    type=body.type,
                    tags=body.tags,
                    metadata=body.metadata,
                    embedding_id=embedding_id or None,
                    vector_available=bool(embedding_id),
                    object="memory",
                )
            )

        return self._core.write(context, write)

    @operation
    def get_memory(self, memory_id: str, context: Caller = LOCAL) -> Outcome[MemoryResponse]:
        """Return a memory, even one stored with `embed: false`."""
        with self._core.read(snapshot=False):
            memory = self._memory(memory_id)
        return Response(
            MemoryResponse(
                id=memory.id,
                session_id=memory.session_id,
                created_at=to_datetime(memory.created_us),
                content=memory.content,
                type=memory.type,
                tags=tags_of(memory),
                metadata=None if memory.metadata is None else jsontext.decode(memory.metadata),
                embedding_id=memory.embedding_id or None,
                vector_available=bool(memory.embedding_id),
                object="memory",
            )
        )

    @operation
    def update_memory(
        self, memory_id: str, body: MemoryUpdateRequest, context: Caller = LOCAL
    ) -> Outcome[MemoryUpdateResponse]:
        """Change the given fields. Null clears tags and metadata; for content and type it is ignored."""
        given = body.model_fields_set
        vector = None
        if body.content is not None:
            _check_length(body.content)
            with self._core.read(snapshot=False):
                embed = self._memory(memory_id).embed
            vector = self._core.search.encode_document(body.content) if embed else None

        def write(change: Change) -> Response[MemoryUpdateResponse]:
            old = self._memory(memory_id)
            new = old._replace(
                type=old.type if body.type is None else body.type,
                content=old.content if body.content is None else body.content,
                updated_us=change.now_us,
                version=old.version + 1,
            )
            if body.content is not None:
                new = new._replace(embedding_id=embedding_id_of(vector))
            if "tags" in given:
                new = new._replace(tags=None if body.tags is None else jsontext.encode(body.tags, "tags"))
            if "metadata" in given:
                new = new._replace(metadata=_merged(old.metadata, body))
            self._store.memories.update(old, new, vector)
            details = {
                "version": new.version,
                "fields": sorted(given & set(MemoryUpdateRequest.model_fields)),
                "preview": _preview(new.content),
            }
            change.trace("memory.updated", old.session_id, "memory", old.id, details)
            return Response(
                MemoryUpdateResponse(
                    id=new.id,
                    updated_at=to_datetime(new.updated_us),
                    content=new.content,
                    type=new.type,
                    tags=tags_of(new),
                    version=new.version,
                    object="memory",
                )
            )

        return self._core.write(context, write)

    @operation
    def delete_memory(self, memory_id: str, context: Caller = LOCAL) -> Outcome[None]:
        """Delete a memory."""
        with self._core.change(context) as change:
            memory = self._memory(memory_id)
            self._store.memories.delete(memory)
            self._store.answers.forget_resource(memory.id)
            self._store.sessions.count_memory(memory.session_seq, -1, change.now_us)
            details = {"type": memory.type, "preview": _preview(memory.content)}
            change.trace("memory.deleted", memory.session_id, "memory", memory.id, details)
        return Response(None)

    @operation
    def search_memories(self, query: SearchMemoriesQuery, context: Caller = LOCAL) -> Outcome[MemorySearchResponse]:
        """Return the memories that match the query, best first, including those of expired sessions."""
        found: list[MemorySearchResult] = []
        scope = scope_of(query)
        if query.query.strip():
            encoded = self._core.search.encode_query(query.query)
            with self._core.read():
                narrowed = narrowed_to(self._store, scope, query.session_id)
                if narrowed is not None:
                    search = self._core.search.search
                    matches = search(encoded, narrowed, limit=query.top_k, threshold=query.threshold)
                    memories = self._store.memories.of(match.seq for match in matches)
                    found = [result_of(memories[seq], score) for seq, score in matches if seq in memories]
        return Response(MemorySearchResponse(data=found, query=query.query))

    def _memory(self, memory_id: str) -> MemoryRow:
        memory = self._store.memories.find(memory_id)
        if memory is None:
            raise not_found("memory", memory_id)
        return memory


def tags_of(memory: MemoryRow) -> Optional[List[str]]:
    """Return the tags of a memory."""
    return None if memory.tags is None else jsontext.decode(memory.tags)


def scope_of(query: SearchMemoriesQuery) -> MemoryFilter:
    """Return the filter of a search by types and tags.

    Raises:
        EngineError: 400, if there are too many of them.
    """
    return MemoryFilter(types=_labels(query.types, "types"), tags=_labels(query.tags, "tags"))


def narrowed_to(store: Store, scope: MemoryFilter, session_id: Optional[str]) -> Optional[MemoryFilter]:
    """Return a filter narrowed to a session, without what was deleted; None if there is no such session.

    Call it within `read`.
    """
    session = None if session_id is None else store.sessions.find(session_id)
    if session_id is not None and session is None:
        return None
    return replace(scope, session_seq=None if session is None else session.seq, removed=store.removals.all())


def result_of(memory: MemoryRow, score: float) -> MemorySearchResult:
    """Return a memory as the result of a search."""
    return MemorySearchResult(
        id=memory.id,
        session_id=memory.session_id,
        content=memory.content,
        type=memory.type,
        score=score,
        tags=tags_of(memory),
        created_at=to_datetime(memory.created_us),
    )


def _merged(old: Optional[str], body: MemoryUpdateRequest) -> Optional[str]:
    if body.metadata is None:
        return None
    return jsontext.encode({**({} if old is None else jsontext.decode(old)), **body.metadata}, "metadata")


def _check_length(content: str) -> None:
    if len(content) > _MOST_CHARACTERS:
        message = f"content has {len(content):,} characters: send at most {_MOST_CHARACTERS:,}."
        raise EngineError(413, "content_too_large", message, "content")


def _labels(text: Optional[str], param: str) -> tuple[str, ...]:
    """Split a comma-separated parameter."""
    if text is None:
        return ()
    labels = tuple(dict.fromkeys(label.strip() for label in text.split(",") if label.strip()))
    if len(labels) > _MOST_LABELS:
        raise invalid_request(f"{param} lists {len(labels)} values: send at most {_MOST_LABELS}.", param)
    return labels


def _preview(content: str) -> str:
    """Return the start of a text, at most half of it: traces are kept after the memory is deleted, the text is not."""
    return content[: min(_PREVIEW_CHARACTERS, len(content) // 2)] + "…"
