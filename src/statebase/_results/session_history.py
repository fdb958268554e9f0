"""The history of a session."""

from __future__ import annotations

from typing import List, Optional

from pydantic import Field

from .._base.model import Model
from .._generated import models


class SessionHistory(Model):
    """The history of a session: its state versions and its traces, newest first.

    The document leaves the shape of this answer open, so nothing in it is required.
    """

    session_id: Optional[str] = None
    """The session."""
    versions: List[models.StateVersionModel] = Field(default_factory=list[models.StateVersionModel])
    """The versions of its state; empty where they were not asked for."""
    traces: List[models.TraceListItem] = Field(default_factory=list[models.TraceListItem])
    """Its audit trail; empty where it was not asked for."""
