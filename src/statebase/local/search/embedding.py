"""The choice of an embedder: that of `statebase[local]`, or one of the user's own."""

from __future__ import annotations

import functools
import inspect
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Callable, Optional, Sequence, Union

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vectors = Union[Sequence[Sequence[float]], NDArray[np.floating[Any]]]
from .embedder import Embedder, Kind

_INSTALL = 'pip install "statebase[local]"'


EmbedderLike = Union[Embedder, Callable[[Sequence[str]], Any]]
"""An embedder, or a plain function of texts to vectors."""


def default_embedder() -> Optional[Embedder]:
    """Return the embedder of `statebase[local]`, or None where that is not installed."""
    if find_spec("numpy") is None or find_spec("statebase_minilm") is None:
        return None
    return _minilm()


def as_embedder(embedder: Optional[EmbedderLike]) -> Optional[Embedder]:
    """Return what the user gave as an embedder.

    Args:
        embedder: An embedder; a function of texts to vectors, whose id is its attribute `id` or else its full name;
            or None for the default.

    Returns:
        The embedder; None if none was given and there is no default.

    Raises:
        ImportError: If one was given, but numpy is not installed.
        TypeError: If it is neither an embedder nor such a function.
    """
    if embedder is None:
        return default_embedder()
    if find_spec("numpy") is None:
        raise ImportError(f"Searching with an embedder needs numpy: {_INSTALL}")
    if isinstance(embedder, Embedder):
        _require_id(embedder.id, embedder)
        _refuse_coroutine(embedder.embed)
        return embedder
    if callable(embedder):
        return _Function(embedder)
    raise TypeError(
        "embedder must be a function that takes a list of texts and returns their vectors, or have `id` and"
        f" `embed(texts, kind)`, got {_name(embedder)}."
    )


class _Function:
    """A function of texts as an embedder."""

    def __init__(self, function: Callable[[Sequence[str]], Vectors]) -> None:
        _refuse_coroutine(function)
        name = getattr(function, "__qualname__", None)
        self.id: str = getattr(function, "id", None if name is None else f"{function.__module__}.{name}") or ""
        self._function = function
        _require_id(self.id, function)

    def embed(self, texts: Sequence[str], kind: Kind) -> Vectors:
        """Call the function, which does not care for the kind."""
        return self._function(texts)


@functools.lru_cache(maxsize=1)
def _minilm() -> Embedder:
    # Not at the top: it imports numpy, which must stay optional.
    from .minilm import MiniLM

    return MiniLM()


def _require_id(identifier: object, embedder: object) -> None:
    if not isinstance(identifier, str) or not identifier:
        raise TypeError(
            "embedder must have an attribute `id`, a non-empty string that names its model, "
            f"got {_name(embedder)} without one."
        )


def _refuse_coroutine(function: object) -> None:
    if inspect.iscoroutinefunction(function):
        raise TypeError(
            f"embedder must return vectors, but {_name(function)} is a coroutine function: pass a plain function."
        )


def _name(value: object) -> str:
    """Return what a message calls a value: its name, never what it holds."""
    return getattr(value, "__qualname__", None) or type(value).__name__
