"""Texts are cut into the same pieces as by the tokenizer that the vocabulary belongs to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import statebase_minilm

from statebase.local.search.wordpiece import WordPiece

GOLDEN = json.loads((Path(__file__).parent.parent / "data" / "wordpiece.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def wordpiece() -> WordPiece:
    return WordPiece(statebase_minilm.VOCABULARY.read_text("utf-8").splitlines())


@pytest.mark.parametrize("case", GOLDEN["cases"], ids=lambda case: ascii(case["text"][:20]))
def test_pieces_are_those_of_the_original(wordpiece: WordPiece, case: Any):
    """Recorded from the `tokenizers` library."""
    assert wordpiece.encode(case["text"]) == case["pieces"]


def test_words_are_remembered_no_further_than_there_is_room(wordpiece: WordPiece):
    """More different words than are kept give the same pieces as ever."""
    before = wordpiece.encode("the last word")
    for number in range(60_000):
        wordpiece.encode(f"word{number}")

    assert wordpiece.encode("the last word") == before
