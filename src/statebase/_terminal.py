"""What the command says to people: on a terminal in colour and with progress, elsewhere as plain lines."""

from __future__ import annotations

import os
import shutil
import sys
import time
from types import TracebackType
from typing import Optional, TextIO

_REFRESH_SECONDS = 0.1
_BOLD, _RED = "1", "31"


def bold(text: str, stream: TextIO) -> str:
    """Return a text so that it stands out, where the stream is a terminal."""
    return _styled(text, _BOLD, stream)


def complain(message: str) -> None:
    """Say in one line on stderr what went wrong."""
    line = " ".join(message.split())
    print(f"{_styled('statebase:', _RED, sys.stderr)} {line}", file=sys.stderr)


class Progress:
    """A line at the bottom of the terminal that says how far something has come; nothing where there is no terminal."""

    def __init__(self) -> None:
        self._visible = sys.stderr.isatty()
        self._next_seconds = 0.0

    def show(self, text: str) -> None:
        """Say how far it has come; what is said too often is left out."""
        if self._visible and time.monotonic() >= self._next_seconds:
            self._write(text)
            self._next_seconds = time.monotonic() + _REFRESH_SECONDS

    def warn(self, message: str) -> None:
        """Say something that stays, terminal or not."""
        self._write("")
        complain(message)

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self._write("")

    def _write(self, text: str) -> None:
        if self._visible:
            width = shutil.get_terminal_size().columns - 1
            sys.stderr.write(f"\r{text[:width].ljust(width)}\r")
            sys.stderr.flush()


def _styled(text: str, code: str, stream: TextIO) -> str:
    plain = not stream.isatty() or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return text if plain else f"\033[{code}m{text}\033[0m"
