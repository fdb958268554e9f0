"""A fork while another thread makes the first call: the child can make calls."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PROGRAM = Path(__file__).with_name("importing.py")

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")


def run(*arguments: str) -> Any:
    # Python 3.12 and later warn of a fork in a process with threads, which is what is tested here.
    warnings = ["-W", "ignore:This process:DeprecationWarning"]
    program = subprocess.run(
        [sys.executable, *warnings, str(PROGRAM), *arguments], capture_output=True, timeout=120, check=False
    )
    assert program.returncode == 0, program.stderr.decode()
    return json.loads(program.stdout)


@pytest.mark.parametrize("protocol", ["http1", "http2", "proxy"])
def test_fork_waits_for_imports(
    flavour: str, protocol: str, server: Any, tls_server: Any, http2_server: Any, ca_file: str
) -> None:
    """Forks wait for each module that the first calls import: in the child its lock would never be released."""
    url = {"http1": server, "http2": http2_server, "proxy": tls_server}[protocol].url
    proxy = server.url if protocol == "proxy" else ""

    assert run("imports", flavour, url, ca_file, protocol, proxy) == []


def test_child_of_a_fork_during_an_import_makes_calls(flavour: str, server: Any, ca_file: str) -> None:
    """The parent forks when another thread is about to import httpcore; both the child and the thread go on."""
    assert run("fork", flavour, server.url, ca_file, "http1", "") == {"child": 0, "thread": False}
