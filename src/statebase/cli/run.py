"""What each command does with its options. What it needs is imported here, so that `--help` need not wait for it."""

from __future__ import annotations

import argparse
import json
import os
from typing import TYPE_CHECKING, List

from .terminal import inform, print_line

if TYPE_CHECKING:
    from .doctor.report import Check


def doctor(options: argparse.Namespace) -> int:
    """Check what a client needs."""
    from .._base.clock import Clock
    from .doctor.examine import examine
    from .doctor.report import as_json, print_check, print_summary

    checks: List[Check] = []
    for check in examine(options.url, options.path, os.environ, Clock()):
        checks.append(check)
        if not options.json:
            print_check(check)
    if options.json:
        print_line(as_json(checks))
    else:
        print_summary(checks)
    return 1 if any(check.status == "failed" for check in checks) else 0


def show(options: argparse.Namespace) -> int:
    """Show a session."""
    from .place import open_client
    from .show import as_json, print_session, read

    with open_client(options.path, options.url) as client:
        shown = read(client, options.session, options.number)
    if options.json:
        print_line(as_json(shown))
    else:
        print_session(shown)
    return 0


def tail(options: argparse.Namespace) -> int:
    """Follow a session."""
    import time

    from .follow import Follower, follow
    from .place import open_client
    from .tail import print_event, print_event_as_json
    from .terminal import complain

    try:
        with open_client(options.path, options.url) as client:
            follower = Follower(client, options.session, options.number)
            show = print_event_as_json if options.json else print_event
            follow(follower, show, complain, time.sleep, options.interval, once=options.once)
    except KeyboardInterrupt:
        pass  # the documented way to stop
    return 0


def serve(options: argparse.Namespace) -> int:
    """Serve a store."""
    from .files import as_typed, check_store
    from .serve import KEY_VARIABLE, UsageError, run

    check_store(options.path, make=True, in_memory=True)
    try:
        with as_typed(options.path):
            run(
                path=options.path,
                host=options.host,
                port=options.port,
                api_key=os.environ.get(KEY_VARIABLE) or None if options.api_key is None else options.api_key,
                rate_limit=options.rate_limit,
                tls=options.tls,
                log_requests=options.access_log,
                as_json=options.json,
            )
    except UsageError as error:
        options.parser.error(str(error))
    return 0


def export(options: argparse.Namespace) -> int:
    """Write sessions as lines of JSON."""
    from .commands import describe_export, export_sessions

    if options.expired and options.path is None:
        options.parser.error("--expired requires --path: a service does not return expired sessions")
    if options.json and options.output is None:
        options.parser.error("--json requires -o/--output: stdout is the export itself")
    session_ids = options.sessions or None
    counts = export_sessions(options.path, options.url, session_ids, options.output, expired=options.expired)
    if options.json:
        print_line(json.dumps({"output": options.output, "counts": counts}))
    elif options.output is not None:
        inform(describe_export(counts, options.output))
    return 0


def import_(options: argparse.Namespace) -> int:
    """Make the sessions of an export."""
    from .commands import describe_import, import_sessions

    counts = import_sessions(options.path, options.url, options.file, options.ttl_seconds)
    if options.json:
        print_line(json.dumps({kind: count._asdict() for kind, count in counts.items()}))
    else:
        print_line(describe_import(counts))
    return 0


def purge(options: argparse.Namespace) -> int:
    """Remove the expired sessions of a store."""
    from .commands import purge

    removed = purge(options.path)
    noun = "session" if removed == 1 else "sessions"
    print_line(json.dumps({"sessions": removed}) if options.json else f"Removed {removed:,} expired {noun}.")
    return 0


def backup(options: argparse.Namespace) -> int:
    """Copy a store."""
    from .commands import backup

    size = backup(options.path, options.target)
    if options.json:
        print_line(json.dumps({"path": options.path, "target": options.target, "bytes": size}))
    return 0


def restore(options: argparse.Namespace) -> int:
    """Put a copy in the place of a store."""
    from .commands import restore

    size = restore(options.backup, options.path)
    if options.json:
        print_line(json.dumps({"backup": options.backup, "path": options.path, "bytes": size}))
    return 0
