"""Copies of a store, and how one takes the place of a store.

A store that is open keeps what was written last in a write-ahead log, a file of its own beside it, which a process that
was killed leaves behind. SQLite applies any log that it finds to any file beside it. So a copy is written in the mode
without a log, which its header says, and a store that was ever opened is not: what lies beside a copy is not its own.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
import weakref
from pathlib import Path
from typing import Optional, Protocol

from ...errors import EngineError
from . import schema

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

logger = logging.getLogger("statebase.local")

_MODE_AT = 18
_WITHOUT_LOG = b"\x01\x01"
_BESIDE = ("-wal", "-shm", "-journal")

Identity = Optional[tuple[int, int]]
"""Device and inode of a file; None for memory."""


class OpenStore(Protocol):
    """A store that this process has open."""

    @property
    def open_file(self) -> Identity:
        """The file; None once the store is closed."""
        ...


_open_stores: weakref.WeakSet[OpenStore] = weakref.WeakSet()


def note_open(store: OpenStore) -> None:
    """Note that this process has a store open."""
    _open_stores.add(store)


def is_open_here(path: str) -> bool:
    """Return whether this process has a file open as a store.

    Such a file must not be opened without SQLite, not even to read: closing any descriptor of a file gives up all locks
    (POSIX `fcntl`) that the process has on it. Another process would take the store for closed, and remove its log.
    """
    try:
        status = Path(path).stat()
    except OSError:
        return False
    return any(store.open_file == (status.st_dev, status.st_ino) for store in list(_open_stores))


def set_foreign_log_aside(path: str) -> None:
    """Take away the log of another store that a copy was put beside, and keep it under another name.

    Raises:
        EngineError: 500, where that cannot be done without a race, with what to do.
    """
    log = Path(f"{path}-wal")
    if not _is_foreign(path, log):
        return
    if fcntl is None:
        message = (
            f"{path} is a copy beside the write-ahead log of another store, {log}, and the two do not belong together: "
            f"remove {log} and {path}-shm, or put the copy in place by `statebase restore`."
        )
        raise EngineError(500, "internal_error", message, "path")
    with contextlib.suppress(FileNotFoundError), log.open("rb") as file:
        # Another process may do the same at this moment, and then go on to make a log that is its own.
        fcntl.flock(file, fcntl.LOCK_EX)
        if _is_foreign(path, log) and log.stat().st_ino == os.fstat(file.fileno()).st_ino:
            logger.warning("%s was another store's: it is kept as %s.orphan, and its content is in no store", log, log)
            Path(f"{path}-shm").unlink(missing_ok=True)
            log.replace(f"{log}.orphan")


def _is_foreign(path: str, log: Path) -> bool:
    # In this order: a store that is opened for the first time says that it has a log before it makes one.
    if not log.exists() or log.stat().st_size == 0 or is_open_here(path):
        return False
    with Path(path).open("rb") as file:
        return file.read(_MODE_AT + len(_WITHOUT_LOG))[_MODE_AT:] == _WITHOUT_LOG


def write_copy(source: sqlite3.Connection, path: Path) -> None:
    """Copy everything that is committed to a new file, for its owner's eyes only, and wait until the disk has it.

    Raises:
        OSError: The file cannot be written.
        sqlite3.Error: The source cannot be read.
    """
    path.unlink(missing_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    target = sqlite3.connect(path, isolation_level=None)
    try:
        source.backup(target)
        target.execute("PRAGMA journal_mode = DELETE")
    finally:
        target.close()
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def put_in_place(copy: Path, path: Path) -> None:
    """Let a copy take the place of a file that nothing has open, and of what was left beside it.

    Whatever interrupts, the path holds the one or the other, whole.

    Raises:
        EngineError: 400, if a process has the file open.
        OSError: The file cannot be replaced.
    """
    # The log of another store must not get into the file: it would stay there if this ends before the copy is in place.
    if path.exists() and not _is_foreign(str(path), Path(f"{path}-wal")):
        _empty_log(path)
    for suffix in _BESIDE:
        Path(f"{path}{suffix}").unlink(missing_ok=True)
    copy.replace(path)
    if os.name == "posix":
        directory = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


def restore(backup: str, path: str) -> int:
    """Put a copy that `backup` made in the place of a store that nothing has open, or where there is none.

    Args:
        backup: The copy, which stays as it is.
        path: The store. What is there is replaced at once when all is written, with the log that may be beside it.

    Returns:
        The size of the store in bytes.

    Raises:
        EngineError: The copy is not a whole store, a process has the store open, or it cannot be written.
        OSError: A file cannot be read.

    Example:
        >>> import tempfile
        >>> from statebase.local import Engine
        >>> from statebase.local.backup import restore
        >>> engine = Engine.open()
        >>> with tempfile.TemporaryDirectory() as directory:
        ...     engine.backup(f"{directory}/copy.db")
        ...     restore(f"{directory}/copy.db", f"{directory}/agents.db") > 0
        True
        >>> engine.close()
    """
    source, target = Path(backup), Path(path)
    for name in (backup, path):
        if Path(name).is_dir():
            raise EngineError(400, "invalid_request", f"{name} is a directory: pass the path of a file.", "path")
    if not source.exists():
        raise EngineError(400, "invalid_request", f"There is no file {backup}: pass the path of a backup.", "path")
    if target.exists() and source.samefile(target):
        raise EngineError(
            400, "invalid_request", "The backup and the store are the same file: pass two different files.", "path"
        )
    partial = Path(f"{path}.{os.getpid()}.partial")
    if _is_foreign(backup, Path(f"{backup}-wal")):
        raise _unfit(backup)
    # Without a log beside it, nothing is written beside it either.
    mode = "mode=ro" if Path(f"{backup}-wal").exists() else "mode=ro&immutable=1"
    connection = sqlite3.connect(f"{source.resolve().as_uri()}?{mode}", uri=True, isolation_level=None)
    try:
        _check(connection, backup)
        _replace(connection, partial, target)
    finally:
        connection.close()
        partial.unlink(missing_ok=True)
    return target.stat().st_size


def _check(connection: sqlite3.Connection, path: str) -> None:
    """Raise an error unless the file is a whole store that this version can use."""
    try:
        schema.refuse_foreign(connection, path)
        is_store = connection.execute("PRAGMA application_id").fetchone()[0] == schema.APPLICATION_ID
        is_whole = is_store and connection.execute("PRAGMA integrity_check(1)").fetchone()[0] == "ok"
    except sqlite3.Error as error:
        raise _unfit(path) from error
    if not is_whole:
        raise _unfit(path)


def _replace(source: sqlite3.Connection, partial: Path, target: Path) -> None:
    try:
        write_copy(source, partial)
        put_in_place(partial, target)
    except (sqlite3.Error, OSError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise EngineError(500, "internal_error", f"Cannot write the store {target}: {reason}.", "path") from error


def remove_unused(path: str) -> None:
    """Remove a store that was just made and holds no session, unless a process has it open."""
    with contextlib.suppress(OSError, EngineError):
        if Path(path).is_file() and not _holds_sessions(path):
            _empty_log(Path(path))
            for suffix in ("", *_BESIDE):
                Path(f"{path}{suffix}").unlink(missing_ok=True)


def _holds_sessions(path: str) -> bool:
    connection = sqlite3.connect(f"{Path(path).resolve().as_uri()}?mode=ro", uri=True)
    try:
        return connection.execute("SELECT 1 FROM sessions LIMIT 1").fetchone() is not None
    except sqlite3.Error as error:
        return "no such table" not in str(error)
    finally:
        connection.close()


def _unfit(path: str) -> EngineError:
    message = f"{path} is not a complete statebase store: pass the path of a file that `statebase backup` wrote."
    return EngineError(400, "invalid_request", message, "path")


def _empty_log(path: Path) -> None:
    """Take the log of a file into it, which works only if nothing has the file open.

    Raises:
        EngineError: 400, if a process has it open.
    """
    connection = sqlite3.connect(path, isolation_level=None, timeout=0)
    try:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("BEGIN EXCLUSIVE")
        connection.execute("ROLLBACK")
        connection.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.OperationalError as error:
        if "locked" in str(error) or "busy" in str(error):
            message = f"{path} is in use: stop the processes that have it open, or pass another file."
            raise EngineError(400, "invalid_request", message, "path") from error
    except sqlite3.DatabaseError:
        pass  # what is not a database is not open as one
    finally:
        connection.close()
