"""Counts of requests, and of connections, that several processes share."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any, Callable, Iterator

import pytest

from statebase.local.http.counts import ProcessCounts

pytestmark = pytest.mark.skipif(os.name != "posix", reason="workers are forked")

if os.name == "posix":
    from statebase.server.shared_counts import SharedCounts


def in_children(number: int, run: Callable[[], Any]) -> None:
    """Run a function in forked processes at once."""
    children = []
    for _ in range(number):
        child = os.fork()
        if child == 0:
            run()
            os._exit(0)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * number


@pytest.fixture
def shared_counts() -> Iterator[Any]:
    """Counts of several processes."""
    counts = SharedCounts()
    yield counts
    counts.close()


@pytest.fixture(params=["process", "shared"])
def counts(request: pytest.FixtureRequest, shared_counts: Any) -> Any:
    """Counts, of one process or of several."""
    return ProcessCounts() if request.param == "process" else shared_counts


def test_keys_are_counted_apart(counts: Any) -> None:
    """Each key has a count of its own, the empty one too."""
    assert [counts.add(7, key) for key in ("a", "b", "a", "", "")] == [1, 1, 2, 1, 2]


def test_next_window_begins_at_one(counts: Any) -> None:
    """The counts of the window before are forgotten."""
    counts.add(7, "a")

    assert [counts.add(8, "a"), counts.add(8, "a")] == [1, 2]


def test_late_request(counts: Any) -> None:
    """A request that took its time before it is counted does not begin the old window again."""
    counts.add(8, "a")

    assert counts.add(7, "a") == 2
    assert counts.add(8, "a") == 3


def test_clock_that_was_set_back(counts: Any) -> None:
    """The windows go on from there."""
    counts.add(800, "a")

    assert [counts.add(7, "a"), counts.add(7, "a"), counts.add(8, "a")] == [1, 2, 1]


def test_many_keys(counts: Any) -> None:
    """Thousands of keys are counted exactly."""
    keys = [f"key_{number}" for number in range(8000)]
    first = [counts.add(7, key) for key in keys]
    second = [counts.add(7, key) for key in keys]

    assert (set(first), set(second)) == ({1}, {2})


def test_more_keys_than_there_is_room_for(shared_counts: Any) -> None:
    """They share counts, which may reject a request too early, never too late."""
    assert all(shared_counts.add(7, f"key_{number}") >= 1 for number in range(40_000))
    assert all(shared_counts.add(7, f"key_{number}") >= 2 for number in range(40_000))


def test_processes_count_together(shared_counts: Any) -> None:
    """No request is lost, whichever process counts it."""
    in_children(4, lambda: [shared_counts.add(7, "a") for _ in range(2000)])

    assert shared_counts.add(7, "a") == 8001


def test_killed_process_leaves_no_lock(shared_counts: Any) -> None:
    """A process that is killed while it counts does not keep others from it."""
    counts = shared_counts
    reads, writes = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writes, b".")
        while True:
            counts.add(7, "a")
    os.read(reads, 1)
    for _ in range(100):
        counts.add(7, "b")
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.close(reads)
    os.close(writes)

    assert counts.add(7, "b") == 101


@pytest.mark.skipif(sys.platform == "win32", reason="workers are forked")
def test_connections_go_to_the_worker_that_has_fewest() -> None:
    """A worker that is ahead leaves a connection to the others, but not without end."""
    from statebase.server.sharing import OpenConnections

    connections = OpenConnections(2)
    first, second = connections.share_of(1), connections.share_of(2)
    assert not first.leaves_to_others()
    first.add(1)

    assert first.leaves_to_others()
    assert not second.leaves_to_others()
    assert any(not first.leaves_to_others() for _ in range(100))
    second.add(1)
    assert not first.leaves_to_others()
