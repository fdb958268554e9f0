"""Finds phrases that read as translated, in messages, docstrings and pages: `make lint` runs it.

Run it by `python -m tests.architecture.plain_words`. It prints each phrase with its place and ends with 1 if there is
one. What is not clean yet is in `NOT_YET`, and only that is left out: a new file is checked.
"""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path
from typing import Dict, Iterator, List, NamedTuple, Set, Tuple

ROOT = Path(__file__).parents[2]

PHRASES = {
    r"(?<!there )\bis no (?!more\b|longer\b)": "is not a",
    r"\bwithout it\b(?=[.;,]|$)": "Default: ...",
    r"\bwill not do\b": "must be",
    r"\bmend(s|ed|ing)?\b": "fix",
    r"\bwhom\b": "name the person or the thing",
    r"\bnobody\b": "no request, no user, ...",
    r"\bfor ever\b": "no limit",
    r"\bmakes? no sense\b": "is not valid",
    r"\bhas to be\b": "must be",
    r"\bhappens once\b": "is applied once",
    r"\bcan no (?!longer\b)": "cannot be in a",
    r"\bno word for\b": "cannot represent",
    r"\ba second time does nothing\b": "calling it again has no effect",
    r"\bknown weaknesses\b": "known vulnerabilities",
    r"\bon order\b": "injected",
    r"\bgo(es)? back less\b": "there are only",
}
"""What is found, in any case, and what to write."""

NOT_YET: Dict[str, Tuple[str, ...]] = {
    "docstring": (
        "src/statebase/_wire/leases.py",  # goes when replies are read whole
    ),
    "page": ("docs/fault-matrix.md",),  # written by the tests of the matrix, from the names of their faults
}
"""By kind of text, the files that are not clean yet, each with the reason; one that is clean must leave the list."""


class Text(NamedTuple):
    """A text that users or maintainers read."""

    kind: str
    path: Path
    line: int
    content: str


def texts_of_code(path: Path) -> Iterator[Text]:
    """Yield the docstrings of a module, those of attributes among them, and its other strings."""
    docstrings: Set[int] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            docstrings.add(id(node.value))
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield Text("docstring" if id(node) in docstrings else "message", path, node.lineno, node.value)


def texts() -> Iterator[Text]:
    """Yield all that is checked."""
    for path in sorted((ROOT / "src/statebase").rglob("*.py")):
        if "_generated" not in path.parts:  # its words come from the overlay
            yield from texts_of_code(path)
    pages = [*(ROOT / "docs").rglob("*.md"), *ROOT.glob("*.md"), ROOT / "openapi/overlay.yaml"]
    for path in sorted(pages):
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
            yield Text("page", path, number, line)


def problems() -> Iterator[Tuple[str, str, str]]:
    """Yield the kind, the file and a line that says what to change, for each phrase that is found."""
    for text in texts():
        name = text.path.relative_to(ROOT).as_posix()
        for phrase, better in PHRASES.items():
            for found in re.finditer(phrase, text.content, re.IGNORECASE):
                line = text.line + text.content.count("\n", 0, found.start())
                yield text.kind, name, f"{name}:{line}: {text.kind}: {found.group().strip()!r}: write {better!r}"


def main() -> int:
    """Print what is found outside of `NOT_YET`, and what is in there without need."""
    left = {(kind, name) for kind, names in NOT_YET.items() for name in names}
    unclean: Set[Tuple[str, str]] = set()
    lines: List[str] = []
    for kind, name, line in problems():
        unclean.add((kind, name))
        if (kind, name) not in left:
            lines.append(line)
    lines += [f"{name}: its {kind}s are clean: take it out of NOT_YET" for kind, name in sorted(left - unclean)]
    print("\n".join(lines), end="\n" if lines else "")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
