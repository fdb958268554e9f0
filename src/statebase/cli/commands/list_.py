"""`statebase list`."""

from __future__ import annotations

import argparse
from datetime import datetime, timezone
from typing import TYPE_CHECKING, List

from ..._call.options import NOT_GIVEN
from ..arguments import add_json, add_store_or_service, integer, text
from ..command import Command
from ..formatting import cut, distance, json_line
from ..store import store_of
from ..terminal import faint, print_line, strong

if TYPE_CHECKING:
    from ..._generated.models import SessionListItem

_DESCRIPTION = """\
List the sessions that have not expired, newest first.

The last line says how to see the next ones. With --json the output is one
object: the sessions as `data`, `has_more`, and `next`, the value of --after for
the next page, or null."""

_WIDEST = 24


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    add_store_or_service(parser, default_service=True)
    parser.add_argument("--user", type=text(parser, "--user"), metavar="ID", help="only sessions of this user")
    parser.add_argument("--agent", type=text(parser, "--agent"), metavar="ID", help="only sessions of this agent")
    parser.add_argument(
        "--limit",
        type=integer(parser, "--limit", 1, 100),
        default=20,
        metavar="N",
        help="maximum number of sessions, 1 to 100 (default: %(default)s)",
    )
    parser.add_argument(
        "--after", type=text(parser, "--after"), metavar="SESSION", help="only sessions that come after this one"
    )
    add_json(parser, "print one JSON object")


def _run(options: argparse.Namespace) -> int:
    from ..opening import open_client

    with open_client(store_of(options), options.url) as client:
        page = client.sessions.list(
            NOT_GIVEN if options.agent is None else options.agent,
            options.limit,
            NOT_GIVEN if options.after is None else options.after,
            user_id=NOT_GIVEN if options.user is None else options.user,
        )
        sessions = page[:]
    last = sessions[-1].id if page.has_more and sessions else None
    if options.json:
        data = [session.model_dump(mode="json") for session in sessions]
        print_line(json_line({"data": data, "has_more": page.has_more, "next": last}))
        return 0
    _print(sessions)
    if last is not None:
        print_line(faint(f"There are more: --after {last}"))
    return 0


def _print(sessions: List[SessionListItem]) -> None:
    if not sessions:
        print_line("No sessions.")
        return
    now = datetime.now(timezone.utc)
    rows = [("session", "agent", "user", "turns", "memories", "updated")]
    rows += [
        (
            session.id,
            cut(session.agent_id, _WIDEST),
            cut(session.user_id or "", _WIDEST),
            f"{session.turn_count:,}",
            f"{session.memory_count:,}",
            distance(session.updated_at, now),
        )
        for session in sessions
    ]
    widths = [max(map(len, column)) for column in zip(*rows)]
    for number, row in enumerate(rows):
        cells = [
            cell.rjust(width) if place in (3, 4) else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths))
        ]
        line = "  ".join(cells).rstrip()
        print_line(faint(line)) if number == 0 else print_line(strong(cells[0]), line[widths[0] :])


COMMAND = Command("list", "list sessions", _DESCRIPTION, _add_arguments, _run)
