"""A turn of a conversation that asks is not what a question is looking for."""

from __future__ import annotations

from typing import Any, Callable, List

import pytest

from statebase.local.language.terms import QUESTION, terms_of


@pytest.mark.parametrize(
    ("text", "asks"),
    [
        ("Where is it?", True),
        ("Where is it? ", True),
        ("Where is it?!", True),
        ("Really??", True),
        ('"Where is it?"', True),
        ("Where is it? \N{THINKING FACE}", True),
        ("\u3069\u3053\u3067\u3059\u304b\uff1f", True),
        ("\u0623\u064a\u0646\u061f", True),
        ("Where is it? There.", False),
        ("It is there.", False),
        ("https://example.com/?q", False),
        ("?", True),
        ("", False),
    ],
)
def test_question_is_known_by_its_end(text: str, asks: bool) -> None:
    """In each script; a quotation mark or an emoji may follow."""
    assert (QUESTION in terms_of(text)) == asks


TURNS: List[str] = [
    "Ann: When does the pottery course begin?",
    "Ben: In the town hall, I think, next Tuesday at six.",
    "Ann: And the pottery course costs what?",
    "Ben: The pottery course begins at forty euros a term.",
]


def test_turn_that_asks_comes_after_one_that_answers(open_memories: Callable[..., Any]) -> None:
    """The same text counts less as a turn that asks than as a note; the explanation says so."""
    memories = open_memories()
    for text in TURNS:
        memories.add(text)

    explained = memories.operations.explain_search("When does the pottery course begin", threshold=0.0)

    parts = {memory.result.content: memory for memory in explained.results}
    assert parts[TURNS[0]].question < 0
    assert parts[TURNS[1]].question == parts[TURNS[3]].question == 0


def test_note_that_asks_counts_in_full(open_memories: Callable[..., Any]) -> None:
    """There is no next turn that could answer it."""
    memories = open_memories()
    memories.add("When does the pottery course begin?")
    memories.add("Likes tea")

    explained = memories.operations.explain_search("pottery course", threshold=0.0)

    assert {memory.question for memory in explained.results} == {0.0}


def test_words_of_a_query_do_not_ask_for_questions(open_memories: Callable[..., Any]) -> None:
    """The mark of a query is not one of its words."""
    memories = open_memories()
    memories.add("Ann: Where is it?")
    memories.add("Ben: There.")

    explained = memories.operations.explain_search("Lighthouse?", threshold=0.0)

    assert [word.terms for word in explained.words] == [("lighthous",)]
