"""Pages of lists, and their iteration."""

from __future__ import annotations

import inspect
import sys
import warnings
from datetime import datetime, timedelta
from typing import (
    TYPE_CHECKING,
    Any,
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    Dict,
    FrozenSet,
    Generator,
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

from .._base.errors import APIResponseValidationError, InvalidRequestError, StateBaseError
from .._base.model import Model
from .._base.model_repr import short
from .._base.operation import Cursor

if TYPE_CHECKING:
    from typing_extensions import Self

T = TypeVar("T")
P = TypeVar("P")
F = TypeVar("F", bound=Callable[..., Any])

_NO_IDS: FrozenSet[object] = frozenset()


class MorePagesWarning(UserWarning):
    """A loop over a page reached its end, the list goes on, and nothing asked for the rest.

    Use `page.auto_paging_iter()` for the whole list, or pass `limit` for one page of that size.
    """


def _id(item: Any) -> object:
    return item.id


def _does_not_go_on(cursor: Cursor) -> APIResponseValidationError:
    return APIResponseValidationError(
        f"Pagination stopped: for {cursor.parameter} the service returned items of earlier pages, or none. "
        "The items before this point are complete; report this to the service."
    )


class _Page(Sequence[T], Generic[T, P]):
    """The shared part of both kinds of pages: the items, and the position of the next page."""

    _ended_at: Optional[Dict[str, Any]] = None
    """The place of a loop that went through all items, where a warning is due if nothing asks for the rest."""

    def __init__(
        self,
        answer: Model,
        cursor: Optional[Cursor],
        fetch: Optional[Callable[[Any, Mapping[str, object]], P]] = None,
        before: Optional[_Page[T, P]] = None,
        *,
        is_expected: bool = True,
    ) -> None:
        if cursor is None:
            raise TypeError("the operation does not return a page")
        came: List[T] = answer["data"]
        known: set[object] = set() if before is None else {*map(_id, before), *before._ids_at_end}
        self._cursor = cursor
        self._fetch = fetch
        self._is_expected = is_expected
        """Whether the caller knows that this is one page: it passed a limit, or asked for what follows."""
        self._came = len(came)
        self._items = [item for item in came if _id(item) not in known]
        self._answer = answer if len(self._items) == len(came) else answer.model_copy(update={"data": self._items})
        self._asked: frozenset[object] = frozenset() if before is None else before._asked | {before._next()}
        self._ids_at_end: frozenset[object] = self._of_the_last_moment(before)
        if before is not None and self._goes_on and self._turns_back(before):
            raise _does_not_go_on(cursor)

    @property
    def _goes_on(self) -> bool:
        return bool(self._answer["has_more"])

    @property
    def has_more(self) -> bool:
        """Whether the list continues after this page."""
        self._is_expected = True
        return self._goes_on

    @property
    def next_cursor(self) -> Optional[str]:
        """The position of the next page, None if this is the last one.

        Pass it as `starting_after` to continue the list later, or in another process; for `traces.list` as `end_time`,
        in RFC 3339. That page can repeat traces of the same microsecond as the last one here.

        Raises:
            APIResponseValidationError: The page has no items, but the service says that the list continues.
        """
        if not self.has_more:
            return None
        if not self._items:
            raise _does_not_go_on(self._cursor)
        following = self._next()
        return following.isoformat() if isinstance(following, datetime) else str(following)

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
        """Return the items to iterate over, and the number of further items allowed.

        Raises:
            InvalidRequestError: The number is not an integer.
        """
        if most is not None and type(most) is not int:
            raise InvalidRequestError(f"max_items must be an integer, got {type(most).__name__}", param="max_items")
        self._is_expected = True
        items = self._items if most is None else self._items[: max(most, 0)]
        return items, None if most is None else max(most, 0) - len(items)

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[T]:
        """Iterate over the items of this page only.

        Warns:
            MorePagesWarning: The list goes on after the last item, the call had no `limit`, and nothing asked the page
                for more before it was dropped.
        """
        yield from self._items
        if not self._is_expected and self._goes_on:
            frame = sys._getframe(1)
            self._ended_at = {
                "filename": frame.f_code.co_filename,
                "lineno": frame.f_lineno,
                "module": frame.f_globals.get("__name__"),
                "registry": frame.f_globals.setdefault("__warningregistry__", {}),
            }

    def __del__(self) -> None:
        # As for a coroutine that was never awaited: only now it is clear that nobody asks for the rest.
        if self._ended_at is not None and not self._is_expected:
            message = (
                f"This loop ended after the first {len(self._items)} items of a list that goes on: use "
                "page.auto_paging_iter() for all, or pass limit for one page"
            )
            warnings.warn_explicit(message, MorePagesWarning, **self._ended_at)

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
        return f"{type(self).__name__}({short(self._items)}, has_more={self._goes_on})"

    def _repr_html_(self) -> str:
        from .html import page_html  # only notebooks need it

        return page_html(self._items, self._goes_on)

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

    def to_list(self, max_items: Optional[int] = None) -> List[T]:
        """Return the items of this page and of all that follow, as a list.

        Args:
            max_items: The most items to return; None for all. A negative number counts as 0.

        Raises:
            APIResponseValidationError: The service returned the same items again.
            InvalidRequestError: `max_items` is not an integer.

        Example:
            >>> turns = client.sessions.ingest(session.id, [("hi", "hello"), ("bye", "see you")])
            >>> [turn.input_preview for turn in client.sessions.list_turns(session.id, limit=1).to_list(max_items=2)]
            ['bye', 'hi']
        """
        return list(self.auto_paging_iter(max_items))


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

    async def to_list(self, max_items: Optional[int] = None) -> List[T]:
        """Return the items of this page and of all that follow, as a list.

        Args:
            max_items: The most items to return; None for all. A negative number counts as 0.

        Raises:
            APIResponseValidationError: The service returned the same items again.
            InvalidRequestError: `max_items` is not an integer.

        Example:
            >>> turns = await client.sessions.ingest(session.id, [("hi", "hello"), ("bye", "see you")])
            >>> page = await client.sessions.list_turns(session.id, limit=1)
            >>> [turn.input_preview for turn in await page.to_list(max_items=2)]
            ['bye', 'hi']
        """
        return [item async for item in self.auto_paging_iter(max_items)]


def coroutine_function(method: F) -> F:
    """Mark a method that returns `AsyncPages` as async, for mocks and frameworks that ask `iscoroutinefunction`."""
    if sys.version_info >= (3, 12):
        return inspect.markcoroutinefunction(method)
    coroutines: Any = sys.modules.get("asyncio.coroutines")  # what asks has imported it: mock, or a framework
    if coroutines is not None:
        cast(Any, method)._is_coroutine = coroutines._is_coroutine
    return method


class AsyncPages(Coroutine[Any, Any, AsyncPage[T]], Generic[T]):
    """A list that is not requested yet: await it for its first page, or iterate over all its items.

    It is a coroutine, so `asyncio.create_task` and `asyncio.gather` take it; like one, it can be used once.

    Example:
        >>> turns = await client.sessions.ingest(session.id, [("hi", "hello"), ("bye", "see you")])
        >>> [turn.input_preview async for turn in client.sessions.list_turns(session.id, limit=1, order="asc")]
        ['hi', 'bye']
        >>> len(await client.sessions.list_turns(session.id, limit=1))
        1
    """

    def __init__(self, first: Coroutine[Any, Any, AsyncPage[T]]) -> None:
        self._first = first

    def __await__(self) -> Generator[Any, Any, AsyncPage[T]]:
        return self._first.__await__()

    async def __aiter__(self) -> AsyncIterator[T]:
        """Iterate over the items of all pages, fetching each page when it is reached.

        Raises:
            APIResponseValidationError: The service returned the same items again; the items before are complete.
        """
        async for item in (await self._first).auto_paging_iter():
            yield item

    def send(self, value: Any) -> Any:
        """Continue the request, as for any coroutine."""
        return self._first.send(value)

    def throw(self, *error: Any) -> Any:
        """Raise an exception in the request, as for any coroutine."""
        return self._first.throw(*error)

    def close(self) -> None:
        """Cancel the request, as for any coroutine."""
        self._first.close()
