"""What the command says to people: on a terminal in colour and with progress, elsewhere as plain lines."""

from __future__ import annotations

import os
import re
import shutil
import sys
import time
from types import TracebackType
from typing import NamedTuple, Optional, TextIO, Union

_REFRESH_SECONDS = 0.1
# Control characters, which steer a terminal; what turns the direction of text or ends a line; halves of characters.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


class Styled(NamedTuple):
    """A text and how it looks on a terminal."""

    text: str
    code: str


def bold(text: str, stream: TextIO) -> str:
    """Return a text so that it stands out, where the stream is a terminal."""
    return _rendered(strong(text), stream)


def strong(text: str) -> Styled:
    """Let a text stand out."""
    return Styled(text, "1")


def faint(text: str) -> Styled:
    """Let a text stand back."""
    return Styled(text, "2")


def red(text: str) -> Styled:
    """Let a text say that something is wrong, or gone."""
    return Styled(text, "31")


def green(text: str) -> Styled:
    """Let a text say that all is well, or something new."""
    return Styled(text, "32")


def yellow(text: str) -> Styled:
    """Let a text say that something is worth a look, or other than it was."""
    return Styled(text, "33")


def escaped(text: str) -> str:
    r"""Return a text that is safe to show: what would steer the terminal is written as \u001b, as in JSON.

    A text that is JSON still says the same.
    """
    return _UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def print_line(*parts: Union[str, Styled], stream: Optional[TextIO] = None) -> None:
    """Print one line, on stdout unless a stream is given; whatever its parts hold, they cannot steer the terminal."""
    target: Optional[TextIO] = sys.stdout if stream is None else stream
    if target is None:  # stdout is closed
        return
    print(*(_rendered(part, target) for part in parts), sep="", file=target, flush=True)


def inform(message: str) -> None:
    """Print one line on stderr that is not a complaint."""
    stderr: Optional[TextIO] = sys.stderr  # None if it is closed
    if stderr is not None:
        print_line(message, stream=stderr)


def complain(message: str) -> None:
    """Say in one line on stderr what went wrong."""
    stderr: Optional[TextIO] = sys.stderr  # None if it is closed
    if stderr is not None:
        print_line(red("statebase:"), " ", " ".join(message.split()), stream=stderr)


class Progress:
    """A line at the bottom of the terminal that says how far something has come; nothing where there is no terminal."""

    def __init__(self) -> None:
        stderr: Optional[TextIO] = sys.stderr  # None if it is closed
        self._visible = stderr is not None and stderr.isatty()
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
