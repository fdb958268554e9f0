"""The whole API as methods, one an operation, named by its id."""

from __future__ import annotations

from .context import ContextOperations
from .dashboard import DashboardOperations
from .entities import EntityOperations
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
    SystemOperations,
):
    """Every operation takes the parameters of its path, then its body or its query, then the context of the call.

    What goes wrong is an `EngineError`, and then nothing was changed.

    Args:
        core: What the operations work on.
    """
