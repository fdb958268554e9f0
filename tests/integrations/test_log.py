"""The log that integrations keep their records in, and the steps that run them with either client."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from contextlib import suppress
from typing import Any, List

import httpx
import pytest

from statebase import AsyncStateBase, ConfigurationError, NotFoundError
from statebase.integrations._log import Log, Record
from statebase.integrations._steps import Steps, call, gather, run, run_async

from .conftest import Service

KINDS = pytest.mark.parametrize("kind", ["sync", "async", "sync from async"])


def ran(service: Service, kind: str, steps: Any) -> Any:
    """Run steps as the methods of a framework would, of each kind."""
    if kind == "sync":
        return run(service.sync(), steps)

    async def main() -> Any:
        if kind == "sync from async":
            return await run_async(service.sync(), steps)
        async with service.asynchronous() as client:
            return await run_async(client, steps)

    return asyncio.run(main())


@KINDS
def test_records_come_back_in_order(service: Service, kind: str) -> None:
    log = Log("agent", "thread-1", "ada")
    bodies: List[Any] = [{"a": [1, None, "\ud800", 1e300]}, "text", None, 0]

    numbers = [ran(service, kind, log.append(f"put {place}", body)) for place, body in enumerate(bodies)]

    assert numbers == [1, 2, 3, 4]
    assert ran(service, kind, Log("agent", "thread-1", "ada").newest()) == [
        Record(place + 1, f"put {place}", bodies[place]) for place in (3, 2, 1, 0)
    ]
    assert ran(service, kind, Log("agent", "thread-1", "bob").newest()) == []


@KINDS
def test_records_before_the_newest_are_read_when_they_are_needed(service: Service, kind: str) -> None:
    log = Log("agent", "thread-1")
    client = service.sync()
    for number in range(1, 131):
        run(client, log.append("put", number))

    def until(number: int) -> List[int]:
        return [record.number for record in ran(service, kind, log.back(lambda record: record.body == number))]

    assert until(81) == list(range(130, 80, -1))
    assert until(80) == list(range(130, 79, -1))
    assert until(3) == list(range(130, 2, -1))
    assert until(0) == list(range(130, 0, -1))


@KINDS
def test_a_key_adds_a_record_once(service: Service, kind: str) -> None:
    log = Log("agent", "thread-1")

    numbers = [ran(service, kind, log.append("put", 1, idempotency_key="key-1")) for _ in range(3)]

    assert numbers == [1, 1, 1]
    assert len(ran(service, kind, log.newest())) == 1


@KINDS
@pytest.mark.parametrize("how", ["by another", "by this one"])
def test_a_deleted_log_begins_anew(service: Service, kind: str, how: str) -> None:
    log = Log("agent", "thread-1")
    ran(service, kind, log.append("put", 1))

    ran(service, kind, (Log("agent", "thread-1") if how == "by another" else log).delete())

    assert ran(service, kind, log.newest()) == []
    assert ran(service, kind, log.append("put", 2)) == 1
    ran(service, kind, log.delete())
    ran(service, kind, log.delete())


def test_racing_writers_write_to_one_log(service: Service) -> None:
    numbers: List[int] = []

    def write() -> None:
        log = Log("agent", "thread-1")
        client = service.sync()
        numbers.extend(run(client, log.append("put", place)) for place in range(4))

    threads = [threading.Thread(target=write) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(numbers) == list(range(1, 25))


@KINDS
def test_errors_arrive_at_the_step(service: Service, kind: str) -> None:
    def steps() -> Steps[str]:
        with suppress(NotFoundError):
            yield from call(lambda client: client.sessions.get("sess_none"))
        made = yield from gather(
            [lambda client: client.sessions.create("a"), lambda client: client.sessions.create("b")]
        )
        try:
            yield from gather([lambda client: client.sessions.get("sess_none")] * 2)
        except NotFoundError:
            return " ".join(session.agent_id for session in made)
        return ""

    assert ran(service, kind, steps()) == "a b"


def test_an_async_client_cannot_work_without_await() -> None:
    client = AsyncStateBase("sb_test", transport=httpx.MockTransport(lambda _: httpx.Response(500)))

    with pytest.raises(
        ConfigurationError, match=r"^A method without await needs a StateBase client, got AsyncStateBase:"
    ):
        run(client, Log("agent", "thread-1").newest())


def test_cancelled_steps_are_closed() -> None:
    """With an asynchronous client the call is cancelled, too."""
    seen: List[str] = []

    async def main() -> None:
        begun = asyncio.Event()

        async def answer(request: httpx.Request) -> httpx.Response:
            begun.set()
            await asyncio.Event().wait()
            raise AssertionError

        def steps() -> Steps[None]:
            try:
                yield from call(lambda client: client.sessions.get("sess_1"))
            finally:
                seen.append("closed")

        async with AsyncStateBase("sb_test", transport=httpx.MockTransport(answer)) as client:
            task = asyncio.ensure_future(run_async(client, steps()))
            await asyncio.wait([task, asyncio.ensure_future(begun.wait())], return_when=asyncio.FIRST_COMPLETED)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    asyncio.run(main())

    assert seen == ["closed"]


def test_import_statebase_imports_no_integration() -> None:
    code = "import sys, statebase; statebase.StateBase; print([m for m in sys.modules if 'integrations' in m])"

    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
