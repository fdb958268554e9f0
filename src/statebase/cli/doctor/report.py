"""The result of a check, and how results are printed."""

from __future__ import annotations

import sys
import textwrap
from collections import Counter
from typing import Callable, Dict, Literal, NamedTuple, Sequence, Tuple

from ..._base.version import __version__
from ..formatting import columns, json_line
from ..terminal import Styled, escaped, faint, green, print_line, red, yellow

Status = Literal["ok", "warning", "failed", "skipped"]
_STYLES: Dict[Status, Callable[[str], Styled]] = {"ok": green, "warning": yellow, "failed": red, "skipped": faint}
_COUNTED: Dict[Status, Tuple[str, str]] = {"warning": ("warning", "warnings"), "skipped": ("skipped", "skipped")}
_STATUS_COLUMNS, _NAME_COLUMNS = 9, 10


class Check(NamedTuple):
    """The result of a check."""

    name: str
    status: Status
    detail: str
    """The result, as text."""
    advice: str = ""
    """What to do; empty if nothing."""


def ok(name: str, detail: str) -> Check:
    """Return a check that found no problem."""
    return Check(name, "ok", detail)


def skipped(name: str, why: str) -> Check:
    """Return a check that was not made."""
    return Check(name, "skipped", why)


def print_check(check: Check) -> None:
    """Print a check as one line, wrapped on a terminal."""
    text = escaped(f"{check.detail} {check.advice}".strip())
    indent = _STATUS_COLUMNS + _NAME_COLUMNS
    first, *others = textwrap.wrap(text, columns() - indent) if sys.stdout.isatty() else [text]
    status = Styled(check.status.ljust(_STATUS_COLUMNS), _STYLES[check.status]("").code)
    print_line(status, check.name.ljust(_NAME_COLUMNS), first)
    for line in others:
        print_line(" " * indent, line)


def print_summary(checks: Sequence[Check]) -> None:
    """Print how many checks failed."""
    numbers = Counter(check.status for check in checks)
    others = [
        f", {numbers[status]} {one if numbers[status] == 1 else many}"
        for status, (one, many) in _COUNTED.items()
        if numbers[status]
    ]
    print_line()
    print_line(f"{len(checks)} checks: {numbers['failed'] or 'none'} failed{''.join(others)}.")


def as_json(checks: Sequence[Check]) -> str:
    """Return all checks as one object."""
    all_checks = [check._asdict() for check in checks]
    failed = any(check["status"] == "failed" for check in all_checks)
    return json_line({"statebase": __version__, "ok": not failed, "checks": all_checks})
