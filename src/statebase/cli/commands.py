"""What `statebase export`, `import`, `purge`, `backup` and `restore` do."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import BinaryIO, Dict, Generator, Optional, Sequence

from .._client import StateBase
from .._export import export
from .._import import Count, Importer
from .._terminal import Progress, escaped
from .._transfer import KINDS, EndRecord, SessionRecord
from ..local.backup import restore as restore_store
from ..local.engine import Engine
from .place import check_is_there, open_client

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
        OSError: There is no such store, or the output cannot be written.
        EngineError: The store cannot be opened.
        StateBaseError: The sessions cannot be read.
    """
    with _client(path, url, make=False, ignore_expiry=expired) as client, _writing(output) as file, Progress() as shown:
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
        ImportFormatError: The file is no export, or is damaged.
        OSError: The file cannot be read.
        EngineError: The store cannot be opened.
        StateBaseError: The target refused something.
    """
    with _reading(file) as lines, _client(path, url, make=True) as client, Progress() as shown:
        importer = Importer(client, ttl_seconds)
        for _ in importer.run(lines):
            shown.show(_listed({kind: count.added for kind, count in importer.counts.items()}))
    return importer.counts


def purge(path: str) -> int:
    """Remove the expired sessions of a store, and say how many that were.

    Raises:
        OSError: There is no such store.
        EngineError: It cannot be opened.
    """
    with _engine(path) as engine:
        return engine.purge()


def backup(path: str, target: str) -> int:
    """Copy a store while it is in use, and say how many bytes the copy has.

    Raises:
        OSError: There is no such store, or the copy cannot be written.
        EngineError: The store cannot be opened, or the copy cannot be written.
    """
    if Path(target).is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), target)
    with _engine(path) as engine:
        engine.backup(target)
    return Path(target).stat().st_size


def restore(backup: str, path: str) -> int:
    """Put a copy in the place of a store, and say how many bytes it has.

    Raises:
        OSError: A file cannot be read or written.
        EngineError: The copy is not a whole store, or a process has the store open.
    """
    return restore_store(backup, path)


def describe_export(counts: Dict[str, int], output: str) -> str:
    """Return for people what an export did."""
    return f"Wrote {_listed(counts)} to {output}."


def describe_import(counts: Dict[str, Count]) -> str:
    """Return for people what an import did."""
    present = {kind: count.present for kind, count in counts.items()}
    text = f"Imported {_listed({kind: count.added for kind, count in counts.items()})}."
    return f"{text} There already: {_listed(present)}." if any(present.values()) else text


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
    check_is_there(path)
    engine = Engine.open(path)
    try:
        yield engine
    finally:
        engine.close()


@contextlib.contextmanager
def _writing(output: Optional[str]) -> Generator[BinaryIO, None, None]:
    """Open an output, which appears under its name once it is complete, for its owner's eyes only."""
    if output is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    target = Path(os.path.realpath(output))
    if target.exists() and not target.is_file():
        with target.open("wb") as device:
            yield device
        return
    partial = target.with_name(f"{target.name}.{os.getpid()}.partial")
    try:
        with open(partial, "xb", opener=_private) as file:  # Path.open has no opener
            yield file
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


@contextlib.contextmanager
def _reading(file: str) -> Generator[BinaryIO, None, None]:
    if file == "-":
        yield sys.stdin.buffer
        return
    with Path(file).open("rb") as opened:
        yield opened
