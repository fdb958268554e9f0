"""Measure how well a search finds, through the public API with default settings, and print tables.

python -m benchmarks.search development | frozen [--embedder MODULE:NAME] [--languages]

`PYTHONPATH=OTHER/src` measures another version of the SDK. `benchmarks/search/embedders.py` has embedders to compare.
The stores that the vectors are given to as well are in an environment that `python -m benchmarks.environment` makes.
"""

from __future__ import annotations

import argparse
import importlib
import json
import warnings
from typing import Any, Iterator, Optional

from benchmarks.processes import ROOT
from benchmarks.search.memories import Found, Memories, Unrelated
from benchmarks.search.stores import ranked_by_stores
from benchmarks.search.texts import CONVERSATIONS, Language, Text, codes, conversation, languages

_PARAPHRASES = {
    "development": ROOT / "packages" / "statebase-minilm" / "development.json",
    "frozen": ROOT / "tests" / "local" / "data" / "paraphrases.json",
}


def main() -> None:
    """Measure a half and print it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.search")
    parser.add_argument("half", choices=sorted(CONVERSATIONS))
    parser.add_argument("--embedder", metavar="MODULE:NAME", help="an embedder other than the default one")
    parser.add_argument("--languages", action="store_true", help="only the facts in twelve languages")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    embedder = _embedder(options.embedder)
    if not options.languages:
        _print_texts(options.half, embedder)
    _print_languages(languages(options.half), embedder)
    if not options.languages:
        _print_stores(options.half, embedder)


def _embedder(name: Optional[str]) -> Any:
    if name is None:
        return None
    module, _, attribute = name.partition(":")
    return getattr(importlib.import_module(module), attribute)()


def _texts(half: str) -> Iterator[tuple[str, list[Text], list[Text], list[str]]]:
    """Yield the texts of a half, except those in many languages: a name, memories, questions, unrelated questions."""
    conversations = {name: conversation(name) for name in CONVERSATIONS[half]}
    paraphrases = json.loads(_PARAPHRASES[half].read_text("utf-8"))
    general = [pair["query"] for pair in paraphrases["pairs"]]
    for name, texts in conversations.items():
        others = [
            question.text for other, text in conversations.items() if other != name for question in text.questions
        ]
        yield f"{name}, turns", texts.turns, texts.questions, [*general, *others]
        yield f"{name}, facts", texts.facts, texts.questions, [*general, *others]
    facts = [Text(pair["fact"], frozenset([pair["fact"]])) for pair in paraphrases["pairs"]]
    facts += [Text(text, frozenset()) for text in paraphrases["distractors"]]
    asked = [Text(pair["query"], frozenset([pair["fact"]])) for pair in paraphrases["pairs"]]
    strangers = [question.text for text in conversations.values() for question in text.questions]
    yield "paraphrases", facts, asked, strangers
    notes, queries = codes(half)
    asked = [Text(query, frozenset([note])) for query, note in queries]
    yield "codes, names, numbers", [Text(note, frozenset([note])) for note in notes], asked, general


def _print_texts(half: str, embedder: Any) -> None:
    _head("", "R@1", "R@5", "answered", "rightly", "drift", "unrelated: pairs", "questions", "drift")
    for name, memories, questions, unrelated in _texts(half):
        _row(name, Memories(memories, embedder), questions, unrelated)
    for name, language in languages(half).items():
        _row(f"facts, {name}", Memories(language.facts, embedder), language.questions, language.unrelated)


def _row(name: str, memories: Memories, questions: list[Text], unrelated: list[str]) -> None:
    found: Found = memories.found(questions)
    other: Unrelated = memories.unrelated(unrelated)
    figures = [f"{value:.2f}" for value in found]
    _line(name, *figures, f"{other.pairs:.3f}", f"{other.questions:.2f}", f"{other.drift:.2f}")


def _print_languages(texts: dict[str, Language], embedder: Any) -> None:
    asked = ("same words", "other words", "in English")
    _head("", *(f"{kind}: {figure}" for kind in asked for figure in ("R@1", "R@5", "rightly")), "unrelated: pairs")
    for name, language in texts.items():
        memories = Memories(language.facts, embedder)
        figures = []
        for questions in (language.questions, language.reworded, texts["en"].questions):
            found = memories.found(questions)
            figures += [f"{found.first:.2f}", f"{found.among_five:.2f}", f"{found.rightly:.2f}"]
        _line(name, *figures, f"{memories.unrelated(language.unrelated).pairs:.3f}")


def _print_stores(half: str, embedder: Any) -> None:
    """Print what stores of vectors find that are given the same vectors, beside this SDK."""
    named = [*_texts(half)]
    ranked = ranked_by_stores([(memories, questions) for _, memories, questions, _ in named], embedder)
    _head("", *(f"{name}: {figure}" for name in ("statebase", *ranked) for figure in ("R@1", "R@5")))
    for number, (name, memories, questions, _) in enumerate(named):
        found = Memories(memories, embedder).found(questions)
        figures = [f"{found.first:.2f}", f"{found.among_five:.2f}"]
        for orders in ranked.values():
            for limit in (1, 5):
                hits = [
                    any(memories[index].labels & question.labels for index in order[:limit])
                    for question, order in zip(questions, orders[number])
                ]
                figures.append(f"{sum(hits) / len(hits):.2f}")
        _line(name, *figures)


def _head(*columns: str) -> None:
    print()
    _line(*columns)
    print("|---" * len(columns) + "|")


def _line(*cells: str) -> None:
    print(f"| {' | '.join(cells)} |".replace("|  |", "| |"), flush=True)


if __name__ == "__main__":
    main()
