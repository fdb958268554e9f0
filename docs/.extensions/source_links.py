"""Turns the links of api.md, which lead to the source, into links to the reference."""

from __future__ import annotations

import re
from typing import Any, List

from markdown import Extension, Markdown
from markdown.preprocessors import Preprocessor

_LINK = re.compile(r"\[`([^`]+)`\]\(src/statebase/(\S+)\.py\)")
_INNERMOST = re.compile(r"\w+(?=\]*$)")


def makeExtension(**config: Any) -> Extension:  # Markdown calls it so
    """Make the extension."""
    return SourceLinks(**config)


class SourceLinks(Extension):
    """Sees a page after its snippets are in."""

    def extendMarkdown(self, md: Markdown) -> None:  # Markdown calls it so
        """Register what rewrites the lines."""
        md.preprocessors.register(_Rewriter(md), "source_links", priority=31)


class _Rewriter(Preprocessor):
    def run(self, lines: List[str]) -> List[str]:
        return [_LINK.sub(_reference, line) for line in lines]


def _reference(link: re.Match[str]) -> str:
    return f"[`{link[1]}`][statebase.{_name(link[1], link[2])}]"


def _name(text: str, module: str) -> str:
    """Return the name that the reference has for what a link of api.md is about."""
    parts = text.split(".")
    if parts[0] == "client":
        if len(parts) == 2:
            return f"StateBase.{parts[1]}"
        return f"_generated.transport.{parts[1]}.{parts[1].capitalize()}.{parts[2]}"
    found = _INNERMOST.search(text.removesuffix(" | None"))
    is_model = module.startswith("_generated/models/") or module in (
        "_results/context",
        "_results/erasure",
        "_results/search_results",
        "_results/session_history",
    )
    return f"models.{found[0]}" if is_model and found else text
