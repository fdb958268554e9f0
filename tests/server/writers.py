"""Writers that load servers while something happens to them, and count what was answered."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable, List

from statebase import StateBase

Progress = Callable[[], None]
"""Waits until the writers have got more answers."""


class Writer:
    """Adds turns to a session until it is told to stop, each under a key of its own, repeated until it is answered.

    Args:
        session_id: The session.
        name: Begins the input of its turns.
        url: The server.
        api_key: The key of the server.
    """

    def __init__(self, session_id: str, name: str, url: str, api_key: str = "any") -> None:
        self.answered: List[str] = []
        self._session_id = session_id
        self._name = name
        self._url = url
        self._api_key = api_key

    @property
    def next(self) -> str:
        """The turn that is sent now, or was when its server went away; its key is the same text."""
        return f"{self._name}-{len(self.answered)}"

    def run(self, stopped: threading.Event, **options: Any) -> None:
        """Write until it is stopped; `options` are those of the client."""
        with StateBase(self._api_key, self._url, **options) as client:
            while not stopped.is_set():
                self.send(client)

    def send(self, client: StateBase) -> None:
        """Send the next turn by a client."""
        text = self.next
        client.sessions.add_turn(self._session_id, text, "out", idempotency_key=text)
        self.answered.append(text)


def write_while(writers: List[Writer], happens: Callable[[Progress], None]) -> List[str]:
    """Run writers while something happens, and return the inputs of all turns that were answered."""
    stopped = threading.Event()
    with ThreadPoolExecutor(len(writers)) as threads:
        running = [threads.submit(writer.run, stopped, max_retries=15, timeout=15) for writer in writers]
        try:
            wait_for_progress(writers)
            happens(lambda: wait_for_progress(writers))
            wait_for_progress(writers)
        finally:
            stopped.set()
        for each in running:
            each.result()
    return [text for writer in writers for text in writer.answered]


def wait_for_progress(writers: List[Writer]) -> None:
    """Wait until the writers together have got two more answers for each of them."""
    wanted = sum(len(writer.answered) for writer in writers) + 2 * len(writers)
    tick = threading.Event()
    for _ in range(1200):
        if sum(len(writer.answered) for writer in writers) >= wanted:
            return
        tick.wait(0.05)
    raise AssertionError("the writers get no more answers")


def check_turns(client: StateBase, session_id: str, answered: List[str]) -> None:
    """Check that every turn that was answered is there once, and the numbers have no gaps."""
    turns = list(client.sessions.list_turns(session_id, limit=100, order="asc").auto_paging_iter())
    assert sorted(turn.input_preview for turn in turns) == sorted(answered)
    assert [turn.turn_number for turn in turns] == list(range(1, len(answered) + 1))
