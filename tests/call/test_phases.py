"""An error tells how far the attempt came that it ended, and whether it was a matter of time."""

from __future__ import annotations

import httpx
import pytest

from statebase._call.outcome import is_timeout, phase_of


@pytest.mark.parametrize(
    ("error", "phase"),
    [
        (httpx.ConnectError("refused"), "connect"),
        (httpx.ConnectTimeout("late"), "connect"),
        (httpx.PoolTimeout("busy"), "connect"),
        (httpx.ProxyError("503"), "connect"),
        (httpx.UnsupportedProtocol("ftp"), "connect"),
        (httpx.WriteError("broken pipe"), "send"),
        (httpx.WriteTimeout("late"), "send"),
        (httpx.LocalProtocolError("illegal header"), "send"),
        (httpx.ReadError("reset"), "receive"),
        (httpx.ReadTimeout("late"), "receive"),
        (ConnectionResetError("reset"), "receive"),
        (ValueError("odd"), "receive"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_how_far_an_attempt_came(error: Exception, phase: str) -> None:
    """A failure before anything was sent differs from a later one; an unknown one counts as sent."""
    assert phase_of(error) == phase


def test_timeouts_of_python_are_timeouts() -> None:
    """An event loop may end an attempt with an error of its own."""
    assert is_timeout(TimeoutError())
    assert not is_timeout(OSError())
