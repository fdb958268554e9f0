"""Prints output and messages: in colour and with progress on a terminal, as plain lines otherwise."""

from __future__ import annotations

import os
import re
import shutil
import sys
import time
from types import TracebackType
from typing import NamedTuple, Optional, TextIO, Union

_REFRESH_SECONDS = 0.1
# Control characters, bidirectional formatting characters, line separators and lone surrogates.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


class Styled(NamedTuple):
    """A text and its style on a terminal."""

    text: str
    code: str


def bold(text: str, stream: TextIO) -> str:
    """Return a text, bold if the stream is a terminal."""
    return _rendered(strong(text), stream)


def strong(text: str) -> Styled:
    """Return a text in bold."""
    return Styled(text, "1")


def faint(text: str) -> Styled:
    """Return a text in a faint colour."""
    return Styled(text, "2")


def red(text: str) -> Styled:
    """Return a text in red: a failure, or something removed."""
    return Styled(text, "31")


def green(text: str) -> Styled:
    """Return a text in green: success, or something added."""
    return Styled(text, "32")


def yellow(text: str) -> Styled:
    """Return a text in yellow: a warning, or something changed."""
    return Styled(text, "33")


def escaped(text: str) -> str:
    r"""Return a text that is safe to print: control characters are escaped as in JSON, like \u001b.

    JSON text keeps its meaning.
    """
    return _UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def print_line(*parts: Union[str, Styled], stream: Optional[TextIO] = None) -> None:
    """Print a line on stdout or on the stream; control characters in its parts are escaped."""
    target: Optional[TextIO] = sys.stdout if stream is None else stream
    if target is None:  # stdout is closed
        return
    print(*(_rendered(part, target) for part in parts), sep="", file=target, flush=True)


def print_text(text: str) -> None:
    """Print text of this package on stdout as it is."""
    stdout: Optional[TextIO] = sys.stdout  # None if it is closed
    if stdout is not None:
        stdout.write(text)


def inform(message: str) -> None:
    """Print a line on stderr that is not an error."""
    stderr: Optional[TextIO] = sys.stderr  # None if it is closed
    if stderr is not None:
        print_line(message, stream=stderr)


def complain(message: str) -> None:
    """Print an error as one line on stderr."""
    stderr: Optional[TextIO] = sys.stderr  # None if it is closed
    if stderr is not None:
        print_line(red("statebase:"), " ", " ".join(message.split()), stream=stderr)


class Progress:
    """A progress line at the bottom of the terminal; nothing is printed if stderr is not a terminal."""

    def __init__(self) -> None:
        stderr: Optional[TextIO] = sys.stderr  # None if it is closed
        self._visible = stderr is not None and stderr.isatty()
        self._next_seconds = 0.0

    def show(self, text: str) -> None:
        """Show the progress; calls that follow another within 0.1 seconds are ignored."""
        if self._visible and time.monotonic() >= self._next_seconds:
            self._write(text)
            self._next_seconds = time.monotonic() + _REFRESH_SECONDS

    def warn(self, message: str) -> None:
        """Print a warning that is not overwritten."""
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


def _rendered(part: Union[str, Styled], stream: TextIO) -> str:
    if isinstance(part, str):
        return escaped(part)
    return f"\033[{part.code}m{escaped(part.text)}\033[0m" if _has_colour(stream) else escaped(part.text)


def _has_colour(stream: TextIO) -> bool:
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return stream.isatty() and os.environ.get("TERM") != "dumb"
