"""`TypedState`: a state as an instance of a type of the caller."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class TypedState(Generic[T]):
    """The state of a session as an instance of a type: a Pydantic model, a dataclass, a TypedDict.

    Example:
        >>> from dataclasses import dataclass
        >>> @dataclass
        ... class Progress:
        ...     step: int
        >>> current = client.state.get_state(session.id, as_=Progress)
        >>> current.state, current.version
        (Progress(step=1), 0)
    """

    session_id: str
    """Id of the session whose state it is."""
    version: int
    """Version of the state, counted from 0, one for each change."""
    state: T
    """The state."""
    updated_at: datetime
    """When the state last changed, in UTC."""
