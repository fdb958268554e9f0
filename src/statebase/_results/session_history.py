"""The history of a session."""

from __future__ import annotations

from typing import List, Optional

from pydantic import Field

from .._base.model import Model
from .._generated import models


class SessionHistory(Model):
    """The history of a session: its state versions and its traces, newest first.

    The document does not define the fields of this response, so none is required.
    """

    session_id: Optional[str] = None
    """Id of the session."""
    versions: List[models.StateVersionModel] = Field(default_factory=list[models.StateVersionModel])
    """The versions of its state; empty if they were not requested."""
    traces: List[models.TraceListItem] = Field(default_factory=list[models.TraceListItem])
    """Its audit trail; empty if it was not requested."""
