"""Which script a text is written in."""

from __future__ import annotations

from typing import Iterable


def script_of(terms: Iterable[str]) -> str:
    """Return the script that most of the terms are written in; latin for none."""
    counts: dict[str, int] = {}
    for term in terms:
        if not term.isascii():
            script = next((name for last, name in _SCRIPTS if term[0] <= last), "other")
            counts[script] = counts.get(script, 0) + 1
        elif term[0].isalpha():
            counts["latin"] = counts.get("latin", 0) + 1
    return max(counts, key=counts.__getitem__, default="latin")


_SCRIPTS = (
    ("\u036f", "latin"),
    ("\u03ff", "greek"),
    ("\u052f", "cyrillic"),
    ("\u058f", "other"),
    ("\u05ff", "hebrew"),
    ("\u08ff", "arabic"),
    ("\u0dff", "indic"),
    ("\u0eff", "thai"),
    ("\u1e00", "other"),
    ("\u1eff", "latin"),
    ("\u1fff", "greek"),
    ("\u2e7f", "other"),
    ("\u9fff", "cjk"),
    ("\uabff", "other"),
    ("\ud7a3", "hangul"),
    ("\U0001ffff", "other"),
    ("\U0003ffff", "cjk"),
)
"""Scripts by the last character of each range."""
