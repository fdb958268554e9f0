"""One text for both flavours of a framework's methods: a generator that yields calls, and two drivers that run it.

A call is a function of a client. `StateBase` returns its result, and `AsyncStateBase` a coroutine, which is awaited:

    def length(session_id: str) -> Steps[int]:
        session = yield from call(lambda client: client.sessions.get(session_id))
        return session.turn_count

    run(client, length("sess_1"))
    await run_async(client, length("sess_1"))
"""

from __future__ import annotations

from inspect import isawaitable
from itertools import islice
from typing import Any, Callable, Generator, Iterable, List, Sequence, TypeVar, Union

import anyio
import anyio.to_thread
from typing_extensions import TypeGuard

from statebase import AsyncStateBase, ConfigurationError, StateBase

T = TypeVar("T")

Client = Union[StateBase, AsyncStateBase]

Steps = Generator[Any, Any, T]
"""A generator that yields calls, receives their results, and returns the result of the method."""


def call(function: Callable[[StateBase], T]) -> Steps[T]:
    """Make a call, and return its result."""
    result: T = yield function
    return result


def gather(functions: Sequence[Callable[[StateBase], T]]) -> Steps[List[T]]:
    """Make several calls, with an asynchronous client all at once, and return their results in order."""
    results: List[T] = yield list(functions)
    return results


def take(items: Iterable[T], most: int) -> Steps[List[T]]:
    """Return the next items of an iterator that a method of the client returned, such as `sessions.iter_turns`."""
    taken: List[T] = yield from call(lambda client: _taken(items, most))
    return taken


def run(client: Client, steps: Steps[T]) -> T:
    """Run steps with a synchronous client.

    Raises:
        ConfigurationError: The client is an `AsyncStateBase`.
    """
    if isinstance(client, AsyncStateBase):
        steps.close()
        raise ConfigurationError(
            "A method without await needs a StateBase client, got AsyncStateBase: pass StateBase, which works with "
            "both kinds of methods, or use the method to await"
        )
    try:
        step = next(steps)
        while True:
            try:
                result = [one(client) for one in step] if _is_list(step) else step(client)
            except BaseException as error:
                step = steps.throw(error)
            else:
                step = steps.send(result)
    except StopIteration as end:
        value: T = end.value
        return value


async def run_async(client: Client, steps: Steps[T]) -> T:
    """Run steps with either client; a synchronous one works in a thread meanwhile.

    A cancelled call of a synchronous client ends in its thread, and its result is dropped.
    """
    if isinstance(client, StateBase):
        return await anyio.to_thread.run_sync(run, client, steps, abandon_on_cancel=True)
    try:
        step = next(steps)
        while True:
            try:
                result: Any = await _together(client, step) if _is_list(step) else step(client)
                if isawaitable(result):
                    result = await result
            except BaseException as error:
                step = steps.throw(error)
            else:
                step = steps.send(result)
    except StopIteration as end:
        value: T = end.value
        return value


async def _together(client: Any, functions: Sequence[Callable[[Any], Any]]) -> List[Any]:
    """Await calls concurrently, and return their results in order; if one fails, cancel the others."""
    results: List[Any] = [None] * len(functions)
    failures: List[Exception] = []

    async def run_one(place: int) -> None:
        try:
            results[place] = await functions[place](client)
        except Exception as error:
            failures.append(error)
            group.cancel_scope.cancel()

    async with anyio.create_task_group() as group:
        for place in range(len(functions)):
            group.start_soon(run_one, place)
    if failures:
        raise failures[0]
    return results


def _is_list(step: object) -> TypeGuard[List[Callable[[Any], Any]]]:
    return isinstance(step, list)


def _taken(items: Any, most: int) -> Any:
    if hasattr(items, "__anext__"):
        return _taken_async(items, most)
    return list[Any](islice(items, most))


async def _taken_async(items: Any, most: int) -> List[Any]:
    taken: List[Any] = []
    while len(taken) < most:
        try:
            taken.append(await items.__anext__())
        except StopAsyncIteration:
            break
    return taken
