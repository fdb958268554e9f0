"""Methods of several calls: one generator of steps, run by either client.

A generator calls methods of a namespace, yields their return values, and receives the results. Errors of the
synchronous client are raised at the call, errors of the asynchronous client at the yield.
"""

from __future__ import annotations

from typing import Any, AsyncIterator, Callable, Generator, Generic, Iterator, List, Sequence, TypeVar, Union

import anyio
from typing_extensions import TypeGuard

T = TypeVar("T")

Steps = Generator[Any, Any, T]
"""A generator that yields calls, receives their results, and returns the result of the method.

A list of calls stands for a list of results; the asynchronous client awaits them concurrently.
"""


class Found(Generic[T]):
    """Items that an iteration has found."""

    def __init__(self, items: Sequence[T]) -> None:
        self.items = items


Iteration = Generator[Union[Any, Found[T]], Any, None]
"""A generator that yields calls and receives their results, and yields the items of the method as `Found`."""


def collect(steps: Iteration[T], is_enough: Callable[[List[T]], bool]) -> Steps[List[T]]:
    """Return the items of an iteration, as a part of other steps.

    Args:
        steps: The iteration.
        is_enough: Called with the items so far. True ends the iteration.
    """
    items: List[T] = []
    try:
        step = next(steps)
        while True:
            if _is_found(step):
                items += step.items
                if is_enough(items):
                    return items
                step = next(steps)
                continue
            try:
                result = yield step
            except BaseException as error:
                step = steps.throw(error)
            else:
                step = steps.send(result)
    except StopIteration:
        return items
    finally:
        steps.close()


def run(steps: Generator[Any, Any, Any]) -> Any:
    """Run steps with the synchronous client, whose calls are complete when they are yielded.

    Returns:
        The return value of the steps. The generated methods annotate its type.
    """
    try:
        result = next(steps)
        while True:
            result = steps.send(result)
    except StopIteration as end:
        return end.value


async def run_async(steps: Generator[Any, Any, Any]) -> Any:
    """Run steps with the asynchronous client: await each call that is yielded.

    Returns:
        The return value of the steps.
    """
    try:
        call = next(steps)
        while True:
            try:
                result = await (_together(call) if _is_list(call) else call)
            except BaseException as error:
                call = steps.throw(error)
            else:
                call = steps.send(result)
    except StopIteration as end:
        return end.value


async def _together(calls: List[Any]) -> List[Any]:
    """Await calls concurrently and return their results in order; if one fails, cancel the others."""
    results: List[Any] = [None] * len(calls)
    failures: List[BaseException] = []

    async def run_one(place: int) -> None:
        try:
            results[place] = await calls[place]
        except Exception as error:
            failures.append(error)
            group.cancel_scope.cancel()

    try:
        async with anyio.create_task_group() as group:
            for place in range(len(calls)):
                group.start_soon(run_one, place)
    finally:
        for call in calls:
            call.close()  # one that was cancelled before it began
    if failures:
        raise failures[0]
    return results


def _is_found(step: object) -> TypeGuard[Found[Any]]:
    return isinstance(step, Found)


def _is_list(step: object) -> TypeGuard[List[Any]]:
    return isinstance(step, list)


def iterate(steps: Generator[Any, Any, None]) -> Iterator[Any]:
    """Iterate over the items of steps with the synchronous client."""
    try:
        result = None
        while True:
            result = steps.send(result)
            if _is_found(result):
                yield from result.items
                result = None
    except StopIteration:
        return


async def iterate_async(steps: Generator[Any, Any, None]) -> AsyncIterator[Any]:
    """Iterate over the items of steps with the asynchronous client: await each call that is yielded."""
    try:
        step = steps.send(None)
        while True:
            if _is_found(step):
                for item in step.items:
                    yield item
                step = steps.send(None)
                continue
            try:
                result = await (_together(step) if _is_list(step) else step)
            except BaseException as error:
                step = steps.throw(error)
            else:
                step = steps.send(result)
    except StopIteration:
        return
