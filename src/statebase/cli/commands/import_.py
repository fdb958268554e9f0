"""`statebase import`."""

from __future__ import annotations

import argparse
import json
import os
from typing import TYPE_CHECKING, Dict, Mapping, Optional

from ..._base.limits import LONGEST_TTL_SECONDS
from ..arguments import add_json, add_store_or_service, integer, text
from ..command import Command
from ..store import Store, store_of
from ..terminal import Progress, print_line

if TYPE_CHECKING:
    from ...transfer.importing import Count, Importer

_DESCRIPTION = """\
Import sessions into a store or a service. They get new IDs and times.

The original ID of a session or a memory is in its metadata, as `imported_from`.
Importing again adds only what is missing: repeat an import that failed. After
a complete import it adds nothing. A session that still exists under its
original ID is not changed."""


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=text(parser, "FILE"), metavar="FILE", help="the export; - for stdin")
    add_store_or_service(parser)
    parser.add_argument(
        "--ttl-seconds",
        type=integer(parser, "--ttl-seconds", 1, LONGEST_TTL_SECONDS),
        metavar="N",
        help="lifetime of the sessions from now on. Default: what each had left at the time of the export, at least an "
        "hour",
    )
    add_json(parser, "print the counts as JSON")


def _run(options: argparse.Namespace) -> int:
    from ..counts import listed

    counts = _import(store_of(options), options.url, options.file, options.ttl_seconds)
    if options.json:
        print_line(json.dumps({kind: count._asdict() for kind, count in counts.items()}))
        return 0
    message = f"Imported {listed(_added(counts))}."
    present = {kind: count.present for kind, count in counts.items()}
    print_line(f"{message} Already there: {listed(present)}." if any(present.values()) else message)
    return 0


def _import(store: Optional[Store], url: Optional[str], file: str, ttl_seconds: Optional[int]) -> Dict[str, Count]:
    """Create the sessions of an export; a new file to which nothing was added is removed."""
    from ...local.storage.sqlite.backup import remove_unused
    from ...transfer.importing import Importer, ImportFormatError, read
    from ..counts import listed
    from ..files import reading
    from ..opening import open_for_transfer

    is_new = store is not None and store.is_file and not os.path.lexists(store.location)
    importer: Optional[Importer] = None
    try:
        with reading(file, "FILE") as lines:
            # Before the store is created: a file that is not an export leaves none behind.
            content = read(lines)
            with open_for_transfer(store, url, create=True) as client, Progress() as progress:
                importer = Importer(client, ttl_seconds)
                for _ in importer.run(content):
                    progress.show(listed(_added(importer.counts)))
        return importer.counts
    except ImportFormatError as error:
        raise ImportFormatError(f"FILE {file}: {error}{_imported_before(importer)}") from None
    finally:
        if store is not None and is_new and not _has_added(importer):
            remove_unused(store.location)


def _added(counts: Mapping[str, Count]) -> Dict[str, int]:
    return {kind: count.added for kind, count in counts.items()}


def _has_added(importer: Optional[Importer]) -> bool:
    return importer is not None and any(_added(importer.counts).values())


def _imported_before(importer: Optional[Importer]) -> str:
    """Return what a failed import leaves in the target, as a sentence; empty if nothing."""
    from ..counts import listed

    if importer is None or not _has_added(importer):
        return ""
    return f" Imported before that: {listed(_added(importer.counts))}."


COMMAND = Command("import", "import sessions into a store or a service", _DESCRIPTION, _add_arguments, _run)
