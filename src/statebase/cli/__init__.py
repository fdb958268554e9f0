"""The command `statebase`."""

from __future__ import annotations

import io
import os
import sys
from typing import Optional, Sequence

FAILED = 1
INTERRUPTED = 130


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Run the command.

    Args:
        arguments: The arguments of the command line. None: those of the process.

    Returns:
        The exit code.
    """
    try:
        return _run(sys.argv[1:] if arguments is None else arguments)
    except KeyboardInterrupt:
        from .terminal import complain

        complain("Interrupted.")
        return INTERRUPTED


def _run(arguments: Sequence[str]) -> int:
    stdout: object = sys.stdout
    if isinstance(stdout, io.TextIOWrapper):
        # Not every terminal and not every pipe takes all of Unicode.
        stdout.reconfigure(errors="backslashreplace")
    try:
        # Imported here, where Ctrl-C is caught; so are the modules that tell an expected error.
        from .parser import parse

        try:
            options = parse(arguments)
            return int(options.run(options))
        finally:
            if stdout is not None:
                # Here, where a failure is caught: the interpreter would print it when it flushes at the end.
                sys.stdout.flush()
    except BrokenPipeError:
        # The reader of stdout has closed it.
        _discard_output()
        return FAILED
    except Exception as error:
        message = _expected(error)
        if message is None:
            raise
        if isinstance(error, OSError):
            _discard_output()
        from .terminal import complain

        complain(message)
        return FAILED


def _discard_output() -> None:
    """Let the interpreter flush at its end what stdout did not take."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _expected(error: Exception) -> Optional[str]:
    """Return the message for an expected error; None for a defect."""
    from .._base.errors import StateBaseError
    from ..local.errors import EngineError
    from ..transfer.importing import ImportFormatError
    from .files import FileError
    from .serve import ServeError

    if isinstance(error, OSError):
        reason = error.strerror or str(error)
        # Files that the user named raise FileError; what is left without a name is stdout.
        return f"{error.filename}: {reason}." if error.filename is not None else f"Cannot write to stdout: {reason}."
    expected = (StateBaseError, EngineError, FileError, ImportFormatError, ServeError)
    return str(error) if isinstance(error, expected) else None
