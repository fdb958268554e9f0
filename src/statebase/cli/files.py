"""Files named on the command line: checked before a command begins, and shown in messages as they were typed."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import BinaryIO, Generator, Optional

from .._base.errors import ConfigurationError
from ..local.errors import EngineError
from ..local.storage.sqlite.connection import MEMORY
from ..transfer.files import writing as private_file
from .command import CommandError
from .store import Store


def check_store(store: Store, *, create: bool = False, in_memory: bool = False) -> None:
    """Check that a store can be opened, if it is a file.

    Args:
        store: The store.
        create: Whether the file may be created if it does not exist.
        in_memory: Whether `:memory:` may be used.

    Raises:
        CommandError: The path is a directory, does not exist or cannot be read.
    """
    if not store.is_file:
        return
    path, argument = store.location, store.argument
    if path == MEMORY:
        if in_memory:
            return
        raise CommandError(f"{argument} must be the path of a file: {MEMORY} is empty in each new process.")
    if create and not os.path.lexists(path):
        _check_parent(path, argument)
    else:
        check_input(path, argument)


def check_input(path: str, argument: str) -> None:
    """Check that a file can be read.

    Raises:
        CommandError: The path is a directory, does not exist or cannot be read.
    """
    with naming(path, argument):
        if Path(path).is_dir():
            raise _directory(path, argument)
        if Path(path).is_fifo():
            return  # opening it would wait for a writer
        with Path(path).open("rb"):
            pass


def check_output(path: str, argument: str) -> None:
    """Check that a file can be written to a path.

    Raises:
        CommandError: The path is a directory, or its parent directory does not exist.
    """
    if Path(path).is_dir():
        raise _directory(path, argument)
    _check_parent(path, argument)


@contextlib.contextmanager
def naming(path: str, argument: str) -> Generator[None, None, None]:
    """Raise errors of the operating system as a CommandError that names the file as typed."""
    try:
        with as_typed(path):
            yield
    except OSError as error:
        raise CommandError(f"{argument} {path}: {error.strerror or error}.") from error


@contextlib.contextmanager
def naming_store(store: Store) -> Generator[None, None, None]:
    """Raise errors of opening a store as a CommandError that names it as typed."""
    with naming(store.location, store.argument) if store.is_file else contextlib.nullcontext():
        yield


@contextlib.contextmanager
def as_typed(path: str) -> Generator[None, None, None]:
    """Show the path of a store as typed in errors of the engine, which shows the absolute path."""
    try:
        yield
    except (EngineError, ConfigurationError) as error:
        raise CommandError(str(error).replace(os.path.realpath(path), path)) from error


@contextlib.contextmanager
def reading(path: str, argument: str) -> Generator[BinaryIO, None, None]:
    """Open an input; `-` is stdin.

    Raises:
        CommandError: The file cannot be read.
    """
    if path == "-":
        stdin: Optional[object] = sys.stdin
        if stdin is None:
            raise CommandError(f"{argument} -: stdin is closed.")
        yield sys.stdin.buffer
        return
    check_input(path, argument)
    with contextlib.ExitStack() as stack:
        with naming(path, argument):
            file = stack.enter_context(Path(path).open("rb"))
        yield file


@contextlib.contextmanager
def writing(path: Optional[str], argument: str) -> Generator[BinaryIO, None, None]:
    """Open an output file that only its owner can read; it gets its name when it is complete.

    Args:
        path: The path, as typed; None for stdout.
        argument: The argument that it was passed for.

    Raises:
        CommandError: The file cannot be written.
    """
    if path is None:
        stdout: Optional[object] = sys.stdout
        if stdout is None:
            raise CommandError(f"stdout is closed: pass {argument} FILE.")
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    check_output(path, argument)
    with naming(path, argument), private_file(path) as file:
        yield file


def _directory(path: str, argument: str) -> CommandError:
    return CommandError(f"{argument} {path} is a directory: pass the path of a file.")


def _check_parent(path: str, argument: str) -> None:
    parent = Path(path).parent
    if parent.is_dir():
        return
    if parent.exists():
        raise CommandError(f"{argument} {path}: {parent} is not a directory.")
    raise CommandError(f"{argument} {path}: the directory {parent} does not exist.")
