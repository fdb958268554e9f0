"""Memories: create, get, update, delete, search."""

from __future__ import annotations

from dataclasses import replace
from typing import List, NamedTuple, Optional, Sequence, Union

from ..._generated.models import (
    MemoryBatchRequest,
    MemoryBatchResponse,
    MemoryCreateRequest,
    MemoryItem,
    MemoryListResponse,
    MemoryResponse,
    MemorySearchResponse,
    MemorySearchResult,
    MemoryUpdateRequest,
    MemoryUpdateResponse,
    StoredMemory,
)
from ..._generated.queries import ListMemoriesQuery, SearchMemoriesQuery, SearchOwnMemoriesQuery
from .. import jsontext
from ..caller import LOCAL, Caller
from ..clock import SECOND, to_datetime, to_microseconds, to_text
from ..errors import EngineError, invalid_request, invalid_value, not_found, unknown_cursor
from ..identifiers import new_id
from ..memory_search import MemoryFilter, embedding_id_of
from ..storage.store import Store
from ..storage.tables.memories import MemoryRow
from ..storage.tables.sessions import SessionRow
from .core import Change, OperationGroup
from .response import Outcome, Response, operation
from .sessions import metadata_filter

_MOST_CHARACTERS = 10_000
_PREVIEW_CHARACTERS = 100
_MOST_LABELS = 500
"""The maximum number of types, and of tags, in a search."""
_LONGEST_PAGE = 18


class _Draft(NamedTuple):
    """A memory that is ready to be stored."""

    item: Union[MemoryItem, MemoryCreateRequest]
    tags: Optional[str]
    metadata: Optional[str]
    vector: Optional[Sequence[bytes]]
    embedding_id: Optional[str]
    expires_in: Optional[int]


