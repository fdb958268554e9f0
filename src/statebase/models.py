"""The models of the API: the results of methods, and the bodies of requests.

The last two are models of statebase 0.4 that no operation uses.
"""

from __future__ import annotations

from typing import Any, Dict, Optional

from ._base.model import Model
from ._generated import models as _generated
from ._generated.models import *  # noqa: F403
from ._results.context import ContextResponse as ContextResponse
from ._results.search_results import SearchResults as SearchResults
from ._results.session_history import SessionHistory as SessionHistory

StateUpdateRequest = _generated.StatePartialUpdateRequest


class ToolCall(Model):
    """A tool call, as in statebase 0.4."""

    name: str
    """The name of the tool."""
    arguments: Dict[str, Any]
    """The arguments of the call."""
    id: Optional[str] = None
    """The id that the model assigned to the tool call."""


class ToolResponse(Model):
    """The result of a tool, as in statebase 0.4."""

    tool_call_id: Optional[str] = None
    """The id that the model assigned to the tool call."""
    output: Any
    """The result: any JSON value."""
    is_error: bool = False
    """Whether it failed."""
