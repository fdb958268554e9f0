"""How `statebase tail` shows an event."""

from __future__ import annotations

from typing import Any, Dict, List, Union

from .changes import Change
from .follow import Event, StateEvent, TurnEvent
from .show import print_turn
from .terminal import Styled, faint, green, print_line, red, strong, yellow
from .text import columns, compact, cut, json_line, moment

_MARKS = {"added": green("+"), "removed": red("-"), "changed": yellow("~")}
_MOST_CHANGES = 40
_LONGEST_PATH = 40


def print_event(event: Event) -> None:
    """Print an event for people."""
    if isinstance(event, TurnEvent):
        print_turn(event.turn)
        return
    by = "" if event.version.updated_by is None else f" by {event.version.updated_by}"
    if event.missed:
        print_line("  ", yellow(f"{_number(event.missed, 'version')} went by that the service no longer gives"))
    print_line("  ", faint(moment(event.at)), "  state ", strong(str(event.version.version)), faint(by))
    if not event.changes:
        print_line("    ", faint("no difference" if event.version.version else "empty"))
    shown = event.changes[:_MOST_CHANGES]
    width = min(max((len(change.path) for change in shown), default=0), _LONGEST_PATH)
    for change in shown:
        print_line("    ", _MARKS[change.kind], " ", *_described(change, width))
    if len(event.changes) > len(shown):
        print_line("    ", faint(f"… {_number(len(event.changes) - len(shown), 'difference')} more; --json gives all"))


def print_event_as_json(event: Event) -> None:
    """Print an event as a line of JSON."""
    print_line(json_line(_as_dict(event)))


def _as_dict(event: Event) -> Dict[str, Any]:
    if isinstance(event, StateEvent):
        changed = [change.as_dict() for change in event.changes]
        return {"event": "state", **event.version.model_dump(mode="json"), "changes": changed, "missed": event.missed}
    return {"event": "turn", **event.turn.model_dump(mode="json")}


def _described(change: Change, width: int) -> List[Union[str, Styled]]:
    path = cut(change.path, _LONGEST_PATH).ljust(width)
    room = columns() - len(path) - 8
    if change.kind == "changed":
        half = max((room - 4) // 2, 10)
        before = compact(change.before, half)
        return [path, "  ", faint(before), " → ", compact(change.after, max(room - 3 - len(before), 10))]
    return [path, "  ", compact(change.before if change.kind == "removed" else change.after, room)]


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