class MemoryOperations(OperationGroup):
    """The operations on memories."""

    @operation
    def create_memory(self, body: MemoryCreateRequest, context: Caller = LOCAL) -> Outcome[MemoryResponse]:
        """Create a memory, with a vector if there is an embedder."""
        _check_length(body.content)
        encoded = _encoded(body)
        with self._core.read(snapshot=False):
            self._core.session(body.session_id, self._core.now_us())
        draft = self._draft(body, *encoded)

        def write(change: Change) -> Response[MemoryResponse]:
            session = self._core.session(body.session_id, change.now_us)
            stored = self._put(change, session, draft)
            self._store.sessions.count_memory(session.seq, 1, change.now_us)
            return Response(
                MemoryResponse(
                    id=stored.id,
                    session_id=session.id,
                    created_at=stored.created_at,
                    content=body.content,
                    type=body.type,
                    tags=body.tags,
                    metadata=body.metadata,
                    embedding_id=stored.embedding_id,
                    vector_available=stored.vector_available,
                    object="memory",
                )
            )

        return self._core.write(context, write)

    @operation
    def create_memories(self, body: MemoryBatchRequest, context: Caller = LOCAL) -> Outcome[MemoryBatchResponse]:
        """Create memories of a session or of a user, all or none; a single one unless there is a similar one.

        The response has no content, so that deleting a memory need not change the stored response.
        """
        if (body.session_id is None) == (body.user_id is None):
            raise invalid_value("Either session_id or user_id must be given.", "session_id")
        if body.unless_similar is not None and len(body.memories) > 1:
            raise invalid_value("unless_similar must be null for more than one memory.", "unless_similar")
        for index, item in enumerate(body.memories):
            _check_length(item.content, f"memories[{index}].content")
        encoded = [_encoded(item, f"memories[{index}].") for index, item in enumerate(body.memories)]
        if body.session_id is not None:
            with self._core.read(snapshot=False):
                self._core.session(body.session_id, self._core.now_us())
        drafts = [self._draft(item, *texts) for item, texts in zip(body.memories, encoded)]
        content = body.memories[0].content
        query = None if body.unless_similar is None or not content.strip() else self._core.search.encode_query(content)

        def write(change: Change) -> Response[MemoryBatchResponse]:
            if body.session_id is not None:
                session = self._core.session(body.session_id, change.now_us)
            else:
                session = self._core.home_of(str(body.user_id), change)
            if query is not None and body.unless_similar is not None:
                # The session is locked: no other request with unless_similar looks at the same time.
                scope = MemoryFilter(
                    session_seq=None if body.session_id is None else session.seq,
                    user_id=body.user_id,
                    removed=self._store.removals.all(),
                    expired_us=self._store.memories.expired_us(change.now_us),
                )
                match = self._core.search.similar(query, content, drafts[0].vector, scope)
                if match is not None and match.score >= body.unless_similar:
                    known = self._store.memories.of([match.seq])[match.seq]
                    change.is_about(known.session_id, known.id)
                    return Response(MemoryBatchResponse(data=[_stored(known, is_new=False)]))
            stored = [self._put(change, session, draft) for draft in drafts]
            self._store.sessions.count_memory(session.seq, len(stored), change.now_us)
            change.is_about(session.id, None)
            return Response(MemoryBatchResponse(data=stored))

        return self._core.write(context, write)

    @operation
    def get_memory(self, memory_id: str, context: Caller = LOCAL) -> Outcome[MemoryResponse]:
        """Return a memory, even one stored with `embed: false`."""
        with self._core.read(snapshot=False):
            memory = self._memory(memory_id, self._core.now_us())
        return Response(_response(memory))

    @operation
    def list_memories(self, query: ListMemoriesQuery, context: Caller = LOCAL) -> Outcome[MemoryListResponse]:
        """Return a page of the memories that match the filters, newest first."""
        scope = own_scope_of(query)
        with self._core.read():
            now_us = self._core.now_us()
            before_seq = None
            if query.page is not None:
                before_seq = _seq_of(query.page)
            elif query.starting_after is not None:
                seen = self._store.memories.find(query.starting_after)
                if seen is None:
                    raise unknown_cursor(query.starting_after)
                before_seq = seen.seq
            narrowed = narrowed_to(self._store, scope, query.session_id, now_us)
            rows = [] if narrowed is None else self._store.memories.page(narrowed, before_seq, query.limit + 1)
        page = rows[: query.limit]
        next_page = str(page[-1].seq) if len(rows) > query.limit else None
        return Response(MemoryListResponse(data=[_response(row) for row in page], next_page=next_page))

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
                embed = self._memory(memory_id, self._core.now_us()).embed
            vector = self._core.search.encode_document(body.content) if embed else None

        def write(change: Change) -> Response[MemoryUpdateResponse]:
            old = self._memory(memory_id, change.now_us)
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
            memory = self._memory(memory_id, change.now_us)
            self._store.memories.delete(memory)
            self._store.answers.forget_resource(memory.id)
            self._store.sessions.count_memory(memory.session_seq, -1, change.now_us)
            details = {"type": memory.type, "preview": _preview(memory.content)}
            change.trace("memory.deleted", memory.session_id, "memory", memory.id, details)
        return Response(None)

    @operation
    def search_memories(self, query: SearchMemoriesQuery, context: Caller = LOCAL) -> Outcome[MemorySearchResponse]:
        """Return the memories that match the query, best first, including those of expired sessions."""
        return self._search(query, scope_of(query))

    @operation
    def search_own_memories(
        self, query: SearchOwnMemoriesQuery, context: Caller = LOCAL
    ) -> Outcome[MemorySearchResponse]:
        """Return the memories of a user or session that match the query, best first."""
        return self._search(query, own_scope_of(query))

    def _search(
        self, query: Union[SearchMemoriesQuery, SearchOwnMemoriesQuery], scope: MemoryFilter
    ) -> Response[MemorySearchResponse]:
        found: list[MemorySearchResult] = []
        if query.query.strip():
            encoded = self._core.search.encode_query(query.query)
            with self._core.read():
                narrowed = narrowed_to(self._store, scope, query.session_id, self._core.now_us())
                if narrowed is not None:
                    search = self._core.search.search
                    matches = search(encoded, narrowed, limit=query.top_k, threshold=query.threshold)
                    self._store.database.last()
                    memories = self._store.memories.of(match.seq for match in matches)
                    found = [result_of(memories[seq], score) for seq, score in matches if seq in memories]
        return Response(MemorySearchResponse(data=found, query=query.query))

    def _memory(self, memory_id: str, now_us: int) -> MemoryRow:
        memory = self._store.memories.find(memory_id)
        if memory is None or (memory.expires_us is not None and memory.expires_us <= now_us):
            raise not_found("memory", memory_id)
        return memory

    def _draft(
        self, item: Union[MemoryItem, MemoryCreateRequest], tags: Optional[str], metadata: Optional[str]
    ) -> _Draft:
        """Return a memory that is ready to be stored; embeds its content."""
        vector = self._core.search.encode_document(item.content) if item.embed else None
        expires_in = item.expires_in if isinstance(item, MemoryItem) else None
        return _Draft(item, tags, metadata, vector, embedding_id_of(vector), expires_in)

    def _put(self, change: Change, session: SessionRow, draft: _Draft) -> StoredMemory:
        """Store a memory with its trace; the memories of the session are counted by the caller."""
        item, now_us = draft.item, change.now_us
        memory_id = new_id("mem_")
        expires_us = None if draft.expires_in is None else now_us + draft.expires_in * SECOND
        self._store.memories.insert(
            memory_id,
            session.seq,
            item.type,
            item.content,
            draft.tags,
            draft.metadata,
            now_us,
            embed=item.embed,
            embedding_id=draft.embedding_id,
            vector=draft.vector,
            expires_us=expires_us,
        )
        details = {
            "type": item.type,
            "preview": _preview(item.content),
            "expires_at": None if expires_us is None else to_text(expires_us),
        }
        change.trace("memory.created", session.id, "memory", memory_id, details)
        return StoredMemory(
            id=memory_id,
            session_id=session.id,
            created_at=to_datetime(now_us),
            expires_at=None if expires_us is None else to_datetime(expires_us),
            embedding_id=draft.embedding_id or None,
            vector_available=bool(draft.embedding_id),
            is_new=True,
        )


