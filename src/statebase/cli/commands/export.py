"""`statebase export`."""

from __future__ import annotations

import argparse
import contextlib
import json
from typing import Dict, Optional

from ..arguments import add_json, add_store_or_service, text
from ..command import Command
from ..store import Store, store_of
from ..terminal import Progress, escaped, inform, print_line

_DESCRIPTION = """\
Export sessions as JSON Lines, with their state versions, turns, memories and
entities.

Not exported: API keys, traces (the audit trail of the source) unless --traces
is passed, and state versions before the newest 100 of a session, which the API
does not return. For a complete copy of a file use `statebase backup`."""

_OUTPUT = "-o/--output"


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument(
        "sessions", type=text(parser, "SESSION"), nargs="*", default=[], metavar="SESSION", help="the ID of a session"
    )
    which.add_argument("--all", action="store_true", help="all sessions that have not expired")
    which.add_argument(
        "--expired", action="store_true", help="all sessions, including expired ones; requires --path or --database"
    )
    add_store_or_service(parser)
    parser.add_argument(
        "-o", "--output", type=text(parser, _OUTPUT), metavar="FILE", help="where to write. Default: stdout"
    )
    parser.add_argument("--traces", action="store_true", help="export traces too; they are not imported")
    add_json(parser, "print the counts as JSON; requires -o")


def _run(options: argparse.Namespace) -> int:
    store = store_of(options)
    if options.expired and store is None:
        options.parser.error("--expired requires --path or --database: a service does not return expired sessions")
    if options.json and options.output is None:
        options.parser.error(f"--json requires {_OUTPUT}: stdout is the export itself")
    counts = _export(options, store)
    if options.json:
        print_line(json.dumps({"output": options.output, "counts": counts}))
    elif options.output is not None:
        from ..counts import listed

        inform(f"Wrote {listed(counts)} to {options.output}.")
    return 0


def _export(options: argparse.Namespace, store: Optional[Store]) -> Dict[str, int]:
    """Write the sessions, and return how many records of each kind were written."""
    from ...transfer.exporting import export
    from ...transfer.records import EndRecord, SessionRecord
    from ..files import check_output, writing
    from ..opening import open_for_transfer

    session_ids = options.sessions or None
    if options.output is not None:
        check_output(options.output, _OUTPUT)
    with contextlib.ExitStack() as stack:
        client = stack.enter_context(open_for_transfer(store, options.url, ignore_expiry=options.expired))
        file = stack.enter_context(writing(options.output, _OUTPUT))
        progress = stack.enter_context(Progress())
        total = "" if session_ids is None else f" of {len(session_ids)}"
        exported = 0
        counts: Dict[str, int] = {}
        for record in export(client, session_ids, progress.warn, traces=options.traces):
            file.write(escaped(record.model_dump_json()).encode() + b"\n")
            if isinstance(record, SessionRecord):
                exported += 1
                progress.show(f"{exported} sessions{total}")
            if isinstance(record, EndRecord):
                counts = record.counts
    return counts


COMMAND = Command("export", "export sessions as JSON Lines", _DESCRIPTION, _add_arguments, _run)
