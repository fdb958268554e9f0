"""Importing the package and making a client cost next to nothing: no slow module, no socket, no file of ours."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import List

import pytest

HEAVY = ["httpx", "httpcore", "anyio", "asyncio", "pydantic", "pydantic_core", "ssl", "sqlite3"]
HEAVY += ["typing", "typing_extensions"]


def modules_after(code: str) -> List[str]:
    """Run code in a fresh interpreter, where every socket is an error; return what it imported."""
    script = f"""
import sys
before = set(sys.modules)
def refuse(event, args):
    if event.startswith("socket."):
        raise RuntimeError(event)
sys.addaudithook(refuse)
{code}
import json
print(json.dumps(sorted(set(sys.modules) - before)))
"""
    run = subprocess.run([sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    loaded: List[str] = json.loads(run.stdout)
    return loaded


@pytest.mark.parametrize(
    "code",
    [
        "import statebase",
        "import statebase; statebase.StateBase('sb_test')",
        "import statebase; statebase.AsyncStateBase('sb_test', 'eu', 5.0)",
        "import statebase; statebase.StateBase('sb_test', max_retries=0, deadline=3, default_headers={'X-A': 'b'})",
        "import statebase; statebase.StateBase('sb_test').with_options(timeout=5).close()",
        "import statebase; repr(statebase.AsyncStateBase('sb_test'))",
    ],
)
def test_nothing_heavy_is_loaded(code: str) -> None:
    """Neither httpx nor pydantic, nor what they bring along, is loaded before it is needed."""
    loaded = modules_after(code)

    assert "statebase" in loaded
    assert [name for name in HEAVY if name in loaded] == []


def test_first_namespace_loads_what_it_needs_and_opens_nothing() -> None:
    """The first use of a namespace loads pydantic; httpx is for failures; a socket is opened by the first call only."""
    loaded = modules_after("import statebase; statebase.StateBase('sb_test').sessions")

    assert "pydantic" in loaded
    assert [name for name in ("httpx", "urllib.request", "email.utils") if name in loaded] == []
    assert not any(name.startswith("statebase.local") for name in loaded)
    assert "sqlite3" not in loaded


def test_first_call_builds_the_models_that_it_needs() -> None:
    """A session is read without the models of states, memories and the rest."""
    code = """
import httpx, statebase
session = {"id": "sess_1", "agent_id": "a", "created_at": "2026-01-02T03:04:05Z", "updated_at": "2026-01-02T03:04:05Z"}
session.update(state={}, memory_count=0, turn_count=0)
transport = httpx.MockTransport(lambda request: httpx.Response(200, json=session))
statebase.StateBase("sb_test", transport=transport).sessions.get("sess_1")
"""

    models = {name for name in modules_after(code) if name.startswith("statebase._generated.models.")}

    assert models == {"statebase._generated.models.sessions", "statebase._generated.models.shared"}


def test_sync_client_loads_nothing_of_asyncio() -> None:
    """A call of the sync client pays for no event loop."""
    code = """
import httpx, statebase
transport = httpx.MockTransport(lambda request: httpx.Response(200, json={"status": "ok"}))
statebase.StateBase("sb_test", transport=transport).live()
statebase.StateBase("sb_test")._connection
"""

    brought = modules_after("import opentelemetry.trace")  # old versions of it load asyncio themselves

    assert "asyncio" not in set(modules_after(code)) - set(brought)


def test_embedded_engine_is_loaded_on_request() -> None:
    """StateBase.local() loads the engine, and opens no socket either."""
    loaded = modules_after("import statebase; statebase.StateBase.local().sessions.create('agent')")

    assert "statebase.local.engine" in loaded
