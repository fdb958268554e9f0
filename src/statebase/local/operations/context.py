"""The context for an agent's next turn: state, memories and turns."""

from __future__ import annotations

from dataclasses import replace
from itertools import repeat
from typing import Any, Optional

from ..._generated.models import ContextRequest, ContextResponse
from .. import jsontext
from ..caller import LOCAL, Caller
from ..clock import to_text
from ..memory_search import MemoryFilter
from ..storage.tables.memories import MemoryRow
from ..storage.tables.sessions import SessionRow
from ..storage.tables.turns import TurnRow, turns_of
from .core import OperationGroup
from .response import Outcome, WrittenResponse, operation


class ContextOperations(OperationGroup):
    """The operation `get_context`."""

    @operation
    def get_context(self, session_id: str, body: ContextRequest, context: Caller = LOCAL) -> Outcome[ContextResponse]:
        """Return the current state, the relevant memories, and the latest turns."""
        query = body.query if body.query is not None and body.query.strip() else None
        scores: list[float] = []
        with self._core.read():
            selected = self._store.turns.newest_of(session_id, body.turn_limit)
            has_memories = query is None and body.memory_limit > 0
            if not has_memories:
                self._store.database.last()
            session, state = self._core.session_and_state(session_id, self._core.now_us())
            turns = turns_of(selected)
            memories = self._newest_memories(session, body.memory_limit) if has_memories else []
        if query is not None and body.memory_limit > 0:
            memories, scores = self._best_memories(session, query, body.memory_limit)
        relevance = sum(scores) / len(scores) if scores else 0.0
        is_adrift = bool(scores) and max(scores) < self._core.search.related_from
        values = {"average_relevance": relevance, "drift_warning": is_adrift}
        texts = {
            "state": state.text,
            "memories": f"[{','.join(map(_memory, memories, scores or repeat(None)))}]",
            "recent_turns": f"[{','.join(map(_turn, turns))}]",
        }
        written = jsontext.write_object(values, texts)
        return WrittenResponse(
            ContextResponse, jsontext.checked(written), memory_ids=[memory.id for memory in memories]
        )

    def _newest_memories(self, session: SessionRow, limit: int) -> list[MemoryRow]:
        """Return the newest memories. Call it at the end of `read`."""
        scope = replace(_scope(session), expired_us=self._store.memories.expired_us(self._core.now_us()))
        self._store.database.last()
        return self._store.memories.newest(scope, limit)

    def _best_memories(self, session: SessionRow, query: str, limit: int) -> tuple[list[MemoryRow], list[float]]:
        """Return the best memories with their scores."""
        encoded = self._core.search.encode_query(query)
        with self._core.read():
            scope = replace(
                _scope(session),
                removed=self._store.removals.all(),
                expired_us=self._store.memories.expired_us(self._core.now_us()),
            )
            matches = self._core.search.search(encoded, scope, limit=limit, threshold=None)
            self._store.database.last()
            memories = self._store.memories.of(match.seq for match in matches)
        found = [match for match in matches if match.seq in memories]
        return [memories[match.seq] for match in found], [match.score for match in found]


def _scope(session: SessionRow) -> MemoryFilter:
    """Return the filter of memories: all sessions of the user, or the session if it has no user."""
    if session.user_id is None:
        return MemoryFilter(session_seq=session.seq)
    return MemoryFilter(user_id=session.user_id)


def _memory(memory: MemoryRow, score: Optional[float]) -> str:
    values: dict[str, Any] = {
        "id": memory.id,
        "session_id": memory.session_id,
        "content": memory.content,
        "type": memory.type,
        "created_at": to_text(memory.created_us),
    }
    if score is not None:
        values["score"] = score
    return jsontext.write_object(values, {"tags": memory.tags})


def _turn(turn: TurnRow) -> str:
    values = {
        "id": turn.id,
        "turn_number": turn.number,
        "reasoning": turn.reasoning,
        "created_at": to_text(turn.created_us),
    }
    return jsontext.write_object(values, {"input": turn.input, "output": turn.output, "metadata": turn.metadata})
