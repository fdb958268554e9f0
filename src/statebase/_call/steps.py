"""Methods of several calls: one generator of steps, run by either client.

A generator calls methods of a namespace, yields their return values, and receives the results. Errors of the
synchronous client are raised at the call, errors of the asynchronous client at the yield.
"""

from __future__ import annotations

from typing import Any, Generator, TypeVar

T = TypeVar("T")

Steps = Generator[Any, Any, T]
"""A generator that yields calls, receives their results, and returns the result of the method."""


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
                result = await call
            except BaseException as error:
                call = steps.throw(error)
            else:
                call = steps.send(result)
    except StopIteration as end:
        return end.value
