"""The memories of one user, and what is counted when they are searched."""

from __future__ import annotations

from typing import Any, Iterable, NamedTuple, Sequence

from benchmarks.search.texts import Text
from statebase import StateBase


class Found(NamedTuple):
    """Results of questions that the memories answer, each as a part of all questions."""

    first: float
    """The right memory came first."""
    among_five: float
    answered: float
    """A memory passed the default threshold."""
    rightly: float
    """The right memory passed the default threshold."""
    drift: float
    """`drift_warning` was set."""


class Unrelated(NamedTuple):
    """Results of questions about something else."""

    pairs: float
    """Pairs of a question and a memory that passed the default threshold, as a part of all pairs."""
    questions: float
    """Questions for which at least one memory passed."""
    drift: float


class Memories:
    """A store with the memories of one user."""

    def __init__(self, texts: Iterable[Text], embedder: Any = None) -> None:
        self.client = StateBase.local(embedder=embedder) if embedder else StateBase.local()
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
