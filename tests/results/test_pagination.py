"""Lists are paged automatically: each item once, no unnecessary page, and an end in any case."""

from __future__ import annotations

import asyncio
import copy
import gc
import linecache
import pickle
import warnings
from datetime import datetime, timedelta, timezone
from typing import Any, Callable, Dict, List, Optional
from unittest.mock import AsyncMock, create_autospec

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from statebase import (
    APIResponseValidationError,
    AsyncStateBase,
    InvalidRequestError,
    MorePagesWarning,
    NotFoundError,
    Page,
    StateBase,
    StateBaseError,
)
from statebase.testing import FrozenClock

NOON = datetime(2026, 1, 2, 12, tzinfo=timezone.utc)


def session(number: int) -> Dict[str, Any]:
    return {
        "id": f"sess_{number}",
        "agent_id": "agent",
        "created_at": "2026-01-02T03:04:05Z",
        "updated_at": "2026-01-02T03:04:05Z",
        "memory_count": 0,
        "turn_count": number,
    }


def trace(name: str, moment: int) -> Dict[str, Any]:
    """Write a trace that happened so many microseconds after noon."""
    return {
        "id": f"trace_{name}",
        "action": "turn.created",
        "resource_type": "turn",
        "resource_id": "turn_1",
        "session_id": "sess_1",
        "actor": "api_key",
        "timestamp": (NOON + timedelta(microseconds=moment)).isoformat(),
    }


