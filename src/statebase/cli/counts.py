"""How many records of each kind were transferred, as text."""

from __future__ import annotations

from typing import Mapping

from ..transfer.records import KINDS


def listed(counts: Mapping[str, int]) -> str:
    """Return counts as text: `2 sessions, 1 turn and 0 memories`."""
    singular = {plural: kind for kind, plural in KINDS.items()}
    *texts, last = [f"{number:,} {singular[kind] if number == 1 else kind}" for kind, number in counts.items()]
    return f"{', '.join(texts)} and {last}".replace("_", " ")
