"""A program that makes its first calls; `test_fork_while_importing.py` runs it.

`imports`: it prints, as JSON, which modules calls have imported while forks were not kept waiting.
`fork`: it forks in the middle of an import, and prints the exit status of the child, which makes a call, too.
"""

from __future__ import annotations

import asyncio
import contextlib
import faulthandler
import json
import os
import sys
import threading
from importlib.abc import MetaPathFinder
from typing import Any, List

PATIENCE_SECONDS = 60

flavour, url, ca_file, protocol, proxy = sys.argv[2:]


def call() -> None:
    import statebase

    options: Any = {"verify": ca_file, "http2": protocol == "http2", "proxy": proxy or None, "max_retries": 0}
    if flavour == "sync":
        client: Any = statebase.StateBase("sb_test", url, **options)
        client.info()
        for attempt in (lambda: client.sessions.create("agent"), lambda: client.memory.search("tea")):
            with contextlib.suppress(statebase.StateBaseError):
                attempt()
        client.close()
        return

    async def call_async() -> None:
        async with statebase.AsyncStateBase("sb_test", url, **options) as client:
            await client.info()
            with contextlib.suppress(statebase.StateBaseError):
                await client.sessions.create("agent")

    asyncio.run(call_async())


def may_fork(lock: Any) -> bool:
    """Return whether this thread does not hold a reentrant lock, so that another may have it and fork."""
    try:
        lock.release()
    except RuntimeError:
        return True
    lock.acquire()
    return False


class Spy(MetaPathFinder):
    """Writes down what is imported while a fork might happen."""

    def __init__(self, lock: Any) -> None:
        self.seen: List[str] = []
        self._lock = lock

    def find_spec(self, name: str, path: Any, target: Any = None) -> None:
        if may_fork(self._lock):
            self.seen.append(name)


class Gate(MetaPathFinder):
    """Stops the import of a module until a fork is about to happen."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.reached = threading.Event()
        self.go_on = threading.Event()

    def find_spec(self, name: str, path: Any, target: Any = None) -> None:
        if name == self.name:
            self.reached.set()
            assert self.go_on.wait(PATIENCE_SECONDS)


def imports() -> None:
    import statebase

    assert statebase.__name__
    spy = Spy(sys.modules["statebase._base.lazy"].importing)  # a fork may follow the import of the package alone
    if flavour == "async":
        asyncio.run(asyncio.sleep(0))
    sys.meta_path.insert(0, spy)
    call()
    print(json.dumps(spy.seen))


def fork() -> None:
    from statebase import StateBase

    assert StateBase
    gate = Gate("httpcore")
    sys.meta_path.insert(0, gate)
    os.register_at_fork(before=gate.go_on.set)  # hooks run in reverse order: this one goes first
    thread = threading.Thread(target=call)
    thread.start()
    assert gate.reached.wait(PATIENCE_SECONDS)
    child = os.fork()
    if child == 0:
        faulthandler.dump_traceback_later(PATIENCE_SECONDS / 2, exit=True)
        call()
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    thread.join(PATIENCE_SECONDS)
    print(json.dumps({"child": status, "thread": thread.is_alive()}))


if __name__ == "__main__":
    {"imports": imports, "fork": fork}[sys.argv[1]]()
