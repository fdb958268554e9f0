"""The timeline of a session: everything that changed it, in order."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple, Union, overload

from .._base.model_repr import printable, short
from .._generated import models
from .state_diff import StateDiff

_ROOM = 300
_SHOWN = (
    ("text", "preview"),
    ("type", "type"),
    ("type", "entity_type"),
    ("id", "entity_id"),
    ("from", "forked_from"),
    ("version", "forked_version"),
)
"""Labels and names of the details that texts show."""


@dataclass(frozen=True)
class TimelineEvent:
    """A change of a session."""

    time: datetime
    """The time of the change, in UTC."""
    action: str
    """The kind of the change, as in traces: `turn.added`, `state.updated`, `state.rolled_back`, `memory.created`."""
    resource_id: str
    """Id of what was changed: the turn, memory or entity; the session itself for its state."""
    actor: str
    """The author of the change: `api_key`, or `local` in the embedded engine."""
    turn: Optional[models.ContextTurn] = None
    """The turn with its whole content, if one was added."""
    version: Optional[int] = None
    """The version of the state that the change created; None if it did not change the state."""
    restored_version: Optional[int] = None
    """The version that a rollback restored."""
    reasoning: Optional[str] = None
    """The reasoning that was given with the change."""
    diff: Optional[StateDiff] = None
    """The changes from the version before `version`; None if there is none, or the service no longer returns it."""
    details: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """The details of the trace, such as the preview of a memory."""

    @property
    def title(self) -> str:
        """The change in a few words: `turn 3`, `state version 4`, `memory created`."""
        if self.turn is not None:
            return f"turn {self.turn.turn_number}"
        if self.restored_version is not None:
            return f"rolled back to version {self.restored_version}, as version {self.version}"
        if self.action == "state.updated" and self.version is not None:
            return f"state version {self.version}"
        return self.action.replace(".", " ").replace("_", " ")

    def lines(self) -> Iterator[Tuple[str, str]]:
        """Yield labels and texts that describe the change; texts are as they were stored."""
        if self.turn is not None:
            for label, part in (("in", self.turn.input), ("out", self.turn.output)):
                if part is not None:
                    yield (label if part.type == "text" else f"{label}, {printable(part.type)}"), part.content
        for label, name in _SHOWN:
            if self.details.get(name) is not None:
                yield label, str(self.details[name])
        if self.reasoning:
            yield "why", self.reasoning
        if self.diff:
            yield "state", str(self.diff)

    def as_dict(self) -> Dict[str, Any]:
        """Return the change as a JSON object, without fields that are None."""
        values = {
            "time": self.time.isoformat().replace("+00:00", "Z"),
            "action": self.action,
            "resource_id": self.resource_id,
            "actor": self.actor,
            "turn": None if self.turn is None else self.turn.model_dump(mode="json"),
            "version": self.version,
            "restored_version": self.restored_version,
            "reasoning": self.reasoning,
            "diff": None if self.diff is None else [change.as_dict() for change in self.diff],
            "details": dict(self.details) or None,
        }
        return {name: value for name, value in values.items() if value is not None}

    def __str__(self) -> str:
        texts = [f"{self.time:%Y-%m-%d %H:%M:%S}  {self.title}"]
        for label, text in self.lines():
            # A diff is escaped already; a line of it is a line here.
            lines = text.splitlines() if label == "state" else [short(text, _ROOM)]
            texts += [f"    {name:<5} {line}" for name, line in zip([label, *[""] * len(lines)], lines)]
        return "\n".join(texts)


class Timeline(Sequence[TimelineEvent]):
    """The changes of a session in order of time: a sequence of events, readable as text and in notebooks."""

    def __init__(self, events: Sequence[TimelineEvent], gaps: Sequence[str] = ()) -> None:
        self._events = tuple(events)
        self.gaps: Tuple[str, ...] = tuple(gaps)
        """Sentences on what the service could not return; empty if nothing is missing."""

    def as_list(self) -> List[Dict[str, Any]]:
        """Return the events as JSON objects."""
        return [event.as_dict() for event in self._events]

    def __len__(self) -> int:
        return len(self._events)

    @overload
    def __getitem__(self, index: int) -> TimelineEvent: ...
    @overload
    def __getitem__(self, index: slice) -> Tuple[TimelineEvent, ...]: ...
    def __getitem__(self, index: Union[int, slice]) -> Union[TimelineEvent, Tuple[TimelineEvent, ...]]:
        return self._events[index]

    def __repr__(self) -> str:
        return f"Timeline({len(self._events)} events)"

    def __str__(self) -> str:
        return "\n".join([*map(str, self._events), *self.gaps]) or "no event"

    def _repr_html_(self) -> str:
        from .html import rows_html  # only notebooks need it

        rows = [
            (f"{event.time:%H:%M:%S} {event.title}", "\n".join(f"{label}: {text}" for label, text in event.lines()))
            for event in self._events
        ]
        return rows_html("Timeline", [*rows, *(("missing", gap) for gap in self.gaps)], most=_ROWS)


_ROWS = 500
"""The largest number of events in a notebook."""
