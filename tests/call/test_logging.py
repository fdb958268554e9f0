"""The logger `statebase` has one line an attempt: route, status, time, request id; STATEBASE_LOG shows them."""

from __future__ import annotations

import logging
import subprocess
import sys
from typing import Any

import httpx
import pytest

from statebase import StateBaseError


def lines(caplog: pytest.LogCaptureFixture) -> Any:
    return [(record.levelname, record.getMessage()) for record in caplog.records if record.name == "statebase"]


def test_one_line_an_attempt(respond: Any, caplog: pytest.LogCaptureFixture, clock: Any) -> None:
    """An attempt that is repeated is logged as a warning, the last one as information, whatever its result."""
    caplog.set_level(logging.DEBUG, logger="statebase")
    client, _ = respond(
        httpx.ReadError("lost"),
        httpx.Response(503, headers={"x-request-id": "req_1", "retry-after": "7"}),
        httpx.Response(404, headers={"x-request-id": "req_2"}),
    )

    with pytest.raises(StateBaseError):
        client.sessions.get("sess_private")

    route = "GET /v1/sessions/{session_id}"
    first, second = clock.waits
    assert lines(caplog) == [
        ("WARNING", f"{route} ReadError in 0 ms, attempt 1, request_id=None, again in {first:.2f} s"),
        ("WARNING", f"{route} 503 in 0 ms, attempt 2, request_id=req_1, again in {second:.2f} s"),
        ("INFO", f"{route} 404 in 0 ms, attempt 3, request_id=req_2"),
    ]


def test_nothing_is_written_unless_someone_reads_it(respond: Any, caplog: pytest.LogCaptureFixture) -> None:
    """At the level WARNING, which is Python's own, a call that succeeds has no line."""
    caplog.set_level(logging.WARNING)
    client, _ = respond(200)

    client.sessions.get("sess_1")

    assert lines(caplog) == []


SCRIPT = """
import httpx
{before}
from statebase import StateBase
for _ in range(2):
    client = StateBase("sb_test", transport=httpx.MockTransport(lambda _: httpx.Response(200, json={{}})))
    client.info()
"""


@pytest.mark.parametrize(
    ("level", "before", "count"),
    [
        ("info", "", 2),
        ("DEBUG", "", 2),
        (" info ", "", 2),
        ("", "", 0),
        ("warning", "", 0),
        ("nonsense", "", 0),
        ("info", "import logging; logging.basicConfig(format='mine %(message)s')", 2),
    ],
)
def test_environment_shows_the_lines(level: str, before: str, count: int) -> None:
    """STATEBASE_LOG=info or debug sends the lines to standard error, once each, through a handler that is there."""
    environment = {"STATEBASE_LOG": level, "PATH": ""}
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", SCRIPT.format(before=before)],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )

    shown = [line for line in run.stderr.splitlines() if "GET / 200 in" in line]
    assert len(shown) == len(run.stderr.splitlines()) == count
    assert all(line.startswith("mine ") for line in shown) == bool(before) or not shown
    assert run.stdout == ""
