"""Splitting text into words, in every script: a query finds the texts that contain its words."""

from __future__ import annotations

import pytest

from statebase.local.language.porter import stem
from statebase.local.language.script import script_of
from statebase.local.language.stop_words import foreign_part
from statebase.local.language.terms import speaker_of, terms_of, wanted


def covers(text: str, query: str) -> bool:
    """Return whether a text holds something of each place of a query."""
    held = set(terms_of(text))
    return all(not held.isdisjoint(place.terms) for place in wanted(query))


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("用户服务器部署在腾讯云国内节点", "腾讯云"),
        ("今日は成語しりとりをした", "しりとり"),
        ("ピーナッツに重いアレルギーがある", "アレルギー"),
        ("오늘 끝말잇기 게임을 했다", "게임"),
        ("자동차를 차고에 주차한다", "자동차는"),
        ("ลูกค้าชอบชาเขียวมากกว่ากาแฟ", "กาแฟ"),
        ("អតិថិជនចូលចិត្តតែបៃតង", "តែបៃតង"),
        ("उपयोगकर्ता को ईमेल पसंद है", "ईमेल"),
        ("בבית יש שולחן גדול", "השולחן"),
        ("שָׁלוֹם לכולם", "שלום"),
        ("كِتَابٌ جديد", "الكتاب"),
        ("İstanbul'da yaşıyor", "istanbul"),
        ("Isparta'nın gülleri", "ısparta"),
        ("Пользователь любит почту", "почта"),
        ("Er fährt über die größte Brücke", "GROSSTE BRUCKE"),
        ("naïve café", "naive cafe"),
        ("The customer PREFERS window seats", "preferred seat"),
    ],
    ids=ascii,
)
def test_words_are_found_in_every_script(text: str, query: str):
    """Whatever the case, the accents, the points, the particle or the ending."""
    assert covers(text, query)


@pytest.mark.parametrize(
    ("text", "queries"),
    [
        ("Order A-1043 was lost", ["A-1043", "a1043", "1043"]),
        ("fails with ERR-4711", ["ERR-4711", "err 4711", "4711"]),
        ("call getUserName first", ["getUserName", "getusername", "user name"]),
        ("see https://example.com/docs/setup?id=3", ["https://example.com/docs/setup", "example com", "setup"]),
        ("write to ann.lee@example.com", ["ann.lee@example.com", "lee"]),
        ("version 3.11.7 of snake_case", ["3.11.7", "snake_case", "snake"]),
        ("costs 1,200 euros", ["1200", "1,200"]),
        ("er wohnt seit ٢٠١٩ hier", ["2019"]),
    ],
    ids=ascii,
)
def test_codes_are_found_whole_and_in_parts(text: str, queries: list[str]):
    for query in queries:
        assert covers(text, query), query


def test_a_code_is_not_its_neighbour():
    assert not covers("fails with ERR-4711", "ERR-4712")
    assert not covers("Order A-1043", "B-1043")


def test_stop_words_count_only_where_nothing_else_is_asked():
    assert [place.terms for place in wanted("What does she drink?")] == [("drink",)]
    assert [place.terms for place in wanted("Was trinkt sie?")] == [("trinkt",)]
    assert [place.terms for place in wanted("who is the")] == [("who",), ("is",), ("the",)]


@pytest.mark.parametrize(
    ("word", "shorter"),
    [
        ("caresses", "caress"),
        ("hopping", "hop"),
        ("agreed", "agre"),
        ("relational", "relat"),
        ("happy", "happi"),
        ("sky", "sky"),
        ("by", "by"),
    ],
)
def test_english_words_lose_their_endings(word: str, shorter: str):
    assert stem(word) == shorter


@pytest.mark.parametrize(
    ("text", "speaker"),
    [
        ("Ann: I went home", "ann"),
        ("[2024-05-01 10:45] Zoë Lee: hi", "zoe lee"),
        ("10:45 Ann: hi", "ann"),
        ("She said: no", "she said"),
        ("https://example.com", None),
        ("Prefers tea", None),
        ("12: twelve", None),
    ],
)
def test_speaker_of_a_turn(text: str, speaker: object):
    assert speaker_of(text) == speaker


def test_scripts_are_told_apart():
    texts = ["tea", "чай", "茶を飲む", "녹차", "שלום", "شاي", "चाय", "ชา", "τσάι", "12"]

    scripts = [script_of(terms_of(text)) for text in texts]

    assert scripts == ["latin", "cyrillic", "cjk", "hangul", "hebrew", "arabic", "indic", "thai", "greek", "latin"]


def test_stop_words_tell_english_from_other_languages():
    assert foreign_part("What is in the garage of Los Angeles?") < 0.3
    assert foreign_part("Wie hoch ist der Berg in Nepal?") > 0.7
    assert foreign_part("green tea") == 0.0
