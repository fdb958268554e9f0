"""Tables of messages: a line at the margin is a call, the indented lines below it are what the user reads."""

from __future__ import annotations

from typing import Any, List, Tuple

import pytest


def rows(table: str) -> List[Any]:
    """Return the calls of a table, each with its message, as the parameters of a test."""
    found: List[Tuple[str, str]] = []
    for line in filter(None, table.splitlines()):
        if not line.startswith(" "):
            found.append((line, ""))
        else:
            call, message = found[-1]
            found[-1] = (call, f"{message} {line.strip()}".strip())
    return [pytest.param(call, message, id=call) for call, message in found]