def cursor_service(total: int, requests: List[httpx.Request]) -> Callable[[httpx.Request], httpx.Response]:
    """Serve so many sessions, as the real service does: after an id, at most `limit`, with an exact `has_more`."""

    def handle(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        after = request.url.params.get("starting_after", "sess_0")
        start, limit = int(after.partition("_")[2]), int(request.url.params.get("limit", 20))
        numbers = range(start + 1, min(start + limit, total) + 1)
        return httpx.Response(
            200, json={"data": [session(n) for n in numbers], "has_more": start + limit < total, "object": "list"}
        )

    return handle


def time_service(
    traces: List[Dict[str, Any]], requests: List[httpx.Request]
) -> Callable[[httpx.Request], httpx.Response]:
    """Serve traces, newest first, before an exclusive `end_time`."""

    def handle(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        end, limit = request.url.params.get("end_time"), int(request.url.params.get("limit", 50))
        before = [
            one
            for one in sorted(traces, key=lambda one: one["timestamp"], reverse=True)
            if end is None
            or datetime.fromisoformat(one["timestamp"]) < datetime.fromisoformat(end.replace("Z", "+00:00"))
        ]
        return httpx.Response(200, json={"data": before[:limit], "has_more": len(before) > limit})

    return handle


@pytest.mark.parametrize("total", [0, 1, 4, 5, 6, 12])
def test_all_items_come_once(serve: Any, total: int) -> None:
    """Iterating over a list goes through all its pages."""
    requests: List[httpx.Request] = []
    page = serve(cursor_service(total, requests)).sessions.list(agent_id="agent", limit=5)

    ids = [item.id for item in page.auto_paging_iter()]

    assert ids == [f"sess_{number}" for number in range(1, total + 1)]
    assert len(requests) == max(1, -(-total // 5))


def test_filters_and_options_stay_the_same(serve: Any) -> None:
    """Each further page is asked with the arguments of the first, but for where to start."""
    requests: List[httpx.Request] = []
    page = serve(cursor_service(6, requests)).sessions.list(
        "agent", 2, user_id="ada", extra_headers={"X-A": "b"}, timeout=3
    )

    assert len(list(page.auto_paging_iter())) == 6

    assert [dict(request.url.params) for request in requests] == [
        {"agent_id": "agent", "limit": "2", "user_id": "ada", **({"starting_after": after} if after else {})}
        for after in (None, "sess_2", "sess_4")
    ]
    assert {request.headers["x-a"] for request in requests} == {"b"}
    assert {request.extensions["timeout"]["read"] for request in requests} == {3}


@pytest.mark.parametrize(
    ("max_items", "count", "pages"),
    [(0, 0, 1), (1, 1, 1), (5, 5, 1), (6, 6, 2), (10, 10, 2), (11, 11, 3), (100, 12, 3), (None, 12, 3), (-1, 0, 1)],
)
def test_no_page_is_fetched_that_is_not_needed(serve: Any, max_items: Optional[int], count: int, pages: int) -> None:
    """max_items stops where it says, and before a page of which nothing would be given."""
    requests: List[httpx.Request] = []
    page = serve(cursor_service(12, requests)).sessions.list(limit=5)

    assert len(list(page.auto_paging_iter(max_items))) == count
    assert len(requests) == pages


def test_next_page_is_fetched_when_it_is_reached(serve: Any) -> None:
    """Iteration is lazy: the caller who stops early pays for what was seen."""
    requests: List[httpx.Request] = []
    items = serve(cursor_service(12, requests)).sessions.list(limit=5).auto_paging_iter()

    for _ in range(5):
        next(items)
    assert len(requests) == 1
    next(items)
    assert len(requests) == 2


def test_pages_one_by_one(serve: Any) -> None:
    """next_page() gives the page after this one, None after the last, and may be asked twice."""
    requests: List[httpx.Request] = []
    first = serve(cursor_service(5, requests)).sessions.list(limit=2)

    second = first.next_page()
    again = first.next_page()
    third = second.next_page()

    assert [item.id for item in second] == [item.id for item in again] == ["sess_3", "sess_4"]
    assert [item.id for item in third] == ["sess_5"]
    assert third.has_more is False
    assert third.next_page() is None
    assert len(requests) == 4


def test_page_is_a_sequence(serve: Any) -> None:
    """A page has a length, items, slices and iteration; and reads as the mapping that it was in 0.4."""
    page = serve(cursor_service(9, [])).sessions.list(limit=3)

    assert len(page) == 3
    assert page[0].id == page["data"][0]["id"] == "sess_1"
    assert page[-1].id == "sess_3"
    assert [item.id for item in page[1:]] == ["sess_2", "sess_3"]
    assert [item.id for item in page] == [item.id for item in page.data]
    assert page.has_more is page["has_more"] is True
    assert page.get("object") == "list"
    assert page.get("nothing", 5) == 5
    with pytest.raises(KeyError):
        page["nothing"]
    with pytest.raises(IndexError):
        page[3]


def sync_page(total: int = 9) -> Any:
    client = StateBase("sb_test", transport=httpx.MockTransport(cursor_service(total, [])))
    return client.sessions.list(limit=3)


def test_page_is_a_sequence_in_every_way() -> None:
    """The promises of a sequence in collections.abc hold."""
    from collections.abc import Sequence

    page = sync_page()

    assert isinstance(page, Sequence)
    assert page[1] in page
    assert page.index(page[2]) == 2
    assert page.count(page[0]) == 1
    assert list(reversed(page)) == page[::-1]
    assert bool(page)
    assert not sync_page(0)


def test_changing_the_data_does_not_change_the_page() -> None:
    """The list that .data gives is the caller's."""
    page = sync_page()

    page.data.clear()

    assert len(page) == 3


def test_pages_compare_by_what_they_hold() -> None:
    """Two pages with the same items are equal; a page is not its items."""
    assert sync_page() == sync_page()
    assert sync_page() != sync_page(2)
    assert sync_page() != sync_page().data
    with pytest.raises(TypeError, match="unhashable"):
        hash(sync_page())


@pytest.mark.parametrize("duplicate", [lambda page: pickle.loads(pickle.dumps(page)), copy.copy, copy.deepcopy])
def test_page_can_be_pickled_and_copied(duplicate: Any) -> None:
    """A copy has the items; what it cannot do without a client it says."""
    page = sync_page()

    copied = duplicate(page)

    assert isinstance(copied, Page)
    assert copied == page
    assert copied.has_more
    with pytest.raises(StateBaseError, match="copied or unpickled and has no client: list again"):
        copied.next_page()
    assert duplicate(sync_page(2)).next_page() is None


def test_repr_shows_the_items() -> None:
    """A page in a shell shows what is in it."""
    assert repr(sync_page(1)).startswith("Page([SessionListItem(id='sess_1'")
    assert repr(sync_page(1)).endswith("has_more=False)")


def test_failure_on_the_way_reaches_the_caller(serve: Any) -> None:
    """An error of a later page comes where the page was reached; what came before was given."""
    answers = [httpx.Response(200, json={"data": [session(1)], "has_more": True}), httpx.Response(404)]
    items = serve(lambda request: answers.pop(0)).sessions.list().auto_paging_iter()

    assert next(items).id == "sess_1"
    with pytest.raises(NotFoundError):
        next(items)


ENDLESS: Dict[str, List[List[int]]] = {
    "the same page again": [[1, 2], [1, 2]],
    "nothing": [[1, 2], []],
    "a circle": [[1, 2], [3, 4], [5, 2], [3, 4]],
    "nothing at first": [[]],
}


@pytest.mark.parametrize("pages", ENDLESS.values(), ids=ENDLESS)
def test_list_that_does_not_go_on_is_an_error(serve: Any, pages: List[List[int]]) -> None:
    """A service that returns the same page again, or an empty page with has_more, does not cause an endless loop."""
    requests: List[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        numbers = pages[min(len(requests), len(pages)) - 1]
        return httpx.Response(200, json={"data": [session(n) for n in numbers], "has_more": True})

    items = serve(handle).sessions.list().auto_paging_iter()

    with pytest.raises(APIResponseValidationError, match="Pagination stopped: for starting_after"):
        for _ in range(100):
            next(items)
    assert len(requests) <= len(pages)


def test_item_that_comes_again_on_the_next_page_is_given_once(serve: Any) -> None:
    """A list that shifts while it is read repeats an item; the caller sees it once."""
    pages = [[1, 2, 3], [3, 4, 5], [6]]

    def handle(request: httpx.Request) -> httpx.Response:
        numbers = pages.pop(0)
        return httpx.Response(200, json={"data": [session(n) for n in numbers], "has_more": bool(pages)})

    items = serve(handle).sessions.list().auto_paging_iter()

    assert [item.turn_count for item in items] == [1, 2, 3, 4, 5, 6]


MOMENTS: Dict[str, List[int]] = {
    "all different": [5, 4, 3, 2, 1, 0],
    "two at once on a border": [5, 4, 4, 3, 3, 2],
    "a page at once": [5, 4, 4, 4, 3],
    "more than a page at once": [5, 5, 5, 5, 5, 4, 3],
    "all at once": [1] * 9,
    "none": [],
}


@pytest.mark.parametrize("moments", MOMENTS.values(), ids=MOMENTS)
@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_traces_of_the_same_moment_come_once_each(serve: Any, moments: List[int], limit: int) -> None:
    """The list of traces goes on by time, and loses none and repeats none that share a microsecond."""
    requests: List[httpx.Request] = []
    traces = [trace(str(number), moment) for number, moment in enumerate(moments)]
    page = serve(time_service(traces, requests)).traces.list(limit=limit)

    ids = [item.id for item in page.auto_paging_iter()]

    assert ids == [one["id"] for one in traces]
    assert len(requests) <= len(traces) + 1


@given(st.lists(st.integers(0, 4), max_size=15), st.integers(1, 6))
def test_traces_come_once_each_whatever_their_times(moments: List[int], limit: int) -> None:
    """For any times and any size of a page, the pages together are the list."""
    traces = [trace(str(number), moment) for number, moment in enumerate(moments)]
    client = StateBase("sb_test", transport=httpx.MockTransport(time_service(traces, [])))

    ids = [item.id for item in client.traces.list(limit=limit).auto_paging_iter()]

    assert sorted(ids) == sorted(one["id"] for one in traces)


def test_traces_that_turn_back_are_an_error(serve: Any) -> None:
    """A service that ignores end_time does not cause an endless loop."""
    answers = [[trace("a", 5), trace("b", 4)], [trace("c", 3), trace("d", 9)]]

    def handle(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"data": answers.pop(0), "has_more": True})

    items = serve(handle).traces.list().auto_paging_iter()

    with pytest.raises(APIResponseValidationError, match="Pagination stopped: for end_time"):
        list(items)


def test_pickled_page_does_not_bring_back_what_was_left_out() -> None:
    """An item that the page before had is not in a copy of the page either."""
    traces = [trace("a", 2), trace("b", 1), trace("c", 1), trace("d", 0)]
    client = StateBase("sb_test", transport=httpx.MockTransport(time_service(traces, [])))
    first = client.traces.list(limit=2)

    second = first.next_page()

    assert second is not None
    copied = pickle.loads(pickle.dumps(second))
    assert [item.id for item in copied] == [item.id for item in second] == [item["id"] for item in second["data"]]
    assert "trace_b" not in [item.id for item in copied]


@pytest.mark.parametrize("total", [0, 1, 5, 6, 12])
def test_rest_of_a_list_as_a_list(serve: Any, total: int) -> None:
    """to_list returns the items of all pages, or as many as asked for, without a page more than needed."""
    requests: List[httpx.Request] = []
    client = serve(cursor_service(total, requests))

    everything = client.sessions.list(limit=5).to_list()

    assert [item.id for item in everything] == [f"sess_{number}" for number in range(1, total + 1)]
    requests.clear()
    assert client.sessions.list(limit=5).to_list(max_items=6) == everything[:6]
    assert len(requests) == (1 if total <= 5 else 2)
    with pytest.raises(InvalidRequestError, match="^max_items must be an integer, got str$"):
        client.sessions.list(limit=5).to_list("6")


def test_next_cursor_continues_a_list(serve: Any) -> None:
    """A list can be continued from its cursor by another call; the last page has none."""
    client = serve(cursor_service(6, []))
    page = client.sessions.list(limit=5)

    assert page.next_cursor == "sess_5"
    following = client.sessions.list(limit=5, starting_after=page.next_cursor)
    assert [item.id for item in following] == ["sess_6"]
    assert following.next_cursor is None
    assert client.sessions.list(limit=6).next_cursor is None


def test_next_cursor_of_traces_is_a_time(serve: Any) -> None:
    """It is the exclusive bound of the next page: a microsecond after the last trace, so that none is lost."""
    client = serve(time_service([trace("a", 0), trace("b", 5), trace("c", 9)], []))
    page = client.traces.list(limit=2)

    assert page.next_cursor == (NOON + timedelta(microseconds=6)).isoformat()
    assert [item.id for item in client.traces.list(end_time=page.next_cursor)] == ["trace_b", "trace_a"]


def test_next_cursor_of_an_empty_page_that_goes_on_is_an_error(serve: Any) -> None:
    """There is nothing to continue after."""
    page = serve(lambda request: httpx.Response(200, json={"data": [], "has_more": True})).sessions.list()

    with pytest.raises(APIResponseValidationError, match="Pagination stopped"):
        _ = page.next_cursor


USES: Dict[str, Callable[[Any], object]] = {
    "a loop that ends early": lambda page: next(iter(page)),
    "the page itself": lambda page: (len(page), page[0], page.data, page in [page], repr(page), page._repr_html_()),
    "all items": lambda page: (list(page), page.to_list()),
    "the next page": lambda page: (list(page), page.next_page()),
    "whether there is more": lambda page: (list(page), page.has_more),
    "the cursor": lambda page: (list(page), page.next_cursor),
    "a copy": lambda page: list(pickle.loads(pickle.dumps(getattr(page, "target", page)))),
}


@pytest.mark.filterwarnings("error::statebase.MorePagesWarning", "error::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_loop_over_a_page_that_is_meant_does_not_warn(serve: Any, use: Callable[[Any], object]) -> None:
    """A caller who knows that the list goes on is not told."""
    client = serve(cursor_service(30, []))

    use(client.sessions.list())
    list(client.sessions.list(limit=20))
    list(serve(cursor_service(20, [])).sessions.list())
    gc.collect()


def test_loop_over_the_first_of_several_pages_says_so(serve: Any) -> None:
    """As a coroutine that was never awaited: when the page is dropped, with the place of the loop, once for each."""
    client = serve(cursor_service(30, []))

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        for _ in range(2):
            assert len([item.id for item in client.sessions.list()]) == 20  # the loop
        gc.collect()

    (warning,) = [each for each in caught if issubclass(each.category, MorePagesWarning)]
    assert "first 20 items of a list that goes on: use page.auto_paging_iter()" in str(warning.message)
    assert "# the loop" in linecache.getline(warning.filename, warning.lineno)


def test_async_list_is_iterated_without_await(clock: FrozenClock) -> None:
    """`async for` goes over all pages; the same object can be awaited for the first page, but only once."""
    requests: List[httpx.Request] = []
    transport = httpx.MockTransport(cursor_service(12, requests))

    async def run() -> None:
        async with AsyncStateBase("sb_test", transport=transport) as client:
            ids = [item.id async for item in client.sessions.list(limit=5)]
            assert ids == [f"sess_{number}" for number in range(1, 13)]
            assert len(requests) == 3
            first, second = await asyncio.gather(
                client.sessions.list(limit=5), asyncio.create_task(client.sessions.list(limit=4))
            )
            assert (len(first), len(second)) == (5, 4)
            again = client.sessions.list()
            assert len(await again) == 12
            with pytest.raises(RuntimeError, match="cannot reuse already awaited coroutine"):
                await again
            response = await client.with_raw_response.sessions.list(limit=5)
            assert (response.status_code, len(response.parse())) == (200, 5)
            unused = client.sessions.list()
            unused.close()

    asyncio.run(run())


def test_cancelled_async_list_sends_nothing_more() -> None:
    """A list is a coroutine: a task of it can be cancelled, and the cancellation reaches the request."""

    async def handle(request: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError

    async def run() -> None:
        async with AsyncStateBase("sb_test", transport=httpx.MockTransport(handle)) as client:
            task = asyncio.create_task(client.sessions.list())
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(run())


@pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")
def test_async_list_that_is_never_used_warns() -> None:
    """A forgotten await or `async for` is reported by Python, as for any coroutine."""

    async def run() -> None:
        async with AsyncStateBase("sb_test", transport=httpx.MockTransport(cursor_service(1, []))) as client:
            client.sessions.list()
            gc.collect()

    with pytest.warns(RuntimeWarning, match="never awaited"):
        asyncio.run(run())


def test_mocks_of_lists_are_awaited() -> None:
    """As in 1.0.0rc1, a mock of an async list is an async mock."""
    client: Any = create_autospec(AsyncStateBase, instance=True)

    assert isinstance(client.sessions.list_turns, AsyncMock)
