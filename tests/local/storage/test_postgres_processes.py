"""Several processes work on one database: turn numbers have no gaps, and a request with one key takes effect once."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any, List

import pytest

from statebase import StateBase

pytestmark = pytest.mark.slow

WRITER = """
import json, sys, threading
from statebase import StateBase

url, sessions, key = sys.argv[1], sys.argv[2].split(","), sys.argv[3] or None
client = StateBase.local(url, durability="normal")
results, failures = [], []

def write(thread):
    try:
        for number in range(10 if key is None else 1):
            session = sessions[(thread + number) % len(sessions)]
            options = {} if key is None else {"idempotency_key": key}
            results.append(client.sessions.add_turn(session, "a", "b", **options).turn_number)
            if key is None:
                client.state.update_state(session, {f"{thread}-{number}": number})
    except Exception as error:
        failures.append(repr(error))

threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
client.close()
print(json.dumps([results, failures]))
"""


def run(*arguments: str, processes: int = 4) -> List[Any]:
    """Return the numbers of the turns that each process wrote."""
    command = [sys.executable, "-c", WRITER, *arguments]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(processes)]
    outputs = [json.loads(process.communicate(timeout=120)[0]) for process in started]
    assert [failures for _, failures in outputs] == [[]] * processes
    return [results for results, _ in outputs]


def test_turn_numbers_have_no_gaps(postgres_url: str):
    """With 4 processes of 8 threads each, on 2 sessions; no version of a state is lost either."""
    with StateBase.local(postgres_url, durability="normal") as client:
        sessions = [client.sessions.create("a").id for _ in range(2)]

        run(postgres_url, ",".join(sessions), "")

        for session_id in sessions:
            turns = client.sessions.list_turns(session_id, limit=100, order="asc").auto_paging_iter()
            numbers = [turn.turn_number for turn in turns]
            assert numbers == list(range(1, 161))
            state = client.state.get_state(session_id)
            assert state.version == 160
        traces = [trace.id for trace in client.traces.list(limit=100).data]
        assert len(set(traces)) == 100


def test_key_that_is_sent_32_times_at_once_is_one_turn(postgres_url: str):
    with StateBase.local(postgres_url, durability="normal") as client:
        session_id = client.sessions.create("a").id

        results = run(postgres_url, session_id, "one-key")

        assert results == [[1] * 8] * 4
        assert client.sessions.get(session_id).turn_count == 1
