"""The interface of embedders."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Protocol, Sequence, Union, runtime_checkable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vectors = Union[Sequence[Sequence[float]], NDArray[np.floating[Any]]]


Kind = Literal["query", "document"]


@runtime_checkable
class Embedder(Protocol):
    """Turns texts into vectors whose cosines say how close the texts are in meaning."""

    @property
    def id(self) -> str:
        """Identifies the vector space; another model, or another version of it, has another id."""
        ...

    def embed(self, texts: Sequence[str], kind: Kind) -> Vectors:
        """Return one vector for each text, all of the same length; they need not be scaled.

        Args:
            texts: 1 to 64 texts. May be called from several threads at once.
            kind: What the texts are, for models that treat questions and what they are asked of differently.
        """
        ...
