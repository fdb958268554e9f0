"""The explanation of a search, which is not an operation of the API."""

from __future__ import annotations

from typing import Mapping, Optional, Sequence

from ..._generated.queries import SearchMemoriesQuery
from ..errors import invalid_request, not_found
from ..explanation import ExplainedMemory, Parts, SearchExplanation
from ..memory_search import MemoryFilter
from ..storage.tables.memories import MemoryRow
from .core import OperationGroup
from .memories import narrowed_to, result_of

_MOST_RESULTS = 50


class SearchExplanations(OperationGroup):
    """The method that explains a search."""

    def explain_search(
        self,
        query: str,
        session_id: Optional[str] = None,
        *,
        types: Sequence[str] = (),
        tags: Sequence[str] = (),
        top_k: int = SearchMemoriesQuery.model_fields["top_k"].default,
        threshold: float = SearchMemoriesQuery.model_fields["threshold"].default,
        near: int = 3,
    ) -> SearchExplanation:
        """Return the results of a search with the parts of their scores, and the memories that just missed it.

        The arguments are those of `client.memory.search`.

        Args:
            query: The text to search for, in plain words.
            session_id: Only memories of this session.
            types: Only memories with one of these types.
            tags: Only memories with at least one of these tags.
            top_k: Maximum number of results, 1 to 50. Default: 10.
            threshold: The lowest score of a result, 0 to 1. Default: 0.7.
            near: Maximum number of memories below the threshold to return besides, 0 to 50. Default: 3.

        Raises:
            EngineError: 400, if an argument is not valid; 404, if there is no such session; otherwise as a search does.

        Example:
            >>> from statebase.local import Engine
            >>> from statebase.models import MemoryCreateRequest, SessionCreateRequest
            >>> engine = Engine.open()
            >>> session = engine.create_session(SessionCreateRequest(agent_id="support"))
            >>> memory = MemoryCreateRequest(session_id=session.id, content="Prefers e-mail over phone calls")
            >>> created = engine.create_memory(memory)
            >>> explanation = engine.explain_search("prefers which calls?")
            >>> [word.terms[0] for word in explanation.results[0].held]
            ['prefer', 'call']
            >>> engine.close()
        """
        _check(query, {"types": types, "tags": tags}, {"top_k": top_k, "near": near}, threshold)
        encoded = self._core.search.encode_query(query)
        with self._core.read():
            scope = narrowed_to(
                self._store, MemoryFilter(types=tuple(types), tags=tuple(tags)), session_id, self._core.now_us()
            )
            if scope is None:
                raise not_found("session", str(session_id))
            explained = self._core.search.explain(encoded, scope, limit=top_k + near)
            seqs = {parts.seq for parts in explained.ranked}
            seqs.update(parts.previous for parts in explained.ranked if parts.previous is not None)
            memories = self._store.memories.of(seqs)
        ranked = [_explained(parts, memories) for parts in explained.ranked if parts.seq in memories]
        passed = sum(memory.result.score >= threshold for memory in ranked)
        return SearchExplanation(
            query=query,
            threshold=threshold,
            embedder=self._core.search.embedder_id,
            language_known=explained.language_known,
            words=explained.words,
            calibrations=explained.calibrations,
            results=tuple(ranked[: min(passed, top_k)]),
            missed=tuple(ranked[passed : passed + near]),
        )


def _check(query: str, words: Mapping[str, Sequence[str]], counts: Mapping[str, int], threshold: float) -> None:
    if not query.strip():
        raise invalid_request("query must not be empty.", "query")
    for name, given in words.items():
        if isinstance(given, str):
            raise invalid_request(f"{name} must be a sequence of words, got str.", name)
    for (name, count), least in zip(counts.items(), (1, 0)):
        if type(count) is not int or not least <= count <= _MOST_RESULTS:
            raise invalid_request(
                f"{name} must be an integer from {least} to {_MOST_RESULTS}, got {_shown(count)}.", name
            )
    if type(threshold) not in (int, float) or not 0 <= threshold <= 1:
        raise invalid_request(f"threshold must be a number from 0 to 1, got {_shown(threshold)}.", "threshold")


def _shown(value: object) -> str:
    return str(value) if type(value) in (int, float) else type(value).__name__


def _explained(parts: Parts, memories: Mapping[int, MemoryRow]) -> ExplainedMemory:
    previous = None if parts.previous is None else memories.get(parts.previous)
    return ExplainedMemory(
        result=result_of(memories[parts.seq], parts.score),
        script=parts.script,
        cosine=parts.cosine,
        surprise=parts.surprise,
        is_identical=parts.is_identical,
        base=parts.base,
        meaning=parts.meaning,
        words=parts.words,
        held=parts.held,
        carried_over=parts.carried_over,
        question=parts.question,
        previous_id=None if previous is None else previous.id,
    )
