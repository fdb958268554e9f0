"""Models of statebase 0.4 that no operation uses."""

from __future__ import annotations

from typing import Any, Dict, Optional

from .._base.model import Model
from .._generated.models import StatePartialUpdateRequest

StateUpdateRequest = StatePartialUpdateRequest

__all__ = ["StateUpdateRequest", "ToolCall", "ToolResponse"]


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
