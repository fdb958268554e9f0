"""BERT's tokenizer (uncased), as its vocabulary expects it: text to the numbers of its pieces."""

from __future__ import annotations

import unicodedata
from typing import Sequence

_LONGEST_WORD = 100
"""BERT takes a word of more characters for unknown: here it is cut into pieces of so many."""
_CACHED_WORDS = 50_000
_LONGEST_READ = 800
"""Characters of a word that are embedded: a longer one is data, and would take seconds."""
_IDEOGRAPHS = (
    (0x4E00, 0x9FFF),
    (0x3400, 0x4DBF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F),
    (0x2B820, 0x2CEAF),
    (0xF900, 0xFAFF),
    (0x2F800, 0x2FA1F),
)


class WordPiece:
    """Splits text into the pieces of a vocabulary, each word greedily from its start."""

    def __init__(self, vocabulary: Sequence[str]) -> None:
        self._numbers = {piece: number for number, piece in enumerate(vocabulary)}
        self.unknown = self._numbers["[UNK]"]
        """The number of a piece that is not in the vocabulary."""
        self._longest = max(map(len, vocabulary))
        self._normal = _Normal()
        self._cache: dict[str, list[int]] = {}

    def encode(self, text: str) -> list[int]:
        """Return the numbers of the text's pieces, without `[CLS]` and `[SEP]`."""
        numbers: list[int] = []
        cache = self._cache
        for word in text.translate(self._normal).split():
            pieces = cache.get(word)
            if pieces is None:
                if len(cache) >= _CACHED_WORDS:
                    cache.clear()
                pieces = self._split_long(word)
                if len(word) <= _LONGEST_WORD:
                    cache[word] = pieces
            numbers += pieces
        return numbers

    def known_part(self, text: str) -> float:
        """Return what part of the letters belongs to words that the vocabulary holds whole: 0..1.

        Of a text in the language of the vocabulary it is most, of one in another language little. Characters that the
        tokenizer takes for words of their own do not count.
        """
        known = letters = 0
        for word in text.translate(self._normal).split():
            if any(character.isalpha() for character in word):
                letters += len(word)
                known += len(word) if word in self._numbers and not _is_ideograph(word[0]) else 0
        return known / letters if letters else 1.0

    def _split_long(self, word: str) -> list[int]:
        return [
            piece
            for start in range(0, min(len(word), _LONGEST_READ), _LONGEST_WORD)
            for piece in self._split(word[start : start + _LONGEST_WORD])
        ]

    def _split(self, word: str) -> list[int]:
        pieces: list[int] = []
        start = 0
        while start < len(word):
            prefix = "##" if start else ""
            for end in range(min(len(word), start + self._longest), start, -1):
                number = self._numbers.get(prefix + word[start:end])
                if number is not None:
                    break
            else:
                return [self.unknown]
            pieces.append(number)
            start = end
        return pieces


class _Normal(dict[int, str]):
    """The replacement of each character for `str.translate`: in lower case, without accents, spaces around punctuation.

    It fills itself as characters are met. That each character is looked at alone is exact: what BERT does to one never
    depends on its neighbours.
    """

    def __missing__(self, code: int) -> str:
        text = self[code] = _normal(chr(code))
        return text


def _normal(character: str) -> str:
    if character == "\ufffd" or _is_control(character):
        return ""
    if character.isspace():
        return " "
    plain = "".join(part for part in unicodedata.normalize("NFD", character) if unicodedata.category(part) != "Mn")
    # Lower case one by one: in a whole word Python would write a sigma at its end differently.
    lower = "".join(part.lower() for part in plain)
    if _is_ideograph(character):
        return f" {lower} "
    return "".join(f" {part} " if _is_punctuation(part) else part for part in lower)


def _is_ideograph(character: str) -> bool:
    return any(first <= ord(character) <= last for first, last in _IDEOGRAPHS)


def _is_control(character: str) -> bool:
    return character not in "\t\n\r" and unicodedata.category(character) in ("Cc", "Cf", "Co", "Cs")


def _is_punctuation(character: str) -> bool:
    # All that ASCII has beside letters, digits and space counts as punctuation, also what Unicode calls a symbol: $ + ^
    if character.isascii():
        return character.isprintable() and not character.isalnum() and character != " "
    return unicodedata.category(character).startswith("P")
