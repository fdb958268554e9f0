"""The results of a search for memories."""

from __future__ import annotations

from typing import Any, Iterator, List, Sequence, Union, overload

from .._generated import models

# pydantic resolves inherited annotations in the module of the class, so it needs these names.
from .._generated.models import MemorySearchResult


class SearchResults(models.MemorySearchResponse, Sequence[MemorySearchResult]):
    """The memories found by a search, best first: a sequence with the attribute `query`."""

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
        """Return a result, a slice of the results, or (for a string) a field of the response."""
        return super().__getitem__(key) if isinstance(key, str) else self.data[key]
