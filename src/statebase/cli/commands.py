"""What `statebase export`, `import`, `purge`, `backup` and `restore` do."""

from __future__ import annotations

import contextlib
import os
from datetime import datetime, timezone
from pathlib import Path
from typing import Dict, Generator, Optional, Sequence

from ..client import StateBase
from ..local.engine import Engine
from ..local.storage.sqlite.backup import remove_unused
from ..local.storage.sqlite.backup import restore as restore_store
from ..transfer.exporting import export
from ..transfer.importing import Count, Importer, ImportFormatError, read
from ..transfer.records import KINDS, EndRecord, SessionRecord
from .files import check_input, check_output, check_store, naming, reading, writing
from .place import open_client
from .terminal import Progress, escaped

_RETRIES = 8
"""A service counts requests a minute, and a transfer makes many: it waits its turn."""
_LONG_AGO = datetime(1980, 1, 1, tzinfo=timezone.utc)


def export_sessions(
    path: Optional[str],
    url: Optional[str],
    session_ids: Optional[Sequence[str]],
    output: Optional[str],
    *,
    expired: bool,
) -> Dict[str, int]:
    """Write sessions as lines of JSON; expired ones, too, can be read from a store.

    Returns:
        How many of what were written.

    Raises:
        FileError: The store cannot be opened, or the output cannot be written.
        StateBaseError: The sessions cannot be read.
    """
    if output is not None:
        check_output(output, "-o/--output")
    with contextlib.ExitStack() as stack:
        client = stack.enter_context(_client(path, url, make=False, ignore_expiry=expired))
        file = stack.enter_context(writing(output, "-o/--output"))
        shown = stack.enter_context(Progress())
        met = 0
        counts: Dict[str, int] = {}
        for record in export(client, session_ids, shown.warn):
            file.write(escaped(record.model_dump_json()).encode() + b"\n")
            if isinstance(record, SessionRecord):
                met += 1
                shown.show(f"{met} sessions" + (f" of {len(session_ids)}" if session_ids is not None else ""))
            if isinstance(record, EndRecord):
                counts = record.counts
    return counts


def import_sessions(path: Optional[str], url: Optional[str], file: str, ttl_seconds: Optional[int]) -> Dict[str, Count]:
    """Make the sessions of an export in a store or a service, and say how many of what there were.

    Raises:
        ImportFormatError: The file is not an export, or is damaged.
        FileError: The file cannot be read, or the store cannot be opened.
        StateBaseError: The target refused something.
    """
    made = path if path is not None and not os.path.lexists(path) else None
    importer: Optional[Importer] = None
    try:
        with reading(file, "FILE") as lines:
            # Before the store is made: a file that is not an export leaves none behind.
            content = read(lines)
            with _client(path, url, make=True) as client, Progress() as shown:
                importer = Importer(client, ttl_seconds)
                for _ in importer.run(content):
                    shown.show(_listed(_added(importer.counts)))
        return importer.counts
    except ImportFormatError as error:
        raise ImportFormatError(f"FILE {file}: {error}{_kept(importer)}") from None
    finally:
        if made is not None and (importer is None or not any(_added(importer.counts).values())):
            remove_unused(made)


def purge(path: str) -> int:
    """Remove the expired sessions of a store, and say how many that were.

    Raises:
        FileError: The store cannot be opened.
    """
    with _engine(path) as engine:
        return engine.purge()


def backup(path: str, target: str) -> int:
    """Copy a store while it is in use, and say how many bytes the copy has.

    Raises:
        FileError: The store cannot be opened, or the copy cannot be written.
        EngineError: The store cannot be read.
    """
    check_output(target, "TARGET")
    with _engine(path) as engine, naming(target, "TARGET"):
        engine.backup(target)
    return Path(target).stat().st_size


def restore(backup: str, path: str) -> int:
    """Put a copy in the place of a store, and say how many bytes it has.

    Raises:
        FileError: A file cannot be read or written, or the copy is not a whole store.
        EngineError: A process has the store open.
    """
    check_input(backup, "BACKUP")
    check_store(path, make=True)
    with naming(path, "--path"):
        return restore_store(backup, path)


def describe_export(counts: Dict[str, int], output: str) -> str:
    """Return for people what an export did."""
    return f"Wrote {_listed(counts)} to {output}."


def describe_import(counts: Dict[str, Count]) -> str:
    """Return for people what an import did."""
    present = {kind: count.present for kind, count in counts.items()}
    text = f"Imported {_listed(_added(counts))}."
    return f"{text} There already: {_listed(present)}." if any(present.values()) else text


def _added(counts: Dict[str, Count]) -> Dict[str, int]:
    return {kind: count.added for kind, count in counts.items()}


def _kept(importer: Optional[Importer]) -> str:
    """Return what an import that failed leaves in the target."""
    added = {} if importer is None else _added(importer.counts)
    return f" Imported before that: {_listed(added)}." if any(added.values()) else ""


def _listed(counts: Dict[str, int]) -> str:
    names = {plural: kind for kind, plural in KINDS.items()}
    *texts, last = [f"{number:,} {names[kind] if number == 1 else kind}" for kind, number in counts.items()]
    return f"{', '.join(texts)} and {last}".replace("_", " ")


@contextlib.contextmanager
def _client(
    path: Optional[str], url: Optional[str], *, make: bool, ignore_expiry: bool = False
) -> Generator[StateBase, None, None]:
    # Seen from long ago, nothing has expired yet.
    clock = (lambda: _LONG_AGO) if ignore_expiry else None
    with open_client(path, url, make=make, max_retries=_RETRIES, clock=clock) as client:
        if path is None:
            # What is wrong with address or key shows at once, not after all retries.
            client.with_options(max_retries=1).sessions.list(limit=1)
        yield client


@contextlib.contextmanager
def _engine(path: str) -> Generator[Engine, None, None]:
    check_store(path)
    with naming(path, "--path"):
        engine = Engine.open(path)
    try:
        yield engine
    finally:
        engine.close()
