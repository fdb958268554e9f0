"""The parts of a long text, each of which gets a vector: one vector of all of it would say little of each."""

from __future__ import annotations

import re

LONGEST_WHOLE = 1_000
"""A text of at most so many characters has one vector."""
_LONGEST_PART = 600
_SHORTEST_PART = 300
_end = re.compile(r"\n\s*|[.!?…]['\")\]]*\s+|[\u3002\uff01\uff1f]")
_space = re.compile(r"\s+")


def parts_of(text: str) -> list[str]:
    """Return a short text as it is, and a longer one in parts of 300 to 600 characters.

    A part ends with a line or a sentence, else with a word, else anywhere.
    """
    if len(text) <= LONGEST_WHOLE:
        return [text]
    parts: list[str] = []
    start = 0
    while len(text) - start > _LONGEST_PART:
        end = start + _LONGEST_PART
        for pattern in (_end, _space):
            ends = [match.end() for match in pattern.finditer(text, start + _SHORTEST_PART, end)]
            if ends:
                end = ends[-1]
                break
        parts.append(text[start:end])
        start = end
    parts.append(text[start:])
    return [part for part in parts if part.strip()] or [text]
