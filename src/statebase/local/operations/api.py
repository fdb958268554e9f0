"""All operations in one class. Each method is an operation, named after its id."""

from __future__ import annotations

from .context import ContextOperations
from .dashboard import DashboardOperations
from .entities import EntityOperations
from .erase import EraseOperations
from .explain import SearchExplanations
from .memories import MemoryOperations
from .sessions import SessionOperations
from .states import StateOperations
from .system import SystemOperations
from .traces import TraceOperations
from .turns import TurnOperations


class Operations(
    SessionOperations,
    StateOperations,
    TurnOperations,
    MemoryOperations,
    ContextOperations,
    TraceOperations,
    EntityOperations,
    DashboardOperations,
    EraseOperations,
    SystemOperations,
    SearchExplanations,
):
    """All operations. Each takes its path parameters, then its body or query, then the caller.

    Errors are raised as `EngineError`; then nothing was changed.

    Args:
        core: The store, the search and the clock.
    """
