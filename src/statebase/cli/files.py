"""Files named on the command line: checked before a command begins, and named in messages as typed."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import BinaryIO, Generator, Optional

from .._base.errors import ConfigurationError
from ..local.errors import EngineError
from ..local.storage.sqlite.connection import MEMORY


class FileError(Exception):
    """A file that the command line names cannot be used."""


def check_store(path: str, argument: str = "--path", *, make: bool = False, in_memory: bool = False) -> None:
    """Check that a store can be opened.

    Args:
        path: The path, as typed.
        argument: The argument that it was given for.
        make: Whether the store is made if it does not exist.
        in_memory: Whether `:memory:` may be used.

    Raises:
        FileError: The path is a directory, cannot be read, or does not exist.
    """
    if path == MEMORY:
        if in_memory:
            return
        raise FileError(f"{argument} must be the path of a file: {MEMORY} is empty in each new process.")
    if make and not os.path.lexists(path):
        _check_parent(path, argument)
    else:
        check_input(path, argument)


def check_input(path: str, argument: str) -> None:
    """Check that a file can be read.

    Raises:
        FileError: It is a directory, cannot be read, or does not exist.
    """
    with naming(path, argument):
        if Path(path).is_dir():
            raise _directory(path, argument)
        if Path(path).is_fifo():
            return  # opening it would wait for a writer
        with Path(path).open("rb"):
            pass


def check_output(path: str, argument: str) -> None:
    """Check that a file can be where the path says.

    Raises:
        FileError: It is a directory, or its parent directory does not exist.
    """
    if Path(path).is_dir():
        raise _directory(path, argument)
    _check_parent(path, argument)


@contextlib.contextmanager
def naming(path: str, argument: str) -> Generator[None, None, None]:
    """Name a file as typed in every error, whether the system names it, a file beside it, or none."""
    try:
        with as_typed(path):
            yield
    except OSError as error:
        raise FileError(f"{argument} {path}: {error.strerror or error}.") from error


@contextlib.contextmanager
def as_typed(path: str) -> Generator[None, None, None]:
    """Name a store as typed in errors of the engine, which resolves symbolic links and makes paths absolute."""
    try:
        yield
    except (EngineError, ConfigurationError) as error:
        raise FileError(str(error).replace(os.path.realpath(path), path)) from error


@contextlib.contextmanager
def reading(path: str, argument: str) -> Generator[BinaryIO, None, None]:
    """Open an input; `-` is stdin.

    Raises:
        FileError: It cannot be read.
    """
    if path == "-":
        stdin: Optional[object] = sys.stdin
        if stdin is None:
            raise FileError(f"{argument} -: stdin is closed.")
        yield sys.stdin.buffer
        return
    check_input(path, argument)
    with contextlib.ExitStack() as stack:
        with naming(path, argument):
            file = stack.enter_context(Path(path).open("rb"))
        yield file


@contextlib.contextmanager
def writing(path: Optional[str], argument: str) -> Generator[BinaryIO, None, None]:
    """Open an output, which only its owner can read, and which appears under its name once it is complete.

    Args:
        path: The path, as typed; None for stdout.
        argument: The argument that it was given for.

    Raises:
        FileError: It cannot be written.
    """
    if path is None:
        stdout: Optional[object] = sys.stdout
        if stdout is None:
            raise FileError(f"stdout is closed: pass {argument} FILE.")
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    check_output(path, argument)
    with naming(path, argument):
        target = Path(os.path.realpath(path))
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


def _directory(path: str, argument: str) -> FileError:
    return FileError(f"{argument} {path} is a directory: pass the path of a file.")


def _check_parent(path: str, argument: str) -> None:
    parent = Path(path).parent
    if parent.is_dir():
        return
    if parent.exists():
        raise FileError(f"{argument} {path}: {parent} is not a directory.")
    raise FileError(f"{argument} {path}: the directory {parent} does not exist.")
