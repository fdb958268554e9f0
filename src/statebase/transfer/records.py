"""The format of an export: JSON Lines, one record each.

The first line is a header, the last one has the counts. Each line between is a session, or a part of the session before
it, in chronological order:

    {"format": "statebase-export", "version": 1, "exported_at": ..., "statebase": ...}
    {"record": "session", "id": ..., "agent_id": ..., "initial_version": 0, "initial_state": ...}
    {"record": "state_version", "session_id": ..., "version": 1, "state": ...}
    {"record": "turn", ...}  {"record": "memory", ...}  {"record": "entity", ...}  {"record": "trace", ...}
    {"record": "end", "counts": {"sessions": 1, "state_versions": 1, ...}}

A record has the fields of the API's response, including those that this version of the SDK does not know.
"""

from __future__ import annotations

from typing import Any, Dict, Optional, Union

from pydantic import Field, TypeAdapter
from typing_extensions import Annotated, Literal

from .._base.model import Model, Timestamp
from .._generated import models

# pydantic resolves the names in inherited annotations in the module of the class.
from .._generated.models import TurnInput, TurnOutput  # noqa: F401  # pyright: ignore[reportUnusedImport]

FORMAT_VERSION = 1
FORMAT_WITH_TRACES = 2
"""Differs only in the records of traces, which older versions of this package refuse."""

KINDS = {
    "session": "sessions",
    "state_version": "state_versions",
    "turn": "turns",
    "memory": "memories",
    "entity": "entities",
    "trace": "traces",
}
"""The kinds of records between header and end, with their plurals."""


class Header(Model):
    """The first line."""

    format: Literal["statebase-export"] = "statebase-export"
    """Identifies the file format."""
    version: int
    """The version of the format."""
    exported_at: Timestamp
    """The start of the export."""
    statebase: str
    """The version of the SDK that wrote the file."""


class SessionRecord(Model):
    """A session in its initial state."""

    record: Literal["session"] = "session"
    id: str
    agent_id: str
    user_id: Optional[str] = None
    metadata: Optional[Dict[str, Any]] = None
    created_at: Timestamp
    updated_at: Timestamp
    ttl_expires_at: Optional[Timestamp] = None
    initial_version: int = 0
    """The oldest state version that was exported."""
    initial_state: Dict[str, Any]
    """The state of that version."""


class StateVersionRecord(models.StateVersionModel):
    """A later version of the state of the session before it."""

    record: Literal["state_version"] = "state_version"
    session_id: str
    reasoning: Optional[str] = None
    """The reason for the change, if its trace has one."""


class TurnRecord(models.TurnDetailResponse):
    """A turn of the session before it."""

    record: Literal["turn"] = "turn"


class MemoryRecord(models.MemoryResponse):
    """A memory of the session before it."""

    record: Literal["memory"] = "memory"
    embed: bool = True
    """Whether searches find it."""


class EntityRecord(models.EntityResponse):
    """An entity of the session before it."""

    record: Literal["entity"] = "entity"


class TraceRecord(models.TraceResponse):
    """A trace of the session before it; it is not imported: the target has its own audit trail."""

    record: Literal["trace"] = "trace"


class EndRecord(Model):
    """The last line; if it is missing, the file was cut off."""

    record: Literal["end"] = "end"
    counts: Dict[str, int]


PartRecord = Union[StateVersionRecord, TurnRecord, MemoryRecord, EntityRecord]
Record = Union[SessionRecord, PartRecord, TraceRecord, EndRecord]

records: TypeAdapter[Record] = TypeAdapter(Annotated[Record, Field(discriminator="record")])
"""Reads a line after the first."""
