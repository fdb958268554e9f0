"""Reads sessions through the API, from a store or a service, as records of an export.

API keys are not exported.
"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterator, List, Optional, Sequence, Union

from .._base.http_errors import NotFoundError
from .._base.version import __version__
from .._call.options import NOT_GIVEN, NotGiven
from .._generated.models import MemoryResponse, StateVersionModel
from .records import (
    FORMAT_VERSION,
    FORMAT_WITH_TRACES,
    KINDS,
    EndRecord,
    EntityRecord,
    Header,
    MemoryRecord,
    PartRecord,
    SessionRecord,
    StateVersionRecord,
    TraceRecord,
    TurnRecord,
)

if TYPE_CHECKING:
    from ..client import StateBase

_PAGE = 100
_TRACE_PAGE = 1000
_MOST_RESULTS = 50
_SEARCHED_CHARACTERS = 500

Warn = Callable[[str], None]
SessionOrPart = Union[SessionRecord, PartRecord, TraceRecord]


def export(
    client: StateBase, session_ids: Optional[Sequence[str]], warn: Warn, *, traces: bool = False
) -> Iterator[Union[Header, SessionOrPart, EndRecord]]:
    """Yield sessions and everything that belongs to them, one record at a time.

    Args:
        client: The client that reads them.
        session_ids: The sessions to export; None: all that have not expired, oldest first.
        warn: Called with a message about what cannot be read.
        traces: Whether to export traces.

    Raises:
        NotFoundError: A session in `session_ids` does not exist.
        StateBaseError: The service cannot be read.
    """
    reader = _Reader(client, warn, traces=traces)
    wanted = reader.all_ids() if session_ids is None else list(dict.fromkeys(session_ids))
    version = FORMAT_WITH_TRACES if traces else FORMAT_VERSION
    yield Header(version=version, exported_at=datetime.now(timezone.utc), statebase=__version__)
    counts = {kind: 0 for record, kind in KINDS.items() if traces or record != "trace"}
    for session_id in wanted:
        try:
            for record in reader.session(session_id):
                counts[KINDS[record.record]] += 1
                yield record
        except NotFoundError:
            if session_ids is not None:
                raise
            warn(f"{session_id} ended during the export: the rest of it is missing.")
    yield EndRecord(counts=counts)


def memory_ids(client: StateBase, session_id: str) -> List[str]:
    """Return the IDs of all memories of a session, deleted ones included, oldest first; only traces list them."""
    traces = client.traces.list_for_session(session_id, limit=_TRACE_PAGE, action="memory.created")
    return [trace.resource_id for trace in traces.auto_paging_iter()][::-1]


class _Reader:
    """Reads sessions."""

    def __init__(self, client: StateBase, warn: Warn, *, traces: bool) -> None:
        self._client = client
        self._warn = warn
        self._traces = traces

    def all_ids(self) -> List[str]:
        """Return the IDs of all sessions, oldest first, so that an import creates them in order."""
        return [session.id for session in self._client.sessions.list(limit=_PAGE).auto_paging_iter()][::-1]

    def session(self, session_id: str) -> Iterator[SessionOrPart]:
        """Yield a session and everything that belongs to it."""
        client = self._client
        session = client.sessions.get(session_id)
        versions = self._versions(session_id)
        yield SessionRecord(
            initial_version=versions[0].version if versions else 0,
            initial_state=versions[0].state if versions else session.state,
            **session.model_dump(exclude={"state", "memory_count", "turn_count", "object"}),
        )
        yield from self._conversation(session_id, versions[1:])
        yield from self._memories(session_id, session.memory_count)
        for item in [*client.entities.list(session_id=session_id, limit=_PAGE).auto_paging_iter()][::-1]:
            yield EntityRecord(**client.entities.get(item.id).model_dump())
        if self._traces:
            for trace_id in self._trace_ids(session_id):
                yield TraceRecord(**client.traces.get(trace_id).model_dump())

    def _trace_ids(self, session_id: str, action: Union[str, NotGiven] = NOT_GIVEN) -> List[str]:
        """Return the IDs of the traces of a session, oldest first."""
        traces = self._client.traces.list_for_session(session_id, limit=_TRACE_PAGE, action=action)
        return [trace.id for trace in traces.auto_paging_iter()][::-1]

    def _reasons(self, session_id: str) -> Dict[int, str]:
        """Return the reasons for changes of the state, by version; only traces have them."""
        reasons: Dict[int, str] = {}
        for action in ("state.updated", "state.rolled_back"):
            for trace_id in self._trace_ids(session_id, action):
                details = self._client.traces.get(trace_id).details or {}
                version, reason = details.get("version"), details.get("reasoning")
                if isinstance(version, int) and isinstance(reason, str):
                    reasons[version] = reason
        return reasons

    def _versions(self, session_id: str) -> List[StateVersionModel]:
        """Return the state versions that the API returns, oldest first."""
        history = self._client.state.get_state_history(session_id, limit=_PAGE)
        versions = history.data[::-1]
        if len(versions) == _PAGE and versions[0].version > 0:
            total = history.current_version + 1
            self._warn(f"{session_id}: only the newest {_PAGE} of its {total} state versions were exported.")
        return versions

    def _conversation(self, session_id: str, versions: List[StateVersionModel]) -> Iterator[SessionOrPart]:
        """Yield turns and state versions by time; a version comes before a turn of the same time."""
        sessions = self._client.sessions
        reasons = self._reasons(session_id) if versions else {}
        given = 0
        for item in sessions.list_turns(session_id, limit=_PAGE, order="asc").auto_paging_iter():
            while given < len(versions) and versions[given].created_at <= item.created_at:
                yield self._version(session_id, versions[given], reasons)
                given += 1
            yield TurnRecord(**sessions.get_turn(session_id, item.id).model_dump())
        for version in versions[given:]:
            yield self._version(session_id, version, reasons)

    @staticmethod
    def _version(session_id: str, version: StateVersionModel, reasons: Dict[int, str]) -> StateVersionRecord:
        values: Dict[str, Any] = {"reasoning": reasons.get(version.version), **version.model_dump()}
        return StateVersionRecord(session_id=session_id, **values)

    def _memories(self, session_id: str, expected: int) -> Iterator[MemoryRecord]:
        found = 0
        for memory_id in memory_ids(self._client, session_id):
            try:
                memory = self._client.memory.get(memory_id)
            except NotFoundError:
                continue  # it was deleted
            found += 1
            yield MemoryRecord(embed=self._can_be_found(memory), **memory.model_dump())
        if found < expected:
            missing = expected - found
            self._warn(f"{session_id}: {missing} of its {expected} memories were not exported: no trace lists them.")

    def _can_be_found(self, memory: MemoryResponse) -> bool:
        """Return whether searches find a memory; if it has no vector, search for its own text."""
        if memory.vector_available:
            return True
        text = memory.content[:_SEARCHED_CHARACTERS]
        found = self._client.memory.search(text, memory.session_id, top_k=_MOST_RESULTS, threshold=0.0)
        return any(match.id == memory.id for match in found)
