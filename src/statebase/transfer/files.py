"""Export to a file and import from one, as functions."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Dict, Generator, List, NamedTuple, Optional, Sequence, Union, cast

from .._base.errors import InvalidRequestError
from .._base.limits import LONGEST_TTL_SECONDS
from .._generated.namespaces import Namespaces
from .exporting import export
from .importing import Count, Importer, read
from .records import EndRecord

if TYPE_CHECKING:
    from ..client import StateBase

MOST_SESSIONS_AT_ONCE = 32
"""The largest `concurrency`."""
_PathLike = Union[str, "os.PathLike[str]"]


class Exported(NamedTuple):
    """The result of an export."""

    counts: Dict[str, int]
    """The number of records of each kind: sessions, state_versions, turns, memories, entities; traces if requested."""
    warnings: List[str]
    """One message for each part that the service does not return, such as old state versions."""


def export_sessions(
    client: StateBase, path: _PathLike, session_ids: Optional[Sequence[str]] = None, *, traces: bool = False
) -> Exported:
    """Write sessions to a file as JSON Lines, with their state versions, turns, memories and entities.

    Args:
        client: The client that reads them.
        path: The file, readable only by its owner. It is replaced when the export is complete.
        session_ids: The ids of the sessions. None: all that have not expired.
        traces: Whether to write traces too: one more request for each. They cannot be imported. Default: False.

    Returns:
        The number of records, and what could not be read.

    Raises:
        InvalidRequestError: An argument is invalid.
        NotFoundError: A session does not exist.
        OSError: The file cannot be written.

    Example:
        >>> import tempfile, pathlib
        >>> from statebase.transfer import export_sessions
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "sessions.jsonl"
        >>> export_sessions(client, path, [session.id]).counts["sessions"]
        1
    """
    _check_client(client)
    if isinstance(session_ids, str):
        raise InvalidRequestError("session_ids must be a list of ids, got str: pass [session_id]", param="session_ids")
    warnings: List[str] = []
    counts: Dict[str, int] = {}
    with writing(_checked_path(path)) as file:
        for record in export(client, session_ids, warnings.append, traces=traces):
            file.write(record.model_dump_json().encode() + b"\n")
            if isinstance(record, EndRecord):
                counts = record.counts
    return Exported(counts, warnings)


def import_sessions(
    client: StateBase, path: _PathLike, *, ttl_seconds: Optional[int] = None, concurrency: Optional[int] = None
) -> Dict[str, Count]:
    """Create the sessions of an export in a store or a service. They get new ids and times.

    The original id of a session or a memory is in its metadata, as `imported_from`. A repeated import adds only what is
    missing: repeat an import that failed or was interrupted.

    Args:
        client: The client that writes them.
        path: The file, as `export_sessions` or `statebase export` wrote it.
        ttl_seconds: The lifetime of the sessions from now on, 1 to 2,592,000 (30 days). None: what each had left at the
            time of the export, at least an hour.
        concurrency: The number of sessions to import at the same time, 1 to 32. The turns of a session keep their
            order; with more than one, sessions may be created in another order. Default: 1 for an embedded engine, else
            4.

    Returns:
        The number of records of each kind: those that were added, and those that existed.

    Raises:
        InvalidRequestError: An argument is invalid.
        ImportFormatError: The file is not an export, or is damaged; the lines before the damage were imported.
        StateBaseError: A write failed; what was written before it stays.
        OSError: The file cannot be read.

    Example:
        >>> import tempfile, pathlib
        >>> from statebase.transfer import export_sessions, import_sessions
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "sessions.jsonl"
        >>> exported = export_sessions(client, path, [session.id])
        >>> with StateBase.local() as target:
        ...     import_sessions(target, path)["sessions"]
        Count(added=1, present=0)
    """
    _check_client(client)
    if ttl_seconds is not None:
        _check_integer("ttl_seconds", ttl_seconds, LONGEST_TTL_SECONDS)
    if concurrency is None:
        concurrency = default_concurrency(client)
    _check_integer("concurrency", concurrency, MOST_SESSIONS_AT_ONCE)
    importer = Importer(client, ttl_seconds, concurrency=concurrency)
    with Path(_checked_path(path)).open("rb") as lines:
        for _ in importer.run(read(lines)):
            pass
    return importer.counts


def default_concurrency(client: StateBase) -> int:
    """Return the default number of sessions to import at the same time: an embedded engine writes one at a time."""
    return 1 if client._owner._connection.wire.is_engine else 4  # pyright: ignore[reportPrivateUsage]


@contextlib.contextmanager
def writing(path: str) -> Generator[BinaryIO, None, None]:
    """Open an output file that only its owner can read; it gets its name when it is complete.

    Raises:
        OSError: The file cannot be written.
    """
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file() and not target.is_dir():
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


def _check_client(client: object) -> None:
    if not isinstance(client, Namespaces):
        raise InvalidRequestError(
            f"client must be a StateBase, got {type(client).__name__}: in async code, pass a StateBase and call this "
            "with asyncio.to_thread",
            param="client",
        )


def _checked_path(path: object) -> str:
    kind = type(path).__name__
    name = os.fspath(cast(_PathLike, path)) if isinstance(path, (str, os.PathLike)) else ""
    if not name or "\0" in name:
        raise InvalidRequestError(f"path must be the path of a file, got {kind}", param="path")
    return name


def _check_integer(name: str, value: object, most: int) -> None:
    if type(value) is not int or not 1 <= value <= most:
        got = value if type(value) is int else type(value).__name__
        raise InvalidRequestError(f"{name} must be an integer from 1 to {most:,}, got {got}", param=name)
