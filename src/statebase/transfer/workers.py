"""Threads that do pieces of work at the same time, the pieces of one session in order."""

from __future__ import annotations

import queue
import threading
from types import TracebackType
from typing import Callable, Optional

Work = Callable[[], None]


class Order:
    """The pieces of one session: each begins when the one before is done."""

    def __init__(self) -> None:
        self.last: Optional[threading.Event] = None


class Workers:
    """A number of threads for a `with` block. With one, `submit` does the work itself.

    A failed piece ends the others: those that have not begun are skipped, and `submit` or the end of the block raises
    its error.
    """

    def __init__(self, number: int) -> None:
        self._jobs: queue.Queue[Optional[tuple[Optional[threading.Event], Work, threading.Event]]] = queue.Queue(number)
        self._failure: Optional[BaseException] = None
        self._is_over = False
        # Daemons: if waiting for them is interrupted too, they end with the process.
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(number if number > 1 else 0)]

    def submit(self, order: Order, work: Work) -> None:
        """Hand a piece of work to a thread; wait if all are busy.

        Raises:
            BaseException: The error of an earlier piece, or with one thread of this one.
        """
        if not self._threads:
            work()
            return
        done = threading.Event()
        self._jobs.put((order.last, work, done))
        order.last = done
        self._raise()

    def __enter__(self) -> Workers:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        if error is not None and not isinstance(error, Exception):  # it was interrupted
            self._is_over = True
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            thread.join()
        if error is None:
            self._raise()

    def _run(self) -> None:
        while True:
            job = self._jobs.get()
            if job is None:
                return
            before, work, done = job
            try:
                if before is not None:
                    before.wait()
                if not self._is_over:
                    work()
            except BaseException as error:  # raised again by the thread that submits
                self._failure = self._failure or error
                self._is_over = True
            finally:
                done.set()

    def _raise(self) -> None:
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure
