"""The whole API as methods, one an operation, named by its id."""

from __future__ import annotations

from typing import Any

from ..._generated import models, queries
from ..caller import LOCAL, Context
from .context import ContextOperations
from .core import Core
from .dashboard import DashboardOperations
from .entities import EntityOperations
from .memories import MemoryOperations
from .sessions import SessionOperations
from .states import StateOperations
from .system import SystemOperations
from .traces import TraceOperations
from .turns import TurnOperations


class Operations:
    """Every operation takes the parameters of its path, then its body or its query, then the context of the call.

    What goes wrong is an `EngineError`, and then nothing was changed.

    Args:
        core: What the operations work on.
    """

    def __init__(self, core: Core) -> None:
        self._core = core
        self._sessions = SessionOperations(core)
        self._states = StateOperations(core)
        self._turns = TurnOperations(core)
        self._memories = MemoryOperations(core)
        self._context = ContextOperations(core)
        self._traces = TraceOperations(core)
        self._entities = EntityOperations(core)
        self._dashboard = DashboardOperations(core)
        self._system = SystemOperations(core)

    def root(self, context: Context = LOCAL) -> dict[str, Any]:
        """Say what answers here."""
        return self._system.root()

    def health_check(self, context: Context = LOCAL) -> models.HealthStatus:
        """Say how the parts are doing."""
        return self._system.health()

    def readiness_probe(self, context: Context = LOCAL) -> dict[str, Any]:
        """Say that requests can be answered."""
        return self._system.ready()

    def liveness_probe(self, context: Context = LOCAL) -> dict[str, Any]:
        """Say that the process runs."""
        return self._system.live()

    def list_sessions(self, query: queries.ListSessionsQuery, context: Context = LOCAL) -> models.SessionListResponse:
        """List the sessions that live."""
        return self._sessions.list(query)

    def create_session(
        self, body: models.SessionCreateRequest, context: Context = LOCAL
    ) -> models.SessionCreateResponse:
        """Start a session."""
        return self._sessions.create(body, context)

    def get_session(self, session_id: str, context: Context = LOCAL) -> models.SessionResponse:
        """Get a session with its newest state."""
        return self._sessions.get(session_id)

    def update_session(
        self, session_id: str, body: models.SessionUpdateRequest, context: Context = LOCAL
    ) -> models.SessionMetadataUpdateResponse:
        """Change the metadata or the lifetime of a session."""
        return self._sessions.update(session_id, body, context)

    def delete_session(self, session_id: str, context: Context = LOCAL) -> None:
        """Delete a session and what belongs to it."""
        self._sessions.delete(session_id, context)

    def get_context(
        self, session_id: str, body: models.ContextRequest, context: Context = LOCAL
    ) -> models.ContextResponse:
        """Get what a model needs to know before its next turn."""
        return self._context.get(session_id, body)

    def fork_session(
        self, session_id: str, body: models.SessionForkRequest, context: Context = LOCAL
    ) -> models.SessionResponse:
        """Start a session from a version of the state of another."""
        return self._sessions.fork(session_id, body, context)

    def get_session_history(
        self, session_id: str, query: queries.GetSessionHistoryQuery, context: Context = LOCAL
    ) -> dict[str, Any]:
        """Get the state versions and the traces of a session."""
        return self._sessions.history(session_id, query)

    def list_turns(
        self, session_id: str, query: queries.ListTurnsQuery, context: Context = LOCAL
    ) -> models.TurnListResponse:
        """List the turns of a session."""
        return self._turns.list(session_id, query)

    def create_turn(
        self, session_id: str, body: models.TurnCreateRequest, context: Context = LOCAL
    ) -> models.TurnResponse:
        """Record a turn."""
        return self._turns.create(session_id, body, context)

    def get_turn(self, session_id: str, turn_id: str, context: Context = LOCAL) -> models.TurnDetailResponse:
        """Get a turn in full."""
        return self._turns.get(session_id, turn_id)

    def get_state(self, session_id: str, context: Context = LOCAL) -> models.StateGetResponse:
        """Get the newest state of a session."""
        return self._states.get(session_id)

    def replace_state(
        self, session_id: str, body: models.StateReplaceRequest, context: Context = LOCAL
    ) -> models.StateReplaceResponse:
        """Replace the state as a whole."""
        return self._states.replace(session_id, body, context)

    def update_state(
        self, session_id: str, body: models.StatePartialUpdateRequest, context: Context = LOCAL
    ) -> models.StatePartialUpdateResponse:
        """Set top-level keys of the state."""
        return self._states.update(session_id, body, context)

    def get_state_history(
        self, session_id: str, query: queries.GetStateHistoryQuery, context: Context = LOCAL
    ) -> models.StateHistoryResponse:
        """Get versions of the state."""
        return self._states.history(session_id, query)

    def rollback_state(
        self, session_id: str, body: models.StateRollbackRequest, context: Context = LOCAL
    ) -> models.StateRollbackResponse:
        """Bring back an earlier version of the state."""
        return self._states.rollback(session_id, body, context)

    def search_memories(
        self, query: queries.SearchMemoriesQuery, context: Context = LOCAL
    ) -> models.MemorySearchResponse:
        """Search memories."""
        return self._memories.search(query)

    def create_memory(self, body: models.MemoryCreateRequest, context: Context = LOCAL) -> models.MemoryResponse:
        """Store a memory."""
        return self._memories.create(body, context)

    def get_memory(self, memory_id: str, context: Context = LOCAL) -> models.MemoryResponse:
        """Get a memory."""
        return self._memories.get(memory_id)

    def update_memory(
        self, memory_id: str, body: models.MemoryUpdateRequest, context: Context = LOCAL
    ) -> models.MemoryUpdateResponse:
        """Change a memory."""
        return self._memories.update(memory_id, body, context)

    def delete_memory(self, memory_id: str, context: Context = LOCAL) -> None:
        """Delete a memory."""
        self._memories.delete(memory_id, context)

    def list_traces(self, query: queries.ListTracesQuery, context: Context = LOCAL) -> models.TraceListResponse:
        """List traces of all sessions."""
        return self._traces.list(query)

    def get_trace(self, trace_id: str, context: Context = LOCAL) -> models.TraceResponse:
        """Get a trace with its details."""
        return self._traces.get(trace_id)

    def list_session_traces(
        self, session_id: str, query: queries.ListSessionTracesQuery, context: Context = LOCAL
    ) -> models.SessionTraceListResponse:
        """List the traces of a session."""
        return self._traces.list_for_session(session_id, query)

    def list_entities(self, query: queries.ListEntitiesQuery, context: Context = LOCAL) -> models.EntityListResponse:
        """List entities."""
        return self._entities.list(query)

    def create_entity(self, body: models.EntityCreateRequest, context: Context = LOCAL) -> models.EntityResponse:
        """Store an entity."""
        return self._entities.create(body, context)

    def get_entity(self, entity_id: str, context: Context = LOCAL) -> models.EntityResponse:
        """Get an entity with its attributes."""
        return self._entities.get(entity_id)

    def update_entity(
        self, entity_id: str, body: models.EntityUpdateRequest, context: Context = LOCAL
    ) -> models.EntityUpdateResponse:
        """Change attributes of an entity."""
        return self._entities.update(entity_id, body, context)

    def delete_entity(self, entity_id: str, context: Context = LOCAL) -> None:
        """Delete an entity."""
        self._entities.delete(entity_id, context)

    def get_dashboard_stats(self, context: Context = LOCAL) -> models.DashboardOverviewResponse:
        """Count what the store holds."""
        return self._dashboard.stats()

    def list_api_keys(self, context: Context = LOCAL) -> list[models.APIKeyResponse]:
        """List the API keys."""
        return self._dashboard.list_keys()

    def create_api_key(self, body: models.APIKeyCreateRequest, context: Context = LOCAL) -> models.APIKeyResponse:
        """Create an API key."""
        return self._dashboard.create_key(body, context)

    def revoke_api_key(self, key_id: str, context: Context = LOCAL) -> None:
        """Revoke an API key."""
        self._dashboard.revoke_key(key_id, context)
