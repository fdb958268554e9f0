"""Where statebase 0.4 had its client: `from statebase import StateBase` is all that new code needs."""

from __future__ import annotations

from .._client import StateBase
from .._memory import Memory as MemoryClient
from .._sessions import Sessions as SessionsClient

__all__ = ["MemoryClient", "SessionsClient", "StateBase"]
