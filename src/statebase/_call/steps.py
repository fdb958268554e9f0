"""Methods over several calls: one generator of steps, carried out by either client.

A generator calls methods of a namespace, yields what they return, and receives their results. What a call of the
synchronous client raises, it raises right there; what an awaited one raises is thrown into the generator at the yield.
"""

from __future__ import annotations

from typing import Any, Generator, TypeVar

T = TypeVar("T")

Steps = Generator[Any, Any, T]
"""Yields calls, receives their results, and returns what the method returns."""


def run(steps: Generator[Any, Any, Any]) -> Any:
    """Carry out steps of the synchronous client, whose calls are over when they are yielded.

    Returns:
        What the steps return; the generated methods have the annotation of it.
    """
    try:
        result = next(steps)
        while True:
            result = steps.send(result)
    except StopIteration as end:
        return end.value


async def run_async(steps: Generator[Any, Any, Any]) -> Any:
    """Carry out steps of the asynchronous client: await each call that is yielded.

    Returns:
        What the steps return.
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
