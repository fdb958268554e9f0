"""`statebase purge`."""

from __future__ import annotations

import argparse
import json

from ..arguments import add_json, add_store
from ..command import Command
from ..terminal import print_line

_DESCRIPTION = """\
Delete expired sessions and everything that belongs to them, except their
traces. Until then they return 404, but take up space in the store: for 30
days, and their memories, which searches find, for any time."""


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    add_store(parser)
    add_json(parser, "print the number as JSON")


def _run(options: argparse.Namespace) -> int:
    from ..opening import open_engine
    from ..store import named_store

    with open_engine(named_store(options)) as engine:
        removed = engine.purge()
    noun = "session" if removed == 1 else "sessions"
    print_line(json.dumps({"sessions": removed}) if options.json else f"Removed {removed:,} expired {noun}.")
    return 0


COMMAND = Command("purge", "delete the expired sessions of a store", _DESCRIPTION, _add_arguments, _run)
