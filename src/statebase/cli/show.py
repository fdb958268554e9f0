"""What `statebase show` does."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any, Dict, List, NamedTuple

from .._generated.models import SessionResponse, TurnDetailResponse
from ..client import StateBase
from .terminal import faint, print_line, strong
from .text import columns, distance, json_line, moment, paragraphs, pretty


class Shown(NamedTuple):
    """A session and what is shown with it."""

    session: SessionResponse
    state: Dict[str, Any]
    state_version: int
    turns: List[TurnDetailResponse]


def read(client: StateBase, session_id: str, turns: int) -> Shown:
    """Read a session, its state, and its last turns, oldest first.

    Raises:
        StateBaseError: It cannot be read.
    """
    session = client.sessions.get(session_id)
    state = client.sessions.get_state(session_id)
    last = client.sessions.list_turns(session_id, limit=max(turns, 1))[:turns]
    details = [client.sessions.get_turn(session_id, item.id) for item in last]
    return Shown(session, state.state, state.version, details[::-1])


def as_json(shown: Shown) -> str:
    """Return the session as one object."""
    return json_line(
        {
            **shown.session.model_dump(mode="json"),
            "state": shown.state,
            "state_version": shown.state_version,
            "turns": [turn.model_dump(mode="json") for turn in shown.turns],
        }
    )


def print_session(shown: Shown) -> None:
    """Print the session for people."""
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
    """Print a turn: when it was, what went in, what came out, and why."""
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
    if len(label) > 4:
        print_line("    ", faint(label))
        others.insert(0, first)
    else:
        print_line("    ", faint(label.ljust(6)), first)
    for line in others:
        print_line(" " * 10, line)
