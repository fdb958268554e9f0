"""`statebase backup`."""

from __future__ import annotations

import argparse
import json

from ..arguments import add_file, add_json, text
from ..command import Command
from ..store import file_store
from ..terminal import print_line

_DESCRIPTION = """\
Copy everything in a store to a new file, while other processes read and write
the store."""


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    add_file(parser, "the store")
    parser.add_argument(
        "target", type=text(parser, "TARGET"), metavar="TARGET", help="the copy; an existing file is replaced"
    )
    add_json(parser, "print paths and size as JSON")


def _run(options: argparse.Namespace) -> int:
    from pathlib import Path

    from ..files import check_output, naming
    from ..opening import open_engine

    check_output(options.target, "TARGET")
    with open_engine(file_store(options.path)) as engine, naming(options.target, "TARGET"):
        engine.backup(options.target)
    if options.json:
        size = Path(options.target).stat().st_size
        print_line(json.dumps({"path": options.path, "target": options.target, "bytes": size}))
    return 0


COMMAND = Command("backup", "copy a store while it is in use", _DESCRIPTION, _add_arguments, _run)
