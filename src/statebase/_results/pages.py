"""Pages of lists, and their iteration."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import (
    TYPE_CHECKING,
    Any,
    AsyncIterator,
    Awaitable,
    Callable,
    Dict,
    FrozenSet,
    Generic,
    Iterator,
    List,
    Mapping,
    Optional,
    Sequence,
    Tuple,
    TypeVar,
    Union,
    cast,
    overload,
)

from .._base.errors import APIResponseValidationError, StateBaseError
from .._base.model import Model
from .._base.model_repr import short
from .._base.operation import Cursor

if TYPE_CHECKING:
    from typing_extensions import Self

T = TypeVar("T")
P = TypeVar("P")

_NO_IDS: FrozenSet[object] = frozenset()


def _id(item: Any) -> object:
    return item.id


def _does_not_go_on(cursor: Cursor) -> APIResponseValidationError:
    return APIResponseValidationError(
        f"Pagination stopped: for {cursor.parameter} the service returned items of earlier pages, or none. "
        "The items before this point are complete; report this to the service."
    )


class _Page(Sequence[T], Generic[T, P]):
    """The shared part of both kinds of pages: the items, and the position of the next page."""

    def __init__(
        self,
        answer: Model,
        cursor: Optional[Cursor],
        fetch: Optional[Callable[[Any, Mapping[str, object]], P]] = None,
        before: Optional[_Page[T, P]] = None,
    ) -> None:
        if cursor is None:
            raise TypeError("the operation does not return a page")
        came: List[T] = answer["data"]
        known: set[object] = set() if before is None else {*map(_id, before), *before._ids_at_end}
        self._cursor = cursor
        self._fetch = fetch
        self._came = len(came)
        self._items = [item for item in came if _id(item) not in known]
        self._answer = answer if len(self._items) == len(came) else answer.model_copy(update={"data": self._items})
        self._asked: frozenset[object] = frozenset() if before is None else before._asked | {before._next()}
        self._ids_at_end: frozenset[object] = self._of_the_last_moment(before)
        if before is not None and self.has_more and self._turns_back(before):
            raise _does_not_go_on(cursor)

    @property
    def has_more(self) -> bool:
        """Whether the list continues after this page."""
        return bool(self._answer["has_more"])

    @property
    def data(self) -> list[T]:
        """The items of this page."""
        return list(self._items)

    def _next(self) -> object:
        """Return the value of the query parameter for the next page."""
        value = cast(Any, self._items[-1])[self._cursor.field]
        # A time is an exclusive bound: add a microsecond, so that no item with the same time is lost.
        return value + timedelta(microseconds=1) if isinstance(value, datetime) else value

    def _of_the_last_moment(self, before: Optional[_Page[T, P]]) -> frozenset[object]:
        """Return the ids of the items that the next page will repeat; empty if the list has a cursor."""
        if not self._items or not isinstance(self._next(), datetime):
            return _NO_IDS
        earlier = before._ids_at_end if before is not None and before._next() == self._next() else _NO_IDS
        field = self._cursor.field
        last = cast(Any, self._items[-1])[field]
        return earlier | {_id(item) for item in self._items if cast(Any, item)[field] == last}

    def _turns_back(self, before: _Page[T, P]) -> bool:
        if not self._items:
            return True
        following = self._next()
        if isinstance(following, datetime):
            return following > cast(datetime, before._next())
        return following in self._asked

    def _following(self) -> Optional[P]:
        if not self.has_more:
            return None
        if not self._items:
            raise _does_not_go_on(self._cursor)
        if self._fetch is None:
            raise StateBaseError("This page was copied or unpickled and has no client: list again to go on")
        more: Dict[str, object] = {self._cursor.parameter: self._next()}
        if len(self._ids_at_end) >= self._came:  # a page of this size would only contain items with the same time
            more["limit"] = len(self._ids_at_end) + self._came
        return self._fetch(self, more)

    def _first(self, most: Optional[int]) -> Tuple[List[T], Optional[int]]:
        """Return the items to iterate over, and the number of further items allowed."""
        items = self._items if most is None else self._items[: max(most, 0)]
        return items, None if most is None else max(most, 0) - len(items)

    def __len__(self) -> int:
        return len(self._items)

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> list[T]: ...
    @overload
    def __getitem__(self, index: str) -> Any: ...
    def __getitem__(self, index: Union[int, slice, str]) -> Any:
        """Return an item, a slice, or (for a string, as in statebase 0.4) a field of the response."""
        if isinstance(index, str):
            return self.data if index == "data" else self._answer[index]
        return self._items[index]

    def get(self, field: str, default: Any = None) -> Any:
        """Return a field of the response, such as `first_id`, or `default` if there is no such field."""
        return self[field] if field in self._answer else default

    def keys(self) -> Iterator[str]:
        """Iterate over the names of the response's fields, so that `dict(page)` and `{**page}` work, as in 0.4."""
        return self._answer.keys()

    def __contains__(self, item: object) -> bool:
        """Return whether the page contains an item, or (for a string, as in 0.4) the response contains a field."""
        return item in (self._answer if isinstance(item, str) else self._items)

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self.__dict__["_answer"] == other.__dict__["_answer"]

    __hash__ = None  # type: ignore[assignment]  # a page is a list: it can be compared, not hashed

    def __repr__(self) -> str:
        return f"{type(self).__name__}({short(self._items)}, has_more={self.has_more})"

    def _repr_html_(self) -> str:
        from .html import page_html  # only notebooks need it

        return page_html(self._items, self.has_more)

    def __reduce__(self) -> Any:
        return type(self), (self._answer, self._cursor)


