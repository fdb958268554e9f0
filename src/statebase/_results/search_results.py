"""The results of a search for memories."""

from __future__ import annotations

from typing import Any, Iterator, List, Sequence, Union, overload

from .._generated import models

# pydantic looks up the names in annotations that a class inherits where the class stands, so these stand here.
from .._generated.models import MemorySearchResult


class SearchResults(models.MemorySearchResponse, Sequence[MemorySearchResult]):
    """Memories that fit a query, best first: a sequence that also knows its `query`."""

    def __len__(self) -> int:
        return len(self.data)

    def __iter__(self) -> Iterator[MemorySearchResult]:  # type: ignore[override]  # a model iterates over fields
        return iter(self.data)

    def __contains__(self, item: object) -> bool:
        return item in self.data

    @overload
    def __getitem__(self, key: int) -> MemorySearchResult: ...
    @overload
    def __getitem__(self, key: slice) -> List[MemorySearchResult]: ...
    @overload
    def __getitem__(self, key: str) -> Any: ...
    def __getitem__(self, key: Union[int, slice, str]) -> Any:
        """Return a result, a slice of them, or (by text) a field of the answer."""
        return super().__getitem__(key) if isinstance(key, str) else self.data[key]
