"""`statebase import`."""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Dict, Mapping, Optional

from ..._base.limits import LONGEST_TTL_SECONDS
from ..arguments import add_json, add_store_or_service, integer, text
from ..command import Command
from ..store import Store, store_of
from ..terminal import Progress, print_line

if TYPE_CHECKING:
    from ...transfer.importing import Count, Importer

_LONGEST_END = 4096
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
    parser.add_argument(
        "--concurrency",
        type=integer(parser, "--concurrency", 1, 32),
        metavar="N",
        help="sessions to import at the same time, 1 to 32; the turns of a session keep their order. Default: 1 for a "
        "store, 4 for a service",
    )
    add_json(parser, "print the counts as JSON")


def _run(options: argparse.Namespace) -> int:
    from ..counts import listed

    counts = _import(store_of(options), options)
    if options.json:
        print_line(json.dumps({kind: count._asdict() for kind, count in counts.items()}))
        return 0
    message = f"Imported {listed(_added(counts))}."
    present = {kind: count.present for kind, count in counts.items()}
    print_line(f"{message} Already there: {listed(present)}." if any(present.values()) else message)
    return 0


def _import(store: Optional[Store], options: argparse.Namespace) -> Dict[str, Count]:
    """Create the sessions of an export; a new file to which nothing was added is removed."""
    from ...local.storage.sqlite.backup import remove_unused
    from ...transfer.files import default_concurrency
    from ...transfer.importing import Importer, ImportFormatError, read
    from ..files import reading
    from ..opening import open_for_transfer

    file = options.file
    is_new = store is not None and store.is_file and not os.path.lexists(store.location)
    importer: Optional[Importer] = None
    try:
        with reading(file, "FILE") as lines:
            # Before the store is created: a file that is not an export leaves none behind.
            content = read(lines)
            with open_for_transfer(store, options.url, create=True) as client, Progress() as progress:
                concurrency = options.concurrency or default_concurrency(client)
                importer = Importer(client, options.ttl_seconds, concurrency=concurrency)
                total, started = _total(file), time.monotonic()
                for _ in importer.run(content):
                    progress.show(_progress(importer.counts, total, time.monotonic() - started))
        return importer.counts
    except ImportFormatError as error:
        raise ImportFormatError(f"FILE {file}: {error}{_imported_before(importer)}") from None
    finally:
        if store is not None and is_new and not _has_added(importer):
            remove_unused(store.location)


def _total(file: str) -> Optional[int]:
    """Return the number of records that the last line of an export gives; None if that cannot be read yet."""
    try:
        with Path(file).open("rb") as lines:
            size = lines.seek(0, os.SEEK_END)
            lines.seek(max(size - _LONGEST_END, 0))
            counts: Dict[str, int] = json.loads(lines.read().split(b"\n")[-2])["counts"]
        return sum(number for kind, number in counts.items() if kind != "traces")
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return None


def _progress(counts: Mapping[str, Count], total: Optional[int], seconds: float) -> str:
    done = sum(count.added + count.present for count in counts.values())
    of_all = "" if total is None else f" of {total:,}"
    return f"{done:,}{of_all} records, {done / max(seconds, 0.001):,.0f} per second"


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
