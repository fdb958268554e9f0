"""What a doctor says: one line a check."""

from __future__ import annotations

import sys
import textwrap
from collections import Counter
from typing import Callable, Dict, Literal, NamedTuple, Sequence

from ..._base.version import __version__
from ..terminal import Styled, escaped, faint, green, print_line, red, yellow
from ..text import columns, json_line

Status = Literal["ok", "warning", "failed", "skipped"]
_STYLES: Dict[Status, Callable[[str], Styled]] = {"ok": green, "warning": yellow, "failed": red, "skipped": faint}
_NOUNS: Dict[Status, str] = {"warning": "to look at", "skipped": "skipped"}
_STATUS_COLUMNS, _NAME_COLUMNS = 9, 10


class Check(NamedTuple):
    """What came of looking at one thing."""

    name: str
    status: Status
    detail: str
    """What was found, in a sentence or less."""
    advice: str = ""
    """What to do about it."""


def ok(name: str, detail: str) -> Check:
    """Say that all is well."""
    return Check(name, "ok", detail)


def skipped(name: str, why: str) -> Check:
    """Say that something was not looked at."""
    return Check(name, "skipped", why)


def print_check(check: Check) -> None:
    """Print a check: one line, which is wrapped on a terminal."""
    text = escaped(f"{check.detail} {check.advice}".strip())
    indent = _STATUS_COLUMNS + _NAME_COLUMNS
    first, *others = textwrap.wrap(text, columns() - indent) if sys.stdout.isatty() else [text]
    status = Styled(check.status.ljust(_STATUS_COLUMNS), _STYLES[check.status]("").code)
    print_line(status, check.name.ljust(_NAME_COLUMNS), first)
    for line in others:
        print_line(" " * indent, line)


def print_summary(checks: Sequence[Check]) -> None:
    """Print in a line how it went."""
    numbers = Counter(check.status for check in checks)
    others = [f", {numbers[status]} {noun}" for status, noun in _NOUNS.items() if numbers[status]]
    print_line()
    print_line(f"{len(checks)} checks: {numbers['failed'] or 'none'} failed{''.join(others)}.")


def as_json(checks: Sequence[Check]) -> str:
    """Return all checks as one object."""
    all_checks = [check._asdict() for check in checks]
    failed = any(check["status"] == "failed" for check in all_checks)
    return json_line({"statebase": __version__, "ok": not failed, "checks": all_checks})
