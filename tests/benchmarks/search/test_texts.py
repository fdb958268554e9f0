"""The texts that searches are measured on: their size, their evidence, and that the two halves share nothing."""

from __future__ import annotations

from itertools import chain
from pathlib import Path

import pytest

from benchmarks.search.texts import CONVERSATIONS, FOLDER, Conversation, codes, conversation, languages

HALVES = tuple(CONVERSATIONS)
NAMES = tuple(chain.from_iterable(CONVERSATIONS.values()))
LANGUAGES = ["en", "de", "es", "fr", "tr", "ru", "ar", "hi", "zh", "ja", "ko", "th"]


@pytest.fixture(params=NAMES)
def texts(request: pytest.FixtureRequest) -> Conversation:
    return conversation(request.param)


def test_every_file_belongs_to_one_half() -> None:
    """Each conversation is in one half, and a file that no half names is found."""
    others = {f"{kind}_{half}" for kind in ("languages", "codes") for half in HALVES}

    assert len(NAMES) == len(set(NAMES)) >= 4
    assert {path.stem for path in FOLDER.iterdir()} == {*NAMES, *others}


def test_conversation_is_long_enough(texts: Conversation) -> None:
    """A conversation has 300 turns, and 50 questions."""
    assert len(texts.turns) >= 300
    assert len(texts.questions) >= 50
    assert len(texts.facts) >= 50


def test_no_text_stands_twice(texts: Conversation) -> None:
    """A turn, fact or question that stands twice would count twice."""
    for kind in (texts.turns, texts.facts, texts.questions):
        said = [text.text for text in kind]

        assert len(said) == len(set(said))
        assert all(said)


def test_every_question_has_evidence_in_turns_and_in_facts(texts: Conversation) -> None:
    """The labels of a question are those of turns and of facts, and few turns carry each."""
    for kind in (texts.turns, texts.facts):
        for question in texts.questions:
            evidence = [text for text in kind if text.labels & question.labels]

            assert question.labels
            assert 1 <= len(evidence) <= 4, question.text


def test_every_fact_was_said(texts: Conversation) -> None:
    """Facts are notes of what a turn says."""
    said = {label for turn in texts.turns for label in turn.labels}

    assert all(fact.labels and fact.labels <= said for fact in texts.facts)


def test_most_questions_have_other_words_than_their_evidence(texts: Conversation) -> None:
    """The turn that answers has at most half of the longer words of the question for most questions, and not for all."""

    def words(text: str) -> set[str]:
        return {word.strip("?.,:;!'\"").lower() for word in text.split() if len(word) > 3}

    shared = []
    for question in texts.questions:
        evidence = set().union(*(words(turn.text) for turn in texts.turns if turn.labels & question.labels))
        shared.append(len(words(question.text) & evidence) / max(len(words(question.text)), 1))

    assert sum(part <= 0.5 for part in shared) / len(shared) >= 0.8
    assert 0.1 <= sum(part == 0 for part in shared) / len(shared) <= 0.9


def test_halves_share_no_text() -> None:
    """A choice that is made on the development half has seen no text of the frozen half."""

    def texts_of(half: str) -> set[str]:
        kinds = [kind for name in CONVERSATIONS[half] for kind in conversation(name)]
        kinds += [kind for language in languages(half).values() for kind in language[:3]]
        notes, queries = codes(half)
        unrelated = [question for language in languages(half).values() for question in language.unrelated]
        said = {text.text.partition(": ")[2] or text.text for text in chain.from_iterable(kinds)}
        return {*said, *notes, *(query for query, _ in queries), *unrelated}

    development, frozen = map(texts_of, HALVES)

    assert min(len(development), len(frozen)) > 1000
    assert not development & frozen


@pytest.mark.parametrize("half", HALVES)
def test_languages_say_the_same(half: str) -> None:
    """Each language has the same facts, each asked for in the same words and in others."""
    texts = languages(half)

    assert list(texts) == LANGUAGES
    for language in texts.values():
        for kind in language[:3]:
            assert [text.labels for text in kind] == [text.labels for text in texts["en"].facts]
        assert len(language.unrelated) == len(texts["en"].unrelated)
        assert len({text.text for kind in language[:3] for text in kind}) == 3 * len(language.facts)


def test_missing_evidence_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A question whose label no turn has is named."""
    (tmp_path / "short.txt").write_text(
        "@ A=Ann\nA: I moved to Graz. {graz}\n= Ann lives in Graz {graz}\n? Where? {gratz}\n"
    )
    monkeypatch.setattr("benchmarks.search.texts.FOLDER", tmp_path)

    with pytest.raises(ValueError, match=r"short: no evidence is marked \['gratz'\]"):
        conversation("short")
