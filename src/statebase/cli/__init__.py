"""The command `statebase`: `parser.py` lists its commands, `commands/` has a module for each.

It may use everything of the package. The entry point of the distribution and `python -m statebase` call `main`.
"""

from __future__ import annotations

import io
import os
import sys
from typing import Optional, Sequence

from .environment import FAILED, INTERRUPTED


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Run a command.

    Args:
        arguments: The arguments of the command line. None: those in `sys.argv`.

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
        # Some terminals and pipes cannot represent all of Unicode.
        stdout.reconfigure(errors="backslashreplace")
    try:
        # Imported here, where Ctrl-C is caught, as are the modules that define expected errors.
        from .parser import parse

        try:
            options = parse(arguments)
            return int(options.run(options))
        finally:
            if stdout is not None:
                # Flushed here, where a failure is caught: the interpreter would print a traceback at its end.
                sys.stdout.flush()
    except BrokenPipeError:
        # The reader of stdout has closed the pipe.
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
    """Send what stdout did not take to the null device, so that the last flush of the interpreter succeeds."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _expected(error: Exception) -> Optional[str]:
    """Return the message of an expected error; None for a bug."""
    from .._base.errors import StateBaseError
    from ..local.errors import EngineError
    from ..transfer.importing import ImportFormatError
    from .command import CommandError

    if isinstance(error, OSError):
        reason = error.strerror or str(error)
        # Files that the user named raise CommandError; what is left without a name is stdout.
        return f"{error.filename}: {reason}." if error.filename is not None else f"Cannot write to stdout: {reason}."
    expected = (CommandError, StateBaseError, EngineError, ImportFormatError)
    return str(error) if isinstance(error, expected) else None
