"""The conformance suite of LangGraph's checkpointers: every test, on each service, with both clients."""

from __future__ import annotations

import asyncio
from typing import Any, AsyncIterator, Dict, List

import pytest
from langgraph.checkpoint.conformance import checkpointer_test, validate

from statebase.integrations.langgraph import StateBaseSaver
from tests.integrations.conftest import Service

CAPABILITIES = {
    "put": 17,
    "put_writes": 10,
    "get_tuple": 10,
    "list": 16,
    "delete_thread": 5,
    "delete_for_runs": 7,
    "copy_thread": 8,
    "prune": 8,
}


class SyncSaver(StateBaseSaver):
    """A saver whose methods to await call those without await, which the suite does not test otherwise."""

    async def aput(self, *arguments: Any, **named: Any) -> Any:
        return self.put(*arguments, **named)

    async def aput_writes(self, *arguments: Any, **named: Any) -> Any:
        return self.put_writes(*arguments, **named)

    async def aget_tuple(self, *arguments: Any, **named: Any) -> Any:
        return self.get_tuple(*arguments, **named)

    async def alist(self, *arguments: Any, **named: Any) -> AsyncIterator[Any]:
        for item in self.list(*arguments, **named):
            yield item

    async def adelete_thread(self, *arguments: Any, **named: Any) -> Any:
        return self.delete_thread(*arguments, **named)

    async def adelete_for_runs(self, *arguments: Any, **named: Any) -> Any:
        return self.delete_for_runs(*arguments, **named)

    async def acopy_thread(self, *arguments: Any, **named: Any) -> Any:
        return self.copy_thread(*arguments, **named)

    async def aprune(self, *arguments: Any, **named: Any) -> Any:
        return self.prune(*arguments, **named)


def results(service: Service, kind: str) -> Any:
    """Run the suite, and return its report."""

    @checkpointer_test(name=f"StateBaseSaver {service.kind} {kind}")
    async def saver() -> AsyncIterator[StateBaseSaver]:
        if kind == "async":
            async with service.asynchronous() as client:
                yield StateBaseSaver(client)
        else:
            yield (SyncSaver if kind == "sync" else StateBaseSaver)(service.sync())

    return asyncio.run(validate(saver))


@pytest.mark.parametrize("kind", ["sync", "async", "sync from async"])
def test_every_test_of_the_suite_passes(service: Service, kind: str) -> None:
    report = results(service, kind)

    failures: List[str] = [failure for result in report.results.values() for failure in result.failures]
    counts: Dict[str, int] = {name: result.tests_passed for name, result in report.results.items()}
    assert failures == []
    assert counts == CAPABILITIES
