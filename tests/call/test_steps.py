"""Steps: a generator that yields calls is carried out the same way by either client."""

from __future__ import annotations

import asyncio
from typing import Any, List

import pytest

from statebase._call.steps import Steps, run, run_async


class Calls:
    """Calls that return their argument, or raise it."""

    def __init__(self, flavour: str) -> None:
        self.flavour = flavour
        self.seen: List[object] = []

    def call(self, value: Any) -> Any:
        return self._now(value) if self.flavour == "sync" else self._later(value)

    def _now(self, value: Any) -> Any:
        self.seen.append(value)
        if isinstance(value, Exception):
            raise value
        return value

    async def _later(self, value: Any) -> Any:
        await asyncio.sleep(0)
        return self._now(value)

    def carry_out(self, steps: Steps[Any]) -> Any:
        return run(steps) if self.flavour == "sync" else asyncio.run(run_async(steps))


@pytest.fixture(params=["sync", "async"])
def calls(request: Any) -> Calls:
    return Calls(request.param)


def test_results_come_back_in_order(calls: Calls) -> None:
    """Each yield gives the result of its call; what the generator returns is the result of all."""

    def steps() -> Steps[List[int]]:
        results = []
        for number in range(3):
            results.append((yield calls.call(number)))
        return results

    assert calls.carry_out(steps()) == calls.seen == [0, 1, 2]


def test_steps_without_a_call_return(calls: Calls) -> None:
    """An empty list of turns is ingested without a request."""

    def steps() -> Steps[str]:
        if calls.seen:
            yield calls.call(1)
        return "done"

    assert calls.carry_out(steps()) == "done"


def test_an_error_is_raised_at_its_call(calls: Calls) -> None:
    """The steps may handle it and go on."""

    def steps() -> Steps[str]:
        try:
            yield calls.call(ValueError("first"))
        except ValueError as error:
            return f"{error}, {(yield calls.call('second'))}"
        return "no error"

    assert calls.carry_out(steps()) == "first, second"


def test_an_error_that_is_not_handled_passes(calls: Calls) -> None:
    """It is the very error, and nothing follows."""
    failure = ValueError("no")

    def steps() -> Steps[None]:
        yield calls.call(failure)
        yield calls.call("never")

    with pytest.raises(ValueError, match="no") as caught:
        calls.carry_out(steps())
    assert caught.value is failure
    assert calls.seen == [failure]


def test_cancellation_ends_the_steps() -> None:
    """A task that is cancelled while it waits for a call cleans up and ends."""
    ended: List[str] = []

    async def cancel() -> None:
        waiting = asyncio.Event()

        async def call() -> None:
            waiting.set()
            await asyncio.Event().wait()

        def steps() -> Steps[None]:
            try:
                yield call()
            finally:
                ended.append("cleaned up")

        task = asyncio.create_task(run_async(steps()))
        await waiting.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel())
    assert ended == ["cleaned up"]
