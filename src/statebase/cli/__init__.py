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
        arguments: Those of the command line; the process's own without it.

    Returns:
        The exit code.
    """
    stdout: object = sys.stdout
    if isinstance(stdout, io.TextIOWrapper):
        # Not every terminal and not every pipe takes all of Unicode.
        stdout.reconfigure(errors="backslashreplace")
    try:
        # Imported here, where Ctrl-C is no traceback.
        from .parser import parse

        options = parse(sys.argv[1:] if arguments is None else arguments)
        return int(options.run(options))
    except KeyboardInterrupt:
        from .._terminal import complain

        complain("Interrupted.")
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read the output has seen enough; the interpreter would complain when it flushes at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except Exception as error:
        message = _expected(error)
        if message is None:
            raise
        from .._terminal import complain

        complain(message)
        return FAILED


def _expected(error: Exception) -> Optional[str]:
    """Return what to tell about an error that is no defect; None for one that is."""
    from .._errors import StateBaseError
    from .._import import ImportFormatError
    from ..local.errors import EngineError
    from ..server.command import ServeError

    if isinstance(error, OSError):
        return f"{error.filename}: {error.strerror}." if error.filename is not None else f"{error}."
    expected = (StateBaseError, EngineError, ImportFormatError, ServeError)
    return str(error) if isinstance(error, expected) else None
