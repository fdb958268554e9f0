"""Sessions and memories of Google's Agent Development Kit in StateBase, shared by processes and machines.

    from google.adk.runners import Runner
    from statebase import StateBase
    from statebase.integrations.google_adk import StateBaseMemoryService, StateBaseSessionService

    client = StateBase.local("agents.db")
    runner = Runner(
        app_name="pottery",
        agent=agent,
        session_service=StateBaseSessionService(client),
        memory_service=StateBaseMemoryService(client),
    )

An event is a turn, and the state of a session is the versioned state of its session in StateBase. State of an app and
of a user has a session of its own.
"""

from __future__ import annotations

from ._google_adk.memories import StateBaseMemoryService
from ._google_adk.sessions import StateBaseSessionService

__all__ = ["StateBaseMemoryService", "StateBaseSessionService"]
