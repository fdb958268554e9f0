"""Context: what a model needs to know before its next turn."""

from __future__ import annotations

from dataclasses import replace
from typing import Optional

from ..._generated.models import (
    ContextMemory,
    ContextRequest,
    ContextResponse,
    ContextTurn,
    TurnInput,
    TurnOutput,
)
from .. import jsontext
from ..clock import to_datetime
from ..memory_search import MemoryFilter
from ..storage.tables.memories import MemoryRow
from ..storage.tables.sessions import SessionRow
from ..storage.tables.turns import TurnRow
from .core import Core
from .memories import tags_of


class ContextOperations:
    """The operation that gathers a context."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._store = core.store

    def get(self, session_id: str, body: ContextRequest) -> ContextResponse:
        """Return the newest state, the memories that fit, and the latest turns."""
        query = body.query if body.query is not None and body.query.strip() else None
        with self._core.snapshot():
            session = self._core.session(session_id, self._core.now_us())
            state = self._store.states.newest(session.seq)
            turns = self._store.turns.page(session.seq, body.turn_limit)
        memories, scores = self._memories(session, query, body.memory_limit)
        relevance = sum(scores) / len(scores) if scores else 0.0
        return ContextResponse(
            state=jsontext.decode(state.text),
            memories=memories,
            recent_turns=[_turn(turn) for turn in turns],
            drift_warning=bool(scores) and max(scores) < self._core.search.related_from,
            average_relevance=relevance,
        )

    def _memories(
        self, session: SessionRow, query: Optional[str], limit: int
    ) -> tuple[list[ContextMemory], list[float]]:
        """Return the best memories with their scores, or without a query the newest ones without."""
        if limit == 0:
            return [], []
        scope = MemoryFilter(session_seq=session.seq)
        if session.user_id is not None:
            scope = MemoryFilter(user_id=session.user_id)
        if query is None:
            with self._core.read():
                newest = self._store.memories.newest(scope, limit)
            return [_memory(memory, None) for memory in newest], []
        encoded = self._core.search.encode_query(query)
        with self._core.read():
            scope = replace(scope, removed=self._store.removals.all())
            matches = self._core.search.search(encoded, scope, limit=limit, threshold=None)
            memories = self._store.memories.of(match.seq for match in matches)
        found = [match for match in matches if match.seq in memories]
        return [_memory(memories[match.seq], match.score) for match in found], [match.score for match in found]


def _memory(memory: MemoryRow, score: Optional[float]) -> ContextMemory:
    answer = ContextMemory(
        id=memory.id,
        session_id=memory.session_id,
        content=memory.content,
        type=memory.type,
        tags=tags_of(memory),
        created_at=to_datetime(memory.created_us),
    )
    if score is not None:
        answer.score = score
    return answer


def _turn(turn: TurnRow) -> ContextTurn:
    return ContextTurn(
        id=turn.id,
        turn_number=turn.number,
        input=TurnInput(**jsontext.decode(turn.input)),
        output=TurnOutput(**jsontext.decode(turn.output)),
        reasoning=turn.reasoning,
        metadata=None if turn.metadata is None else jsontext.decode(turn.metadata),
        created_at=to_datetime(turn.created_us),
    )
