"""A program whose calls are interrupted; `test_interrupts.py` runs it.

It prints, as JSON, how many calls were interrupted, and what was wrong afterwards.
"""

from __future__ import annotations

import faulthandler
import json
import random
import signal
import ssl
import sys
import threading
from types import FrameType
from typing import Any, List, Optional

from statebase import StateBase
from statebase._wire.pool import SyncPool
from statebase._wire.pool_state import Holder, Waiter

PATIENCE_SECONDS = 60
STORM_CALLS = 1000
SLOTS = 3
"""With so few, one that is lost is missed soon."""


class Interrupted(BaseException):
    pass


class Tracer:
    """Raises an exception at a line of a call: the first line, the second, and so on."""

    def __init__(self, line: int) -> None:
        self.left = line

    def __call__(self, frame: FrameType, event: str, _: Any) -> Optional[Tracer]:
        if event == "line":
            self.left -= 1
            if self.left == 0:
                sys.settrace(None)
                raise Interrupted
        return self


class Client:
    """A client, and a way to see what an interrupted call has left behind."""

    def __init__(self, url: str, verify: ssl.SSLContext, http2: bool) -> None:
        self.client = StateBase("sb_test", url, max_retries=0)
        self.pool = SyncPool(url, verify=verify, http2=http2, max_connections=SLOTS)
        self.client._connection.exchange = self.pool.exchange
        self.wrong: List[str] = []

    def call(self) -> None:
        self.client.info()

    def check(self, moment: str, *, slots_may_be_found_later: bool = False) -> None:
        """Look whether slots are taken, whether all can be had, and whether this and another thread can make a call."""
        if (self.pool.active or self.pool.waiting) and not slots_may_be_found_later:
            self.wrong.append(f"{moment}: {self.pool!r}")
        state = self.pool._open()
        holder = Holder()
        waiters = [Waiter(holder) for _ in range(SLOTS)]
        if not slots_may_be_found_later and not all(map(state.acquire, waiters)):
            self.wrong.append(f"{moment}: {self.pool!r} has not {SLOTS} connections to give")
        for waiter in waiters:
            state.release(waiter, reusable=False)
        self.call()
        thread = threading.Thread(target=self.call, daemon=True)
        thread.start()
        thread.join(PATIENCE_SECONDS)
        if thread.is_alive():
            raise SystemExit(f"{moment}: another thread hangs")


def every_line(url: str, verify: ssl.SSLContext, http2: bool, harder: bool) -> Any:
    """Interrupt a call at each of its lines, including one that must connect first."""
    client = Client(url, verify, http2)
    client.call()
    line = 0
    while True:
        line += 1
        if harder:
            client.pool.close()
            client = Client(url, verify, http2)
        tracer = Tracer(line)
        try:
            sys.settrace(tracer)
            client.call()
        except Interrupted:
            pass
        finally:
            sys.settrace(None)
        if tracer.left > 0:
            break
        client.check(f"line {line}")
        if client.wrong:
            break
    client.pool.close()
    return {"interrupted": line - 1, "wrong": client.wrong}


def storm(url: str, verify: ssl.SSLContext, http2: bool, harder: bool) -> Any:
    """Interrupt calls by signals at random moments; harder: by several, also while one is dealt with."""
    client = Client(url, verify, http2)
    client.call()
    others = [threading.Thread(target=repeat, args=(client,), daemon=True) for _ in range(SLOTS - 1)]
    for thread in others:
        thread.start()
    signal.signal(signal.SIGALRM, interrupt)
    interrupted = 0
    random.seed(1)
    for _ in range(STORM_CALLS):
        try:
            signal.setitimer(signal.ITIMER_REAL, random.uniform(0.00002, 0.0015), 0.0002 if harder else 0)
            client.call()
        except Interrupted:
            interrupted += 1
        finally:
            while True:
                try:
                    signal.setitimer(signal.ITIMER_REAL, 0)
                    break
                except Interrupted:
                    pass
    stop.set()
    for thread in others:
        thread.join(PATIENCE_SECONDS)
        if thread.is_alive():
            raise SystemExit("another thread hangs")
    client.check("after the storm", slots_may_be_found_later=harder)
    client.pool.close()
    return {"interrupted": interrupted, "wrong": client.wrong}


stop = threading.Event()


def repeat(client: Client) -> None:
    while not stop.is_set():
        client.call()


def interrupt(*_: object) -> None:
    raise Interrupted


if __name__ == "__main__":
    scenario, effort, url, ca_file, protocol = sys.argv[1:]
    faulthandler.dump_traceback_later(PATIENCE_SECONDS * 3, exit=True)
    run = {"every_line": every_line, "storm": storm}[scenario]
    context = ssl.create_default_context(cafile=ca_file)
    print(json.dumps(run(url, context, protocol == "http2", effort == "harder")))
