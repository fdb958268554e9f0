"""Words without their endings, by the script that they are written in."""

from __future__ import annotations

from .porter import stem

_CYRILLIC_ENDINGS = tuple(
    sorted(
        (
            "иями ями ами иях ях ах иеи иям ием иев ого его ому ему ыми ими ыи ии ои еи ая яя ое ее ые ие ую юю ов ев "
            "ам ям ом ем ешь ишь ется ится ются утся ает яет уют ают яют ет ит ют ут ат ят ала яла ила ела ало ило "
            "али или ал ил ла ло ли ать ить еть ять ть ся сь а е и о у ы э ю я ь"
        ).split(),
        key=len,
        reverse=True,
    )
)
_ARABIC_STARTS = ("وال", "بال", "كال", "فال", "لل", "ال")
_ARABIC_ENDS = ("ها", "ان", "ات", "ون", "ين", "يه", "هم", "ه", "ي")
_HEBREW_STARTS = ("וה", "שה", "בה", "לה", "מה", "ה", "ו", "ב", "ל", "מ", "ש", "כ")
_HEBREW_ENDS = ("ים", "ות", "יה", "ה")
_INDIC_SIGNS = "".join(map(chr, (*range(0x93A, 0x94D), *range(0x900, 0x904), *range(0x962, 0x964))))


def forms(word: str) -> tuple[str, ...]:
    """Return a word without its ending; in scripts whose words may have more than one, all of them."""
    first = word[:1]
    if first.isascii() or first < "\u0370":
        return (stem(word),)
    if "\u0400" <= first <= "\u052f":
        return (_without_end(word, _CYRILLIC_ENDINGS, 3),)
    if "\u0590" <= first <= "\u05ff":
        shorter = _without_start(word, _HEBREW_STARTS, 3)
        return tuple(dict.fromkeys((_without_end(word, _HEBREW_ENDS, 3), _without_end(shorter, _HEBREW_ENDS, 3))))
    if "\u0600" <= first <= "\u06ff":
        return (_without_end(_without_start(word, _ARABIC_STARTS, 3), _ARABIC_ENDS, 3),)
    if "\u0900" <= first <= "\u0dff":
        return (word.rstrip(_INDIC_SIGNS) or word,)
    return (word,)


def _without_end(word: str, endings: tuple[str, ...], at_least: int) -> str:
    for ending in endings:
        if word.endswith(ending) and len(word) - len(ending) >= at_least:
            return word[: -len(ending)]
    return word


def _without_start(word: str, starts: tuple[str, ...], at_least: int) -> str:
    for start in starts:
        if word.startswith(start) and len(word) - len(start) >= at_least:
            return word[len(start) :]
    return word
