"""`statebase restore`."""

from __future__ import annotations

import argparse
import json

from ..arguments import add_file, add_json, text
from ..command import Command
from ..store import file_store
from ..terminal import print_line

_DESCRIPTION = """\
Replace a store by a copy that `statebase backup` wrote. A write-ahead log that
a killed process left beside the store is removed.

Stop the processes that have the store open first: otherwise the command fails.
The copy is checked before anything is replaced, and is not changed."""


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "backup", type=text(parser, "BACKUP"), metavar="BACKUP", help="a copy that `statebase backup` wrote"
    )
    add_file(parser, "the store; an existing file is replaced")
    add_json(parser, "print paths and size as JSON")


def _run(options: argparse.Namespace) -> int:
    from ...local.storage.sqlite.backup import restore
    from ..files import check_input, check_store, naming

    check_input(options.backup, "BACKUP")
    check_store(file_store(options.path), create=True)
    with naming(options.path, "--path"):
        size = restore(options.backup, options.path)
    if options.json:
        print_line(json.dumps({"backup": options.backup, "path": options.path, "bytes": size}))
    return 0


COMMAND = Command("restore", "replace a store by a backup", _DESCRIPTION, _add_arguments, _run)
