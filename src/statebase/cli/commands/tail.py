"""`statebase tail`."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any, Dict, List, Union

from ..arguments import add_json, add_number, add_session, add_store_or_service, seconds
from ..command import Command
from ..formatting import columns, compact, cut, json_line, moment
from ..store import store_of
from ..terminal import Styled, faint, green, print_line, red, strong, yellow
from .show import print_turn

if TYPE_CHECKING:
    from ..._results.state_diff import Change
    from ..follow import Event

_DESCRIPTION = """\
Follow a session: show its turns, and what each change of the state added (+),
removed (-) or changed (~). Begins with the last turns and changes.

Ctrl-C stops it. Temporary failures are reported on stderr and polling goes on;
it ends when the session is deleted or expires. With --json each event is a
line: {"event": "turn" or "state", ...}, for a state with its `changes`."""

_EPILOG = """\
exit codes:
  0  stopped by Ctrl-C, or the session has ended; with --once: all was shown
  1  the session does not exist, the first poll failed, or the service refused"""

_MARKS = {"added": green("+"), "removed": red("-"), "changed": yellow("~")}
_MOST_CHANGES = 40
_LONGEST_PATH = 40


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    add_session(parser)
    add_store_or_service(parser, default_service=True)
    parser.add_argument(
        "--interval",
        type=seconds(parser, "--interval"),
        default=2.0,
        metavar="SECONDS",
        help="seconds between polls; each poll is two requests (default: %(default)g)",
    )
    add_number(parser, "turns and state changes to start with")
    parser.add_argument("--once", action="store_true", help="show the last turns and changes, then exit")
    add_json(parser, "print each event as a line of JSON")


def _run(options: argparse.Namespace) -> int:
    import time

    from ..follow import Follower, follow
    from ..opening import open_client
    from ..terminal import complain

    try:
        with open_client(store_of(options), options.url) as client:
            follower = Follower(client, options.session, options.number)
            show = _print_event_as_json if options.json else print_event
            follow(follower, show, complain, time.sleep, options.interval, once=options.once)
    except KeyboardInterrupt:
        pass  # the documented way to stop
    return 0


def print_event(event: Event) -> None:
    """Print an event for people."""
    from ..follow import TurnEvent

    if isinstance(event, TurnEvent):
        print_turn(event.turn)
        return
    by = "" if event.version.updated_by is None else f" by {event.version.updated_by}"
    if event.missed:
        print_line(
            "  ", yellow(f"{_number(event.missed, 'version')} not shown: the service returns only the newest 100")
        )
    print_line("  ", faint(moment(event.at)), "  state ", strong(str(event.version.version)), faint(by))
    if not event.changes:
        print_line("    ", faint("no difference" if event.version.version else "empty"))
    shown = event.changes[:_MOST_CHANGES]
    width = min(max((len(change.path) for change in shown), default=0), _LONGEST_PATH)
    for change in shown:
        print_line("    ", _MARKS[change.kind], " ", *_described(change, width))
    if len(event.changes) > len(shown):
        print_line("    ", faint(f"… {_number(len(event.changes) - len(shown), 'difference')} more; --json gives all"))


def _print_event_as_json(event: Event) -> None:
    print_line(json_line(_as_dict(event)))


def _as_dict(event: Event) -> Dict[str, Any]:
    from ..follow import StateEvent

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


COMMAND = Command("tail", "follow a session", _DESCRIPTION, _add_arguments, _run, _EPILOG)
