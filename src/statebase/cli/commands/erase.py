"""`statebase erase`."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, List

from ..arguments import add_json, add_store_or_service, text
from ..command import Command
from ..formatting import json_line
from ..store import store_of
from ..terminal import print_line

if TYPE_CHECKING:
    from ..._results.erasure import UserErasure

_DESCRIPTION = """\
Erase everything of a user: sessions, live and expired, with their turns,
states, memories and entities, stored responses of idempotency keys, and user
IDs, reasoning and previews in traces. It cannot be undone. If it is
interrupted, run it again: it continues with what is left.

The hosted service keeps some of it; the report says what remains."""

_NOUNS = {
    "live_sessions": ("live session", "live sessions"),
    "expired_sessions": ("expired session", "expired sessions"),
    "turns": ("turn", "turns"),
    "memories": ("memory", "memories"),
    "entities": ("entity", "entities"),
    "traces": ("trace redacted", "traces redacted"),
    "stored_responses": ("stored response", "stored responses"),
}


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--user", type=text(parser, "--user"), required=True, metavar="ID", help="the ID of the user")
    add_store_or_service(parser)
    parser.add_argument("--dry-run", action="store_true", help="erase nothing, and show what would be erased")
    add_json(parser, "print the report as one JSON object")


def _run(options: argparse.Namespace) -> int:
    from ..opening import open_client

    with open_client(store_of(options), options.url) as client:
        report = client.erase_user(options.user, dry_run=options.dry_run)
    if options.json:
        print_line(json_line(report.model_dump(mode="json", exclude={"cursor"})))
        return 0
    print_line("Would erase: " if report.dry_run else "Erased: ", ", ".join(_counts(report)), ".")
    for rest in report.remaining:
        print_line("Remaining: ", rest, ".")
    return 0


def _counts(report: UserErasure) -> List[str]:
    counts = ((report[name], nouns) for name, nouns in _NOUNS.items())
    return [f"{count:,} {one if count == 1 else several}" for count, (one, several) in counts if count is not None]


COMMAND = Command("erase", "erase everything of a user", _DESCRIPTION, _add_arguments, _run)
