"""The content of the README and of the pages of the documentation: code, its output, and shell commands.

A block of Python runs after those before it on its page. A block of text right below it is what it prints, where `...`
stands for anything. A comment `<!-- not run: why -->` above a block keeps it from running; it still must compile, and
to pass the type checker. A block inside of a comment runs too: it makes what a reader would have, such as a file.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import List, NamedTuple, Optional

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]

INTEGRATIONS = sorted((DOCS / "integrations").glob("*.md"))
"""Pages that need the framework that they are about: `make integrations` runs them."""

_BLOCK = re.compile(
    r"(?P<not_run><!-- not run: [^>]+ -->\n)?"
    r"^```(?P<language>\w+)[^\n]*\n(?P<text>.*?)^```$"
    r"(?:\s*^```text\n(?P<output>.*?)^```$)?",
    re.MULTILINE | re.DOTALL,
)


class Block(NamedTuple):
    """One fenced block of a page."""

    language: str
    line: int
    """The start of its text, counted from 0."""
    text: str
    runs: bool
    output: Optional[str]
    """The output that the page shows; None if there is none."""

    def in_place(self) -> str:
        """Return the text on the lines that it has on its page, so that a traceback names them."""
        return "\n" * self.line + self.text


def blocks(page: Path, language: str) -> List[Block]:
    """Return the blocks of a page that are written in a language."""
    text = page.read_text(encoding="utf-8")
    return [
        Block(
            found["language"],
            text.count("\n", 0, found.start("text")),
            found["text"],
            found["not_run"] is None,
            found["output"],
        )
        for found in _BLOCK.finditer(text)
        if found["language"] == language
    ]


def name(page: Path) -> str:
    """Return what a test calls a page."""
    return page.relative_to(ROOT).as_posix()
