"""The embedded engine: the StateBase API in this process, on SQLite.

`StateBase.local()` opens it for a client. The names here are for use without a client: an `Engine` to call, or a
`LocalTransport` for an `httpx.Client`.
"""

from __future__ import annotations

from .caller import Caller, Context
from .engine import Engine
from .errors import EngineError
from .explanation import SearchExplanation
from .http.transport import LocalTransport
from .search.keywords import KeywordSearchWarning

__all__ = ["Caller", "Context", "Engine", "EngineError", "KeywordSearchWarning", "LocalTransport", "SearchExplanation"]
