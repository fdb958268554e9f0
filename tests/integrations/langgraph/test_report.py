"""The page with the results shows what the suite and the count of requests give."""

from __future__ import annotations

from importlib.metadata import version

import pytest

from .report import PAGE, text


def test_the_page_shows_the_results() -> None:
    page = PAGE.read_text("utf-8")
    if f"langgraph-checkpoint {version('langgraph-checkpoint')} and" not in page:
        pytest.skip("the page is about another version of LangGraph")

    assert page == text(), "run: python -m tests.integrations.langgraph.report"
