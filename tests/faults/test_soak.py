"""One client in long use: no leak, and no request gets the response of another."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import subprocess
import sys
import threading
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, Callable, Dict, List

import pytest
from packaging.version import Version

from statebase import APIResponseValidationError, AsyncStateBase
from statebase._base.clock import Clock

CALLS = 10_000
CANCELLATIONS = 1_000
REPOSITORY = Path(__file__).parents[2]

# Before 4.16, anyio forgets a connection that is cancelled in the moment it is made: it is closed when it is garbage.
ANYIO_FORGETS = Version(version("anyio")) < Version("4.16")

may_leave_garbage = pytest.mark.filterwarnings("ignore:unclosed" if ANYIO_FORGETS else "error:unclosed")


def descriptors() -> int:
    """Count the files and sockets that this process has open."""
    return len(list(Path("/dev/fd").iterdir()))


def echoed(number: object) -> Dict[str, Any]:
    """Return the options of a call that the server answers with a number."""
    return {"extra_headers": {"X-Id": str(number)}}


class Endless(Clock):
    """A clock on which sleeps never end."""

    sleepers = 0

    async def sleep_async(self, seconds: float) -> None:
        self.sleepers += 1
        try:
            await asyncio.Event().wait()
        finally:
            self.sleepers -= 1


async def turns(number: int) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


def test_memory_and_descriptors_stay(server: Any, make_client: Any) -> None:
    """Ten thousand calls, of which each tenth fails, leave as much behind as a thousand do: nothing."""
    client = make_client(base_url=server.url)

    def work(calls: int) -> None:
        for number in range(calls):
            if number % 10:
                assert client.info(**echoed(number))["id"] == str(number)
            else:
                with pytest.raises(APIResponseValidationError):  # an echo is no session
                    client.sessions.create("agent")
        server.headers.clear()
        server.targets.clear()
        gc.collect()

    work(CALLS // 10)
    blocks, files = sys.getallocatedblocks(), descriptors()
    work(CALLS - CALLS // 10)

    assert sys.getallocatedblocks() - blocks < CALLS // 20
    assert descriptors() == files
    assert server.opened == 1


def test_concurrent_calls_leak_nothing(server: Any) -> None:
    """Nor do thousands of which twenty are under way at a time."""

    async def main() -> None:
        client = AsyncStateBase("sb_test", server.url)

        async def work(calls: int) -> None:
            for start in range(0, calls, 20):
                answers = await asyncio.gather(*(client.info(**echoed(start + offset)) for offset in range(20)))
                assert [answer["id"] for answer in answers] == [str(start + offset) for offset in range(20)]
            server.headers.clear()
            server.targets.clear()
            gc.collect()

        await work(CALLS // 10)
        blocks, files = sys.getallocatedblocks(), descriptors()
        await work(CALLS // 4)
        assert sys.getallocatedblocks() - blocks < CALLS // 20
        assert descriptors() <= files
        await client.close()

    asyncio.run(main())

    assert server.peak <= 20


@pytest.mark.parametrize("deadline", [None, 1000.0], ids=["", "with_deadline"])
def test_cancelled_calls_leave_nothing_behind(server: Any, connections_to: Callable[[int], int], deadline: Any) -> None:
    """A thousand calls that are cancelled while they wait for an answer."""

    async def main() -> None:
        client = AsyncStateBase("sb_test", server.url, deadline=deadline)
        for held in range(50, CANCELLATIONS + 50, 50):
            calls = [asyncio.ensure_future(client.sessions.get("hold")) for _ in range(50)]
            held_up = partial(server.wait_until, lambda held=held: server.held == held)
            await asyncio.get_running_loop().run_in_executor(None, held_up)
            await cancel(calls)
        await turns(3)
        assert connections_to(server.port) == 0
        assert (await client.info(**echoed("after")))["id"] == "after"
        await client.close()

    asyncio.run(main())
    server.let_all_go()
    server.wait_until(lambda: server.open == 0)

    assert server.held == CANCELLATIONS


async def cancel(calls: List[Any]) -> None:
    for call in calls:
        call.cancel()
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert all(isinstance(outcome, asyncio.CancelledError) for outcome in outcomes)


@may_leave_garbage
def test_calls_cancelled_at_any_moment(server: Any) -> None:
    """Calls that are cancelled after one turn of the event loop, two turns, and so on, until they are done."""

    async def main() -> int:
        client = AsyncStateBase("sb_test", server.url, deadline=1000)
        patience, done, cancelled = 1.0, 0, 0
        while done < 10 or cancelled < CANCELLATIONS:
            patience, done = (patience * 1.1, 0) if done < 10 else (1.0, 0)
            calls = [asyncio.ensure_future(client.info(**echoed(number))) for number in range(10)]
            await turns(int(patience))
            for call in calls:
                call.cancel()
            for number, outcome in enumerate(await asyncio.gather(*calls, return_exceptions=True)):
                if isinstance(outcome, asyncio.CancelledError):
                    cancelled += 1
                else:
                    assert not isinstance(outcome, BaseException)
                    assert outcome["id"] == str(number)
                    done += 1
        await client.close()
        return cancelled

    files = descriptors()

    assert asyncio.run(main()) >= CANCELLATIONS
    if ANYIO_FORGETS:
        gc.collect()
    server.wait_until(lambda: server.open == 0)
    assert descriptors() == files


def test_calls_cancelled_between_attempts() -> None:
    """Calls that wait to try again stop at once, and try no more."""
    clock = Endless()

    async def main() -> None:
        client = AsyncStateBase("sb_test", "http://127.0.0.1:1", max_retries=5)
        client._settings.clock = clock
        calls = [asyncio.ensure_future(client.info()) for _ in range(50)]
        while clock.sleepers < len(calls):
            await asyncio.sleep(0)
        await cancel(calls)
        await client.close()

    files = descriptors()
    asyncio.run(main())

    assert clock.sleepers == 0
    assert descriptors() == files


def test_client_outlives_event_loops(server: Any) -> None:
    """An async client works in four `asyncio.run` in a row, in silence."""
    client = AsyncStateBase("sb_test", server.url, max_retries=0)

    async def main(run: int) -> List[str]:
        answers = await asyncio.gather(*(client.info(**echoed(f"{run}-{number}")) for number in range(5)))
        return [answer["id"] for answer in answers]

    answers = [asyncio.run(main(run)) for run in range(4)]
    asyncio.run(client.close())
    gc.collect()

    assert answers == [[f"{run}-{number}" for number in range(5)] for run in range(4)]
    server.wait_until(lambda: server.open == 0)


def test_threads_with_event_loops_share_a_client(server: Any) -> None:
    """Eight threads, each with an event loop of its own, use one async client at the same time."""
    client = AsyncStateBase("sb_test", server.url, max_retries=0)
    together = threading.Barrier(8)
    confused: List[Any] = []
    done: List[int] = []

    async def main(thread: int) -> None:
        together.wait()
        for number in range(50):
            sent = [f"{thread}-{number}-{place}" for place in range(3)]
            answers = await asyncio.gather(*(client.info(**echoed(each)) for each in sent))
            confused.extend(pair for pair in zip(sent, answers) if pair[0] != pair[1]["id"])
        done.append(thread)

    threads = [threading.Thread(target=lambda thread=thread: asyncio.run(main(thread))) for thread in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    asyncio.run(client.close())

    assert confused == []
    assert sorted(done) == list(range(8))
    server.wait_until(lambda: server.open == 0)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.parametrize("kind", ["server", "tls_server"])
def test_forks_share_a_client(request: pytest.FixtureRequest, kind: str, flavour: str, ca_file: str) -> None:
    """Twelve children of a process with a warm connection, and the process itself, get their own answers only."""
    url = request.getfixturevalue(kind).url
    arguments = [flavour, url, ca_file, "12", "10"]
    warnings = [
        "-W",
        "error",
        "-W",
        "ignore:This process:DeprecationWarning",
    ]  # of a fork beside threads, 3.12 and later

    program = subprocess.run(
        [sys.executable, *warnings, "-m", "tests.faults.forking_client", *arguments],
        capture_output=True,
        cwd=REPOSITORY,
        timeout=120,
    )

    assert (program.returncode, program.stderr) == (0, b"")
    parent, *children = json.loads(program.stdout)
    assert [len(parent), *map(len, children)] == [14, *[10] * 12]
    assert [pair for report in (parent, *children) for pair in report if pair[0] != pair[1]] == []
