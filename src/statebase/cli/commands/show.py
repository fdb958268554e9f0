"""`statebase show`."""

from __future__ import annotations

import argparse
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Dict, List, NamedTuple

from ..arguments import add_json, add_number, add_session, add_store_or_service
from ..command import Command
from ..formatting import columns, distance, json_line, moment, paragraphs, pretty
from ..store import store_of
from ..terminal import faint, print_line, strong

if TYPE_CHECKING:
    from ..._generated.models import SessionResponse, TurnDetailResponse
    from ..._results.timeline import Timeline
    from ...client import StateBase

_DESCRIPTION = """\
Show a session: what it is, when it expires, its state, and its last turns.

Control characters in texts are escaped, like \\u001b. With --json the output is
one object: the fields of the API's session, `state_version`, and `turns`, which
are complete, oldest first.

With --timeline it shows all turns, changes of the state with their reasons,
memories and entities in the order in which they happened; with --json these
are `timeline`."""


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    add_session(parser)
    add_store_or_service(parser, default_service=True)
    add_number(parser, "turns to show")
    add_json(parser, "print one JSON object")
    parser.add_argument("--timeline", action="store_true", help="show everything that happened, in order")


def _run(options: argparse.Namespace) -> int:
    from ..opening import open_client

    with open_client(store_of(options), options.url) as client:
        if options.timeline:
            session = client.sessions.get(options.session)
            _print_timeline(session, client.sessions.timeline(session.id), as_json=options.json)
            return 0
        shown = _read(client, options.session, options.number)
    if options.json:
        print_line(_as_json(shown))
    else:
        _print_session(shown)
    return 0


def _print_timeline(session: SessionResponse, timeline: Timeline, *, as_json: bool) -> None:
    if as_json:
        print_line(json_line({**session.model_dump(mode="json"), "timeline": timeline.as_list()}))
        return
    print_line(strong(session.id))
    for event in timeline:
        print_line("  ", faint(moment(event.time)), "  ", strong(event.title))
        for label, text in event.lines():
            _print_text(label, text)
    for gap in timeline.gaps:
        print_line("  ", faint(gap))


class _Shown(NamedTuple):
    session: SessionResponse
    state: Dict[str, Any]
    state_version: int
    turns: List[TurnDetailResponse]


def _read(client: StateBase, session_id: str, turns: int) -> _Shown:
    session = client.sessions.get(session_id)
    state = client.sessions.get_state(session_id)
    last = client.sessions.list_turns(session_id, limit=max(turns, 1))[:turns]
    details = [client.sessions.get_turn(session_id, item.id) for item in last]
    return _Shown(session, state.state, state.version, details[::-1])


def _as_json(shown: _Shown) -> str:
    return json_line(
        {
            **shown.session.model_dump(mode="json"),
            "state": shown.state,
            "state_version": shown.state_version,
            "turns": [turn.model_dump(mode="json") for turn in shown.turns],
        }
    )


def _print_session(shown: _Shown) -> None:
    session, now = shown.session, datetime.now(timezone.utc)
    expires = session.ttl_expires_at
    facts = {
        "agent": session.agent_id,
        "user": "none" if session.user_id is None else session.user_id,
        "created": f"{moment(session.created_at)}, {distance(session.created_at, now)}",
        "updated": f"{moment(session.updated_at)}, {distance(session.updated_at, now)}",
        "expires": "never" if expires is None else f"{moment(expires)}, {distance(expires, now)}",
        "memories": f"{session.memory_count:,}",
    }
    print_line(strong(session.id))
    for name, fact in facts.items():
        print_line("  ", faint(name.ljust(10)), fact)
    if session.metadata:
        _print_object("metadata", session.metadata)
    _print_object(f"state, version {shown.state_version}", shown.state)
    print_line()
    print_line(strong(_title_of_turns(len(shown.turns), session.turn_count)))
    for turn in shown.turns:
        print_turn(turn)


def print_turn(turn: TurnDetailResponse) -> None:
    """Print a turn: its time, input, output and reasoning."""
    print_line("  ", faint(moment(turn.created_at)), "  turn ", strong(str(turn.turn_number)))
    _print_text(_labelled("in", turn.input.type), turn.input.content)
    _print_text(_labelled("out", turn.output.type), turn.output.content)
    if turn.reasoning:
        _print_text("why", turn.reasoning)


def _title_of_turns(shown: int, total: int) -> str:
    if not shown:
        return f"turns: {total:,}" if total else "turns: none"
    return "turns" if shown >= total else f"turns, the last {shown} of {total:,}"


def _labelled(label: str, kind: str) -> str:
    return label if kind == "text" else f"{label}, {kind}"


def _print_object(title: str, value: Dict[str, Any]) -> None:
    print_line()
    print_line(strong(title))
    for line in pretty(value, "  "):
        print_line(line)


def _print_text(label: str, text: str) -> None:
    first, *others = paragraphs(text, columns() - 10)
    if len(label) > 5:
        print_line("    ", faint(label))
        others.insert(0, first)
    else:
        print_line("    ", faint(label.ljust(6)), first)
    for line in others:
        print_line(" " * 10, line)


COMMAND = Command("show", "show a session", _DESCRIPTION, _add_arguments, _run)
