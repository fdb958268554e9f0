"""A service for the blocks that talk to one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Dict, Iterator

import pytest


@pytest.fixture(scope="session")
def service() -> Iterator[Dict[str, str]]:
    """The environment that points clients to a `statebase serve` of this machine."""
    command = [sys.executable, "-m", "statebase", "serve", "--port", "0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        address = json.loads(server.stdout.readline())["base_url"]
        yield {**os.environ, "STATEBASE_BASE_URL": address, "STATEBASE_API_KEY": "sb_docs"}
        server.terminate()