def tags_of(memory: MemoryRow) -> Optional[List[str]]:
    """Return the tags of a memory."""
    return None if memory.tags is None else jsontext.decode(memory.tags)


def scope_of(query: SearchMemoriesQuery) -> MemoryFilter:
    """Return the filter of a search by types and tags.

    Raises:
        EngineError: 400, if there are too many of them.
    """
    return MemoryFilter(types=_labels(query.types, "types"), tags=_labels(query.tags, "tags"))


def own_scope_of(query: Union[SearchOwnMemoriesQuery, ListMemoriesQuery]) -> MemoryFilter:
    """Return the filter of a search or list by user, types, tags, time and metadata.

    Raises:
        EngineError: 400, if a filter is not valid, or needs a user or session: comparing all memories takes long.
    """
    given = {
        "created_after": query.created_after,
        "created_before": query.created_before,
        "metadata": query.metadata,
    }
    for name, value in given.items():
        if value is not None and query.user_id is None and query.session_id is None:
            raise invalid_request(f"{name} requires user_id or session_id: pass one of them.", name)
    wanted = metadata_filter(query.metadata)
    return replace(
        MemoryFilter(types=_labels(query.types, "types"), tags=_labels(query.tags, "tags")),
        user_id=query.user_id,
        created_after_us=None if query.created_after is None else to_microseconds(query.created_after),
        created_before_us=None if query.created_before is None else to_microseconds(query.created_before),
        metadata=None if not wanted else jsontext.encode(wanted, "metadata"),
    )


def narrowed_to(store: Store, scope: MemoryFilter, session_id: Optional[str], now_us: int) -> Optional[MemoryFilter]:
    """Return a filter narrowed to a session, without what was deleted or expired; None if there is no such session.

    Call it within `read`.
    """
    session = None if session_id is None else store.sessions.find(session_id)
    if session_id is not None and session is None:
        return None
    return replace(
        scope,
        session_seq=None if session is None else session.seq,
        removed=store.removals.all(),
        expired_us=store.memories.expired_us(now_us),
    )


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


def _response(memory: MemoryRow) -> MemoryResponse:
    """Return a memory with all that is stored of it."""
    response = MemoryResponse(
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
    if memory.expires_us is not None:
        response.expires_at = to_datetime(memory.expires_us)
    return response


def _stored(memory: MemoryRow, *, is_new: bool) -> StoredMemory:
    return StoredMemory(
        id=memory.id,
        session_id=memory.session_id,
        created_at=to_datetime(memory.created_us),
        expires_at=None if memory.expires_us is None else to_datetime(memory.expires_us),
        embedding_id=memory.embedding_id or None,
        vector_available=bool(memory.embedding_id),
        is_new=is_new,
    )


def _encoded(item: Union[MemoryItem, MemoryCreateRequest], prefix: str = "") -> tuple[Optional[str], Optional[str]]:
    """Return tags and metadata as JSON text."""
    tags = None if item.tags is None else jsontext.encode(item.tags, f"{prefix}tags")
    metadata = None if item.metadata is None else jsontext.encode(item.metadata, f"{prefix}metadata")
    return tags, metadata


def _seq_of(page: str) -> int:
    if not (page.isascii() and page.isdigit() and len(page) <= _LONGEST_PAGE):
        raise invalid_request("page must be the next_page of the page before.", "page")
    return int(page)


def _check_length(content: str, param: str = "content") -> None:
    if len(content) > _MOST_CHARACTERS:
        message = f"{param} has {len(content):,} characters: send at most {_MOST_CHARACTERS:,}."
        raise EngineError(413, "content_too_large", message, param)


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
