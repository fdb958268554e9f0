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


CASES = [case for case in GOLDEN["cases"] if max(map(len, case["text"].split()), default=0) <= 100]


@pytest.mark.parametrize("case", CASES, ids=lambda case: ascii(case["text"][:20]))
def test_pieces_are_those_of_the_original(wordpiece: WordPiece, case: Any):
    """Recorded from the `tokenizers` library."""
    assert wordpiece.encode(case["text"]) == case["pieces"]


def test_long_word_is_cut(wordpiece: WordPiece):
    """The original takes a word of more than 100 characters for unknown, and all of them for the same text."""
    first, second = wordpiece.encode("first" * 60), wordpiece.encode("second" * 60)

    assert first != second
    assert wordpiece.encode("first" * 20) == first[: len(first) // 3]


def test_known_part_tells_english_from_other_languages(wordpiece: WordPiece):
    """Also where the script is the same, and where the vocabulary holds single characters."""
    english = wordpiece.known_part("Where does she want to go for the holidays?")
    others = ["Wohin möchte sie in den Ferien fahren?", "Куда она хочет поехать?", "她想去哪里度假？", "ERR-4711 xk9"]

    assert english > 0.9
    assert max(map(wordpiece.known_part, others)) < 0.4
    assert wordpiece.known_part("?!") == 1.0


def test_words_are_remembered_no_further_than_there_is_room(wordpiece: WordPiece):
    """More different words than are kept give the same pieces as ever."""
    before = wordpiece.encode("the last word")
    for number in range(60_000):
        wordpiece.encode(f"word{number}")

    assert wordpiece.encode("the last word") == before
