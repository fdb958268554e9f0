"""Removal of differences that do not tell words apart: accents, vowel points, forms of one letter."""

from __future__ import annotations

import unicodedata

_LETTERS = {
    **dict(zip("ıłøđħŧəʻʼ", "ilodhte  ")),
    "ß": "ss",
    "æ": "ae",
    "œ": "oe",
    "þ": "th",
    "ð": "d",
    "Ł": "L",
    "Ø": "O",
    "Đ": "D",
    "Æ": "AE",
    "Œ": "OE",
    # Arabic: forms of a letter that people write one for another, and the stroke that only stretches a word.
    "ة": "ه",
    "ى": "ي",
    "ی": "ي",
    "ک": "ك",
    "ـ": "",
}


def folded(text: str) -> str:
    """Return a text without accents, points and marks that do not tell words apart, in the same case."""
    if text.isascii():
        return text
    return unicodedata.normalize("NFC", unicodedata.normalize("NFKD", text).translate(_folding))


class _Folding(dict[int, str]):
    """The replacement of each character for `str.translate`, computed when the character first occurs."""

    def __missing__(self, code: int) -> str:
        text = self[code] = _folded(chr(code))
        return text


def _folded(character: str) -> str:
    known = _LETTERS.get(character)
    if known is not None:
        return known
    category = unicodedata.category(character)
    if category == "Nd":
        return str(unicodedata.decimal(character))
    if category == "Cf":
        return ""
    # Points of Hebrew and Arabic, and accents; but not the vowel signs and tones of India, Thailand and Japan.
    kind = unicodedata.combining(character)
    return "" if 10 <= kind <= 36 or kind >= 200 else character


_folding = _Folding()
