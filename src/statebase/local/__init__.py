"""The embedded engine: the API of StateBase in this process, on SQLite.

`StateBase.local()` opens it for a client. What is here is for those who want it without one: an `Engine` to call, or a
`LocalTransport` to put into an `httpx.Client`.
"""

from __future__ import annotations

from .caller import Caller, Context
from .engine import Engine
from .errors import EngineError
from .http.transport import LocalTransport
from .search.keywords import KeywordSearchWarning

__all__ = ["Caller", "Context", "Engine", "EngineError", "KeywordSearchWarning", "LocalTransport"]
