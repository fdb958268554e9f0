"""Writes under a storm of signals whose handler raises; usage: interrupted_writer.py PATH KIND."""

from __future__ import annotations

import random
import signal
import sqlite3
import sys
import threading
import time
from typing import Any, List

from statebase import StateBase

INTERRUPTS = 3000
SECONDS = 60

path, kind_name = sys.argv[1:]
kind = KeyboardInterrupt if kind_name == "KeyboardInterrupt" else type("SoftTimeLimitExceeded", (Exception,), {})
armed = False


def handle(number: int, frame: Any) -> None:
    if armed:
        raise kind


signal.signal(signal.SIGALRM, handle)
client = StateBase.local(path, durability="normal").with_options(max_retries=0)
session_id = client.sessions.create("agent").id
other_id = client.sessions.create("agent").id
over = threading.Event()
versions: List[int] = [0]
failures: List[BaseException] = []


def write_beside() -> None:
    try:
        while not over.is_set():
            versions.append(client.state.update_state(other_id, {"n": len(versions)}).version)
            client.sessions.get(other_id)
    except BaseException as error:
        failures.append(error)


thread = threading.Thread(target=write_beside, daemon=True)
thread.start()
rng = random.Random(7)
interrupts = acknowledged = number = 0
end = time.monotonic() + SECONDS
while interrupts < INTERRUPTS and time.monotonic() < end:
    number += 1
    try:
        armed = True
        signal.setitimer(signal.ITIMER_REAL, rng.uniform(0.00002, 0.003))
        client.state.update_state(session_id, {"n": number})
        acknowledged += 1
        armed = False
    except kind:
        armed = False
        interrupts += 1
    signal.setitimer(signal.ITIMER_REAL, 0)
over.set()
thread.join(20)

assert not thread.is_alive(), "another thread hangs"
assert not failures, failures
assert versions == list(range(len(versions))), "a write of another thread was lost, or made twice"
version = client.state.get_state(session_id).version
assert acknowledged <= version <= number, (acknowledged, version, number)
assert interrupts > 100, interrupts
assert client.state.update_state(session_id, {"n": 0}).version == version + 1
if path.endswith(".db"):
    other = sqlite3.connect(path, timeout=0, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    other.execute("ROLLBACK")
    assert other.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    other.close()
client.close()
print("ok")
