"""The format of an export: lines of JSON, one record each.

The first line is a header, the last one counts what came between. A line between is a session, or part of the session
before it, in the order in which its parts came about:

    {"format": "statebase-export", "version": 1, "exported_at": ..., "statebase": ...}
    {"record": "session", "id": ..., "agent_id": ..., "initial_version": 0, "initial_state": ...}
    {"record": "state_version", "session_id": ..., "version": 1, "state": ...}
    {"record": "turn", ...}  {"record": "memory", ...}  {"record": "entity", ...}
    {"record": "end", "counts": {"sessions": 1, "state_versions": 1, ...}}

A record has the fields of the API's answer, those that this version of the SDK does not know included.
"""

from __future__ import annotations

from typing import Any, Dict, Optional, Union

from pydantic import Field, TypeAdapter
from typing_extensions import Annotated, Literal

from .._base.model import Model, Timestamp
from .._generated import models

# pydantic looks up the names in annotations that a class inherits where the class stands.
from .._generated.models import TurnInput, TurnOutput  # noqa: F401  # pyright: ignore[reportUnusedImport]

FORMAT_VERSION = 1

KINDS = {
    "session": "sessions",
    "state_version": "state_versions",
    "turn": "turns",
    "memory": "memories",
    "entity": "entities",
}
"""What a record between header and end can be, and what several of them are called."""


class Header(Model):
    """The first line."""

    format: Literal["statebase-export"] = "statebase-export"
    """Says what the file is."""
    version: int
    """The version of the format."""
    exported_at: Timestamp
    """When the export began."""
    statebase: str
    """The version of the SDK that wrote it."""


class SessionRecord(Model):
    """A session as it began."""

    record: Literal["session"] = "session"
    id: str
    agent_id: str
    user_id: Optional[str] = None
    metadata: Optional[Dict[str, Any]] = None
    created_at: Timestamp
    updated_at: Timestamp
    ttl_expires_at: Optional[Timestamp] = None
    initial_version: int = 0
    """The oldest version of the state that could be read."""
    initial_state: Dict[str, Any]
    """The state of that version."""


class StateVersionRecord(models.StateVersionModel):
    """A later version of the state of the session before it."""

    record: Literal["state_version"] = "state_version"
    session_id: str


class TurnRecord(models.TurnDetailResponse):
    """A turn of the session before it."""

    record: Literal["turn"] = "turn"


class MemoryRecord(models.MemoryResponse):
    """A memory of the session before it."""

    record: Literal["memory"] = "memory"
    embed: bool = True
    """Whether searches may find it."""


class EntityRecord(models.EntityResponse):
    """An entity of the session before it."""

    record: Literal["entity"] = "entity"


class EndRecord(Model):
    """The last line: a file without it was cut off."""

    record: Literal["end"] = "end"
    counts: Dict[str, int]


PartRecord = Union[StateVersionRecord, TurnRecord, MemoryRecord, EntityRecord]
Record = Union[SessionRecord, PartRecord, EndRecord]

records: TypeAdapter[Record] = TypeAdapter(Annotated[Record, Field(discriminator="record")])
"""Reads a line after the first."""
