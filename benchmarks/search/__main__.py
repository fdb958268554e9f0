"""Measure how well a search finds, through the public API with default settings, and print a table.

python -m benchmarks.search development | frozen

`PYTHONPATH=OTHER/src` measures another version of the SDK.
"""

from __future__ import annotations

import argparse
import json
import warnings
from pathlib import Path
from typing import Iterable, NamedTuple, Sequence

from benchmarks.search.texts import CONVERSATIONS, Text, codes, conversation, languages
from statebase import StateBase

_ROOT = Path(__file__).resolve().parents[2]
_PARAPHRASES = {
    "development": _ROOT / "packages" / "statebase-minilm" / "development.json",
    "frozen": _ROOT / "tests" / "local" / "data" / "paraphrases.json",
}


class Found(NamedTuple):
    """What was found for some questions about what a store holds."""

    first: float
    """Of so many the right memory came first."""
    among_five: float
    answered: float
    """So many got an answer at the default threshold."""
    rightly: float
    """So many got the right one."""
    drift: float
    """For so many `drift_warning` was set."""


class Unrelated(NamedTuple):
    """What was found for questions about something else."""

    pairs: float
    """Of all pairs of a question and a memory, so many passed the default threshold."""
    questions: float
    """For so many questions at least one memory passed."""
    drift: float


class Memories:
    """The memories of one user."""

    def __init__(self, texts: Iterable[Text]) -> None:
        self.client = StateBase.local()
        self.session_id = self.client.sessions.create("benchmark", user_id="user").id
        self.texts = {self.client.memory.add(text.text, session_id=self.session_id).id: text for text in texts}

    def found(self, questions: Sequence[Text]) -> Found:
        """Ask questions that the memories answer."""
        counts = [0, 0, 0, 0, 0]
        for question in questions:
            results = self.client.memory.search(question.text, self.session_id, threshold=0.0, top_k=50)
            hits = [bool(self.texts[result.id].labels & question.labels) for result in results]
            counts[0] += any(hits[:1])
            counts[1] += any(hits[:5])
            counts[2] += any(result.score >= 0.7 for result in results)
            counts[3] += any(hit and result.score >= 0.7 for hit, result in zip(hits, results))
            counts[4] += self._drifts(question.text)
        return Found(*(count / len(questions) for count in counts))

    def unrelated(self, questions: Sequence[str]) -> Unrelated:
        """Ask questions about something else."""
        passed = [len(self.client.memory.search(question, self.session_id, top_k=50)) for question in questions]
        drift = sum(map(self._drifts, questions)) / len(questions)
        pairs = sum(passed) / len(questions) / len(self.texts)
        return Unrelated(pairs, sum(map(bool, passed)) / len(questions), drift)

    def _drifts(self, question: str) -> bool:
        return self.client.state.get_context(self.session_id, question).drift_warning


def main() -> None:
    """Measure a half and print it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.search")
    parser.add_argument("half", choices=sorted(CONVERSATIONS))
    half = parser.parse_args().half
    warnings.simplefilter("ignore")
    print("| | R@1 | R@5 | answered | rightly | drift | unrelated: pairs | questions | drift |")
    print("|---|---|---|---|---|---|---|---|---|")
    conversations = {name: conversation(name) for name in CONVERSATIONS[half]}
    paraphrases = json.loads(_PARAPHRASES[half].read_text("utf-8"))
    general = [pair["query"] for pair in paraphrases["pairs"]]
    for name, texts in conversations.items():
        others = [
            question.text for other, text in conversations.items() if other != name for question in text.questions
        ]
        for kind, memories in (("turns", Memories(texts.turns)), ("facts", Memories(texts.facts))):
            _print(f"{name}, {kind}", memories.found(texts.questions), memories.unrelated([*general, *others]))
    facts = [Text(pair["fact"], frozenset([pair["fact"]])) for pair in paraphrases["pairs"]]
    memories = Memories([*facts, *(Text(text, frozenset()) for text in paraphrases["distractors"])])
    asked = [Text(pair["query"], frozenset([pair["fact"]])) for pair in paraphrases["pairs"]]
    strangers = [question.text for text in conversations.values() for question in text.questions]
    _print("paraphrases", memories.found(asked), memories.unrelated(strangers))
    notes, queries = codes(half)
    memories = Memories(Text(note, frozenset([note])) for note in notes)
    asked = [Text(query, frozenset([note])) for query, note in queries]
    _print("codes, names, numbers", memories.found(asked), memories.unrelated(general))
    for name, language in languages(half).items():
        memories = Memories(language.facts)
        _print(f"facts, {name}", memories.found(language.questions), memories.unrelated(language.unrelated))


def _print(name: str, found: Found, unrelated: Unrelated) -> None:
    print(f"| {name} | {' | '.join(f'{value:.2f}' for value in found)} |", end="")
    print(f" {unrelated.pairs:.3f} | {unrelated.questions:.2f} | {unrelated.drift:.2f} |", flush=True)


if __name__ == "__main__":
    main()
