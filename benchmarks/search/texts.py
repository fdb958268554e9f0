"""The texts: conversations with questions whose evidence is marked, the same facts in twelve languages, and codes.

What is chosen (weights, lists of words) is chosen on the development half. The frozen half only measures: it is changed
only together with the figures in RESULTS.md.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).with_name("texts")
CONVERSATIONS = {"development": ("allotment", "surgery"), "frozen": ("lighthouse", "studio")}


class Text(NamedTuple):
    """A turn, a fact or a question."""

    text: str
    labels: frozenset[str]
    """The pieces of evidence that it holds, or that answer it."""


class Conversation(NamedTuple):
    """A long conversation between two people, what somebody noted of it, and questions about it."""

    turns: list[Text]
    """Each with the name of who speaks: `Marta: Morning!`."""
    facts: list[Text]
    questions: list[Text]


class Language(NamedTuple):
    """Facts about one person in a language."""

    facts: list[Text]
    questions: list[Text]
    """Each asks for one of the facts, which has the same label."""
    reworded: list[Text]
    """The same, in words that the fact does not contain."""
    unrelated: list[str]
    """Questions that none of the facts answers."""


def conversation(name: str) -> Conversation:
    """Read a conversation."""
    speakers: dict[str, str] = {}
    found = Conversation([], [], [])
    for line in _lines(name):
        if line.startswith("@"):
            speakers = dict(pair.split("=") for pair in line[1:].split())
            continue
        labels = frozenset(re.findall(r"\{(\w+)\}", line))
        text = re.sub(r"\s*\{\w+\}", "", line[2:]).strip()
        if line[0] == "?":
            found.questions.append(Text(text, labels))
        elif line[0] == "=":
            found.facts.append(Text(text, labels))
        else:
            found.turns.append(Text(f"{speakers[line[0]]}: {text}", labels))
    for kind in (found.turns, found.facts):
        missing = {label for question in found.questions for label in question.labels}
        missing -= {label for text in kind for label in text.labels}
        if missing:
            raise ValueError(f"{name}: no evidence is marked {sorted(missing)}")
    return found


def languages(half: str) -> dict[str, Language]:
    """Read the facts of a half in each language; those with one label say the same."""
    found: dict[str, Language] = {}
    for line in _lines(f"languages_{half}"):
        if line.startswith("@"):
            found[line[1:].strip()] = current = Language([], [], [], [])
        elif line.startswith("-"):
            current.unrelated.append(line[1:].strip())
        else:
            label, _, rest = line.partition(" ")
            kind = {"=": current.facts, "?": current.questions, "~": current.reworded}[label[0]]
            kind.append(Text(rest, frozenset([label[1:]])))
    return found


def codes(half: str) -> tuple[list[str], list[tuple[str, str]]]:
    """Read notes full of codes, names and numbers, and queries, each with the note that it asks for."""
    notes: list[str] = []
    queries: list[tuple[str, str]] = []
    for line in _lines(f"codes_{half}"):
        if line.startswith("="):
            notes.append(line[1:].strip())
        else:
            queries.append((line[1:].strip(), notes[-1]))
    return notes, queries


def _lines(name: str) -> list[str]:
    lines = (FOLDER / f"{name}.txt").read_text("utf-8").splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]
