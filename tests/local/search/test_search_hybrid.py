"""Meaning and words make one score: what one of them misses, the other finds."""

from __future__ import annotations

from typing import Any, Callable

import pytest

from statebase import StateBase

LANGUAGES = {
    "en": (
        [
            "Prefers green tea in the morning",
            "The server runs in Frankfurt",
            "Her daughter plays the violin",
            "The invoice was paid in March",
            "He is allergic to peanuts",
            "The car is parked in the garage",
        ],
        "Which team won the football match?",
        "Where is the car parked?",
    ),
    "de": (
        [
            "Trinkt morgens am liebsten grünen Tee",
            "Der Server steht in Frankfurt",
            "Ihre Tochter spielt Geige",
            "Die Rechnung wurde im März bezahlt",
            "Er ist allergisch gegen Erdnüsse",
            "Das Auto steht in der Garage",
        ],
        "Wer hat gestern das Fußballspiel gewonnen?",
        "Wann wurde die Rechnung bezahlt?",
    ),
    "zh": (
        [
            "他早上喜欢喝绿茶",
            "服务器部署在法兰克福",
            "她的女儿拉小提琴",
            "发票是三月份支付的",
            "他对花生过敏",
            "汽车停在车库里",
        ],
        "昨天的足球比赛谁赢了？",
        "汽车停在哪里？",
    ),
    "ru": (
        [
            "По утрам предпочитает зелёный чай",
            "Сервер работает во Франкфурте",
            "Её дочь играет на скрипке",
            "Счёт был оплачен в марте",
            "У него аллергия на арахис",
            "Машина стоит в гараже",
        ],
        "Кто выиграл вчерашний футбольный матч?",
        "На что у него аллергия?",
    ),
}


def test_code_is_found_whatever_the_vectors_say(memories: Any, toy: Any):
    """And not its neighbour."""
    toy.vectors = {"What is ERR-4711?": [1, 0, 0, 0, 0, 0, 0, 0], "fails with ERR-4712": [1, 1, 0, 0, 0, 0, 0, 0]}
    toy.vectors["fails with ERR-4711"] = [0, 0, 1, 0, 0, 0, 0, 0]
    memories.add("fails with ERR-4711")
    memories.add("fails with ERR-4712")

    assert memories.found("What is ERR-4711?")[0] == "fails with ERR-4711"


def test_meaning_is_found_without_a_shared_word(open_memories: Callable[..., Any]):
    memories = open_memories()
    for content in ("Cannot digest lactose", "Parks the car behind the house", "Plays the violin"):
        memories.add(content)

    assert memories.found("Which food does she not tolerate?", threshold=0.7) == ["Cannot digest lactose"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_unrelated_question_passes_no_threshold_in_any_language(language: str):
    """With six memories as with many: the default threshold and `drift_warning` mean the same."""
    facts, unrelated, related = LANGUAGES[language]
    with StateBase.local() as client:
        session = client.sessions.create("agent")
        for fact in facts:
            client.memory.add(fact, session_id=session.id)

        assert client.memory.search(unrelated, session.id).data == []
        assert client.state.get_context(session.id, unrelated).drift_warning is True
        assert len(client.memory.search(related, session.id).data) == 1


def test_answer_is_found_by_the_turn_before(memories: Any):
    """In a conversation, where each says something more than once."""
    for content in ("Ann: hello you", "Ben: good day", "Ann: When does pottery begin?", "Ben: Next Tuesday"):
        memories.add(content)
    scores = dict(memories.search("begin pottery"))
    alone = memories.new_session()
    memories.add("Ben: Next Tuesday", session_id=alone)

    by_itself = dict(memories.search("begin pottery", session_id=alone))

    assert scores["Ben: Next Tuesday"] > by_itself["Ben: Next Tuesday"]


@pytest.mark.sqlite_only  # a database reads no vectors into memory
def test_a_session_of_a_large_store_is_searched_without_reading_the_rest(
    memories: Any, toy: Any, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("statebase.local.search.vector_cache._SMALL", 2)
    for number in range(6):
        memories.add(f"other {number}")
    session_id = memories.new_session()
    memories.add("kept", session_id=session_id)

    assert memories.search("kept", session_id=session_id) == [("kept", 1.0)]
    assert memories.vectors.size == 0
    assert memories.found("kept", top_k=1) == ["kept"]
