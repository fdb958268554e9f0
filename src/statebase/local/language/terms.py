"""The terms of a text: what the index of words holds of a memory, and what a query asks it for.

Scripts differ in what a word is. Where spaces stand between words, a term is a word without its ending; where none do
(Chinese, Japanese, Thai, Lao, Khmer, Burmese, Tibetan), terms are all pairs, or all threes, of neighbouring characters.
Case, accents and vowel points do not matter. A code such as `ERR-4711`, `A-1043` or `getUserName` is one term as a
whole and further ones in parts.
"""

from __future__ import annotations

import functools
import re
from typing import Iterator, NamedTuple, Optional

from .endings import forms
from .folding import folded
from .porter import stem
from .stop_words import KOREAN_STOP_WORDS, STOP_PAIRS, STOP_WORDS

VERSION = "2"
"""Changes with what `terms_of` returns for a text: an index of another version is built again."""

QUESTION = "?"
"""The term of a text that ends as a question."""
_ENDS_AS_QUESTION = re.compile("[?\uff1f\u061f\u037e\u055e\u2e2e\u1367][^\\w?]{0,20}$")
"""A question mark of Latin, CJK, Arabic, Greek, Armenian or Ethiopic; a quotation mark or an emoji may follow."""

_CJK = "\u3005\u3007\u3041-\u3096\u309d-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_HAN = "\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_HANGUL = "\uac00-\ud7a3"
_UNSPACED = (
    "\u0e01-\u0e3a\u0e40-\u0e4e"  # Thai
    "\u0e81-\u0ecd\u0edc-\u0edf"  # Lao
    "\u0f40-\u0fbc"  # Tibetan
    "\u1000-\u103f\u1050-\u108f"  # Burmese
    "\u1780-\u17d3"  # Khmer
)
_INDIC = "\u0900-\u0963\u0971-\u0de5\u0df2-\u0df4"
"""Letters of India's scripts with their vowel signs, which `\\w` leaves out."""

