"""After a fork, the child uses its own connections, and those of the parent still work."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Callable, List, Set

import pytest

PROGRAM = Path(__file__).with_name("forking.py")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork"),
]


@pytest.fixture(params=["http", "https"])
def any_server(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue("server" if request.param == "http" else "tls_server")


@pytest.fixture
def fork(any_server: Any, flavour: str, ca_file: str) -> Callable[..., List[Any]]:
    """Run a scenario of the program; return what its processes report, the parent first."""

    def run(scenario: str, *, children: int, calls: int) -> List[Any]:
        arguments = [scenario, flavour, any_server.url, ca_file, str(children), str(calls)]
        # Python 3.12 and later warn of a fork in a process with threads, which is what is tested here.
        warnings = ["-W", "error", "-W", "ignore:This process:DeprecationWarning"]
        program = subprocess.run(
            [sys.executable, "-X", "faulthandler", *warnings, str(PROGRAM), *arguments],
            capture_output=True,
            timeout=120,
        )
        assert (program.returncode, program.stderr) == (0, b"")
        reports: List[Any] = json.loads(program.stdout)
        return reports

    return run


def connections_of(report: Any) -> Set[int]:
    return {answer["connection"] for _, answer in report["answers"]}


def assert_everybody_got_their_own(reports: List[Any], *, calls: int) -> None:
    """Each process got all of its answers, and no two processes used the same connection."""
    assert [error for report in reports for error in report["errors"]] == []
    assert [(id, answer) for report in reports for id, answer in report["answers"] if answer["id"] != id] == []
    assert [len(report["answers"]) for report in reports[1:]] == [calls] * (len(reports) - 1)
    used = [connection for report in reports for connection in connections_of(report)]
    assert len(used) == len(set(used))


@pytest.mark.parametrize("flavour", ["sync", "async", "aiohttp"])
def test_nobody_gets_the_answer_of_another(fork: Callable[..., Any], any_server: Any) -> None:
    """Children of a busy process send hundreds of requests while it goes on; nothing is lost, nothing confused."""
    reports = fork("storm", children=20, calls=30)

    assert_everybody_got_their_own(reports, calls=30)
    assert len(connections_of(reports[0])) <= 3
    any_server.wait_until(lambda: any_server.open == 0)


@pytest.mark.parametrize("flavour", ["sync", "async", "aiohttp"])
def test_child_may_go_on_with_the_event_loop(fork: Callable[..., Any]) -> None:
    """A child that inherited an event loop finds none of the parent's connections in it."""
    reports = fork("same_loop", children=5, calls=6)

    assert_everybody_got_their_own(reports, calls=6)
    assert len(connections_of(reports[0])) <= 3


@pytest.mark.parametrize("flavour", ["sync", "async", "aiohttp"])
def test_request_under_way_is_the_parents(fork: Callable[..., Any], any_server: Any) -> None:
    """A child does not disturb a request whose reply is on its way to another thread of the parent."""
    reports = fork("under_way", children=3, calls=6)

    assert_everybody_got_their_own(reports, calls=6)
    assert reports[0]["answers"][0][1]["id"] == "under way"


@pytest.mark.parametrize("flavour", ["sync", "async", "aiohttp"])
def test_fork_behind_the_back_of_python_is_noticed(fork: Callable[..., Any]) -> None:
    """A pool also looks at its process id, for forks that do not run the hooks."""
    reports = fork("without_hooks", children=3, calls=6)

    assert_everybody_got_their_own(reports, calls=6)
    assert len(connections_of(reports[0])) <= 3


def test_programs_that_a_child_starts_inherit_no_connection(fork: Callable[..., Any]) -> None:
    """The replacement of an inherited socket is closed when the child executes another program, as sockets are."""
    made, child = fork("leftovers", children=1, calls=3)

    assert made > 0
    assert child["descriptors"] >= made
    assert child["inheritable"] == []


def test_connections_of_the_parent_are_not_garbage_in_the_child(fork: Callable[..., Any]) -> None:
    """Objects of the parent's event loops are kept: finalizing them would wake those loops in the parent."""
    made, child = fork("leftovers", children=1, calls=3)

    assert made > 0
    assert child["calls of the loop"] == 0