class Page(_Page[T, "Page[T]"]):
    """A page of a list: a sequence of its items that can fetch what follows.

    Example:
        >>> turns = client.sessions.ingest(session.id, [("hi", "hello"), ("bye", "see you")])
        >>> page = client.sessions.list_turns(session.id, limit=1, order="asc")
        >>> len(page), page[0].input_preview, page.has_more
        (1, 'hi', True)
        >>> [turn.input_preview for turn in page.auto_paging_iter()]
        ['hi', 'bye']
    """

    def next_page(self) -> Optional[Self]:
        """Fetch the page after this one.

        Returns:
            The next page, or None if this is the last one.

        Raises:
            APIResponseValidationError: The service returned the same items again.
        """
        return cast("Optional[Self]", self._following())

    def auto_paging_iter(self, max_items: Optional[int] = None) -> Iterator[T]:
        """Iterate over this page and all that follow, fetching each when it is reached.

        Args:
            max_items: Stop after so many items; None for all.

        Raises:
            APIResponseValidationError: The service returned the same items again; the items before are complete.
        """
        page: Optional[Page[T]] = self
        while page is not None:
            items, max_items = page._first(max_items)
            yield from items
            page = None if max_items == 0 else page.next_page()


class AsyncPage(_Page[T, Awaitable["AsyncPage[T]"]]):
    """A page of a list: a sequence of its items that can fetch what follows.

    Example:
        >>> turns = await client.sessions.ingest(session.id, [("hi", "hello"), ("bye", "see you")])
        >>> page = await client.sessions.list_turns(session.id, limit=1, order="asc")
        >>> len(page), page[0].input_preview, page.has_more
        (1, 'hi', True)
        >>> [turn.input_preview async for turn in page.auto_paging_iter()]
        ['hi', 'bye']
    """

    async def next_page(self) -> Optional[Self]:
        """Fetch the page after this one.

        Returns:
            The next page, or None if this is the last one.

        Raises:
            APIResponseValidationError: The service returned the same items again.
        """
        following = self._following()
        return None if following is None else cast("Self", await following)

    async def auto_paging_iter(self, max_items: Optional[int] = None) -> AsyncIterator[T]:
        """Iterate over this page and all that follow, fetching each when it is reached.

        Args:
            max_items: Stop after so many items; None for all.

        Raises:
            APIResponseValidationError: The service returned the same items again; the items before are complete.
        """
        page: Optional[AsyncPage[T]] = self
        while page is not None:
            items, max_items = page._first(max_items)
            for item in items:
                yield item
            page = None if max_items == 0 else await page.next_page()
