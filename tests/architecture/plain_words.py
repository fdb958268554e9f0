"""Finds phrases that read as translated, in messages, docstrings and pages: `make lint` runs it.

Run it by `python -m tests.architecture.plain_words`. It prints each phrase with its place and ends with 1 if there is
one. Rooms that are not clean yet are in `NOT_YET`.
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
    r"\bdemand(s|ed|ing)?\b": "require",
    r"\bmakes? no difference\b": "does not matter",
    r"\bof no use\b": "not useful",
    r"\bwho(so)?ever\b": "name the person or the thing",
    r"\b(goes|go|went) by (?!(default|in)\b)": "use",
    r"\b(come|comes|came) of\b": "result of",
    r"\banew\b": "again",
    r"\bnevertheless\b": "even so, still",
    r"\b(has|have|had) to\b": "must",
    r"\bstr(ikes?|uck)\b": "is triggered",
    r"\bstands? still\b": "is frozen",
    r"\bgets? along\b": "works",
    r"\bas good as\b": "almost, like",
    r"\bthe like\b": "etc.",
    r"\bhow often\b": "how many times",
    r"\btwice by hand\b": "two copies written by hand",
    r"\bvainly\b|\bin vain\b": "without success",
}
"""The phrases that are found, in upper or lower case, and their replacements."""

FIRST_WORDS = {
    r"(Say|Tell|Show|Give)s? (whether|what|how|which|why|if|that|who)\b": "Return ..., Check ..., Yield ...",
    r"(What|How|Who|Where) (?!to\b|many\b|much\b|long\b)[^?\n]*$": "a noun (The ...), or a verb (Return ...)",
    r"(Let|Make|Give) (a|an|the|it|what|each|every|all) \w+ \w+\b": "Return ..., Create ..., or the verb itself",
}
"""The first words that a docstring must not have, and their replacements."""

NOT_YET: Dict[str, Tuple[str, ...]] = {
    "docstring": (
        "src/statebase/local/storage/history.py",
        "src/statebase/local/storage/sqlite/__init__.py",
        "src/statebase/local/storage/sqlite/backup.py",
        "src/statebase/local/storage/sqlite/connection.py",
        "src/statebase/local/storage/sqlite/database.py",
        "src/statebase/local/storage/sqlite/inspection.py",
        "src/statebase/local/storage/sqlite/schema.py",
        "src/statebase/local/storage/tables/entities.py",
        "src/statebase/local/storage/tables/keys.py",
        "src/statebase/local/storage/tables/removals.py",
        "src/statebase/local/storage/tables/sessions.py",
        "src/statebase/local/storage/tables/traces.py",
        "src/statebase/server/app.py",
        "src/statebase/server/body.py",
        "src/statebase/server/checks.py",
    ),
    "page": (),
}
"""By kind of text, the rooms and files that are not clean yet; one that is clean must leave the list."""

FLAGS = re.IGNORECASE | re.MULTILINE

CODE = ("src/statebase", "codegen", "docs", "examples", "benchmarks", "packages", "tests")
"""The folders whose docstrings are checked, and whose messages are, except in the tests."""

PAGES = ("*.md", "docs/**/*.md", "openapi/overlay.yaml", "Makefile")


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
    """Yield every text that is checked."""
    for folder in CODE:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if "_generated" in path.parts:  # its words come from the overlay
                continue
            for text in texts_of_code(path):
                if folder != "tests" or text.kind == "docstring":
                    yield text
    for pattern in PAGES:
        for path in sorted(ROOT.glob(pattern)):
            for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
                yield Text("page", path, number, line)


def problems() -> Iterator[Tuple[str, str, str]]:
    """Yield the kind, the file and a line that says what to change, for each phrase that is found."""
    for text in texts():
        found = [
            (each, better) for phrase, better in PHRASES.items() for each in re.finditer(phrase, text.content, FLAGS)
        ]
        if text.kind == "docstring":
            firsts = [(re.match(phrase, text.content, FLAGS), better) for phrase, better in FIRST_WORDS.items()]
            found += [(each, better) for each, better in firsts if each is not None]
        name = text.path.relative_to(ROOT).as_posix()
        for each, better in found:
            line = text.line + text.content.count("\n", 0, each.start())
            yield text.kind, name, f"{name}:{line}: {text.kind}: {each.group().strip()!r}: write {better!r}"


def main() -> int:
    """Print what is found outside of `NOT_YET`, and what in there is clean."""
    left = {(kind, start) for kind, starts in NOT_YET.items() for start in starts}
    unclean: Set[Tuple[str, str]] = set()
    lines: List[str] = []
    for kind, name, line in problems():
        exempt = {(kind, start) for start in NOT_YET.get(kind, ()) if name.startswith(start)}
        unclean |= exempt
        if not exempt:
            lines.append(line)
    lines += [f"{start}: its {kind}s are clean: take it out of NOT_YET" for kind, start in sorted(left - unclean)]
    print("\n".join(lines), end="\n" if lines else "")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
