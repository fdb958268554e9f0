"""Where statebase 0.4 had its async client: `from statebase import AsyncStateBase` is all that new code needs."""

from __future__ import annotations

from .._async_client import AsyncStateBase
from .._memory import AsyncMemory as AsyncMemoryClient
from .._sessions import AsyncSessions as AsyncSessionsClient

__all__ = ["AsyncMemoryClient", "AsyncSessionsClient", "AsyncStateBase"]