_WORD = f"(?:[^\\W_]|[{_INDIC}{_UNSPACED}])+"
_COMPOUND = re.compile(f"{_WORD}(?:[-._/@:+#&'’]{_WORD}|(?<=\\d),(?=\\d{{3}}){_WORD})*")
_PARTS = re.compile(_WORD)
_RUNS = re.compile(
    f"(?P<cjk>[{_CJK}]+)|(?P<hangul>[{_HANGUL}]+)|(?P<unspaced>[{_UNSPACED}]+)|(?P<digits>[0-9]+)"
    f"|(?P<camel>[A-Z]+(?![a-z])|[A-Z]?[a-z]+)|(?P<letters>(?:(?![{_CJK}{_HANGUL}{_UNSPACED}0-9])\\w|[{_INDIC}])+)"
)
_ASCII_RUNS = re.compile("[0-9]+|[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_LONGEST_WHOLE = 64
"""Of longer runs of characters without a space only the parts are terms."""
_LONGEST_TERM = 40

_SPEAKER = re.compile(
    r"(?:\[[^\]\n]{1,40}\]\s*|\(?\d[\d/.:,T -]{3,24}Z?\)?\s*[-–]?\s*)?"
    r"([^\W\d_][\w.'’-]{0,30}(?: [^\W_][\w.'’-]{0,30}){0,2})\s?(?::\s+|：)\S"
)
"""The start of a turn, with a time before it or not."""


class Wanted(NamedTuple):
    """One word of a query: a memory must hold one of its terms. The weight is relative to the other words."""

    terms: tuple[str, ...]
    weight: float


class _Piece(NamedTuple):
    terms: tuple[str, ...]
    weight: float = 1.0
    is_stop: bool = False


def terms_of(text: str) -> list[str]:
    """Return the terms of a memory's text, each once, in the order in which they come; `QUESTION` is the last."""
    terms = dict.fromkeys(term for piece in _pieces(text) for term in piece.terms)
    return [*terms, QUESTION] if _ENDS_AS_QUESTION.search(text) else list(terms)


def wanted(query: str) -> list[Wanted]:
    """Return what a query asks for: the words that say something, or all if none does."""
    pieces = list({piece.terms: piece for piece in _pieces(query)}.values())
    telling = [piece for piece in pieces if not piece.is_stop]
    return [Wanted(piece.terms, piece.weight) for piece in telling or pieces]


def speaker_of(text: str) -> Optional[str]:
    """Return who speaks in a text that begins as `Ann: ...` or `[10:45] Ann: ...`; None if it does not."""
    found = _SPEAKER.match(text)
    return None if found is None else folded(found.group(1)).lower()


def _pieces(text: str) -> Iterator[_Piece]:
    for found in _COMPOUND.finditer(folded(text)):
        yield from _pieces_of(found.group())


@functools.lru_cache(maxsize=50_000)
def _pieces_of(compound: str) -> tuple[_Piece, ...]:
    """Return the terms of what stands between two spaces."""
    pieces: list[_Piece] = []
    parts = _PARTS.findall(compound)
    if len(parts) > 1 and all(part.isdigit() for part in parts) and "," in compound:
        parts = []  # 1,200 is one number
    count = 0
    for part in parts:
        runs = [(str(run.lastgroup), run.group()) for run in _RUNS.finditer(part)]
        if all(kind in ("camel", "letters") for kind, _ in runs) and not _is_camel(part):
            runs = [("letters", part)]
        count += len(runs)
        for kind, run in runs:
            pieces += _READERS[kind](run)
    if count != 1 and len(compound) <= _LONGEST_WHOLE and _is_joinable(compound):
        whole = re.sub(r"[^\w.]|_", "", compound).strip(".").lower()
        has_digit = any(character.isdigit() for character in whole)
        # Of "o'clock" or "ann's", a letter alone says nothing.
        pieces = [piece for piece in pieces if len(piece.terms[0]) > 1 or piece.terms[0].isdigit()]
        if len(whole) > 1:
            pieces.insert(0, _Piece((whole[:_LONGEST_TERM],), 1.5) if has_digit else _Piece((stem(whole),), 0.5))
    return tuple(pieces)


def _is_camel(part: str) -> bool:
    return part.isascii() and part.isalpha() and len(_ASCII_RUNS.findall(part)) > 1


def _is_joinable(compound: str) -> bool:
    return not re.search(f"['’]|[{_CJK}{_HANGUL}{_UNSPACED}]", compound)


def _cjk(run: str) -> Iterator[_Piece]:
    for first, second in zip(run, run[1:]):
        yield _Piece((first + second,), is_stop=first + second in STOP_PAIRS)
    for character in run:
        if len(run) == 1 or re.match(f"[{_HAN}]", character):
            yield _Piece((character,), 1.0 if len(run) == 1 else 0.4, character in STOP_PAIRS)


_PARTICLES = tuple(
    sorted(
        (
            "은 는 이 가 을 를 에 에서 에게 한테 께 의 와 과 랑 이랑 도 로 으로 만 까지 부터 보다 처럼 "
            "이나 나 요 입니다 이다 이에요 예요 인가요 하다 한다 합니다 했다 했습니다 하는 하고 하나요 "
            "해요 했어요 습니다 ㅂ니다 "
        ).split(),
        key=len,
        reverse=True,
    )
)


def _hangul(run: str) -> Iterator[_Piece]:
    word = next(
        (run[: -len(particle)] for particle in _PARTICLES if run.endswith(particle) and len(run) > len(particle)), run
    )
    is_stop = word in KOREAN_STOP_WORDS or run in KOREAN_STOP_WORDS
    if len(word) == 1:
        yield _Piece((word,), is_stop=is_stop)
    for first, second in zip(word, word[1:]):
        yield _Piece((first + second,), is_stop=is_stop)


def _unspaced(run: str) -> Iterator[_Piece]:
    if len(run) < 3:
        yield _Piece((run,))
    for start in range(len(run) - 2):
        yield _Piece((run[start : start + 3],), 0.5)


def _digits(run: str) -> Iterator[_Piece]:
    yield _Piece((run[:_LONGEST_TERM],))


def _letters(run: str) -> Iterator[_Piece]:
    word = run.lower() if run.isascii() else run.casefold()
    yield _Piece(forms(word[:_LONGEST_TERM]), is_stop=word in STOP_WORDS)


_READERS = {
    "cjk": _cjk,
    "hangul": _hangul,
    "unspaced": _unspaced,
    "digits": _digits,
    "camel": _letters,
    "letters": _letters,
}
