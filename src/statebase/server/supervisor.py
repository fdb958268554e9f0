"""Runs worker processes on one listening socket: starts them, replaces those that die, and stops all of them.

The workers are forked before anything is opened but the socket, so each opens a store of its own. POSIX only.
"""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import multiprocessing.connection
import os
import signal
import sys
import threading
import time
from types import TracebackType
from typing import Any, Callable, List, Optional, Type

logger = logging.getLogger("statebase.server")

_STOP_SECONDS = 15.0
"""How long the workers may take to finish their requests and close the store; then they are killed."""
_LONGEST_DELAY_SECONDS = 30.0
_STEADY_SECONDS = 10.0
"""A worker that ran for this long before it died is started again at once."""
_MOST_FAILURES = 5
"""If no worker is left, this many failed starts in a row of each end the server."""
_SIGNALS = (signal.SIGINT, signal.SIGTERM)

Ready = Callable[[], None]
Work = Callable[[int, Ready], None]
"""The function of a worker. It takes its number, from 1, and a function to call as soon as it serves requests."""


class WorkerError(Exception):
    """A worker cannot start; the message is for the user. `Work` raises it, and so does `supervise`."""


def supervise(
    number: int,
    work: Work,
    announce: Callable[[], None],
    close_socket: Callable[[], None],
    first_delay_seconds: float = 0.5,
) -> None:
    """Run workers until SIGINT or SIGTERM comes.

    If this process is killed, the workers finish their requests and end by themselves.

    Args:
        number: The number of workers.
        work: Runs in each worker process; SIGTERM must end it.
        announce: Called once, as soon as all workers are ready.
        close_socket: Closes this process's copy of the listening socket, so that new connections are refused as soon
            as no worker accepts them.
        first_delay_seconds: How long to wait before a worker that died is started again, if it did not run for long;
            each failure in a row doubles it, up to 30 seconds.

    Raises:
        WorkerError: A worker could not start at first, or no worker is left and none can be started.
    """
    workers = [_Worker(index + 1) for index in range(number)]
    with _Supervisor(work, workers, first_delay_seconds) as supervisor:
        try:
            supervisor.watch(announce)
        finally:
            close_socket()
            supervisor.stop()


class _Worker:
    """A worker: its process, or the time at which it is started again."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.process: Optional[Any] = None
        self.reports: Optional[multiprocessing.connection.Connection] = None
        self.is_ready = False
        self.failures = 0
        self.reason = ""
        """Why the last start failed, as the worker said; empty if it said nothing."""
        self.due = 0.0
        """The `time.monotonic()` at which it was started, or is to be."""

    def read_report(self) -> None:
        """Take in what the process has reported: that it is ready, or why it cannot start."""
        if self.reports is not None and self.reports.poll():
            try:
                self.reason = self.reports.recv()
                self.is_ready = not self.reason
            except EOFError:
                pass  # it died: its exit code says how
            self.reports.close()
            self.reports = None

    def ended(self) -> str:
        """Return how the process ended, as a sentence, and forget it."""
        assert self.process is not None
        self.process.join()
        code = int(self.process.exitcode)
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        text = f"Worker {self.number} (process {self.process.pid}) {how}."
        self.process.close()
        self.process = None
        return text


class _Supervisor:
    def __init__(self, work: Work, workers: List[_Worker], first_delay_seconds: float) -> None:
        self._work = work
        self._workers = workers
        self._first_delay_seconds = first_delay_seconds
        self._is_stopped = False

    def __enter__(self) -> _Supervisor:
        # No process writes to the first pipe. The workers see its end when this process is gone.
        self._life, self._life_held = os.pipe()
        self._wake, self._wake_written = os.pipe()
        os.set_blocking(self._wake_written, False)
        self._before = [(number, signal.signal(number, self._handle)) for number in _SIGNALS]
        signal.set_wakeup_fd(self._wake_written)
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], traceback: Optional[TracebackType]
    ) -> None:
        signal.set_wakeup_fd(-1)
        for number, handler in self._before:
            signal.signal(number, handler)
        for descriptor in (self._life, self._life_held, self._wake, self._wake_written):
            os.close(descriptor)

    def watch(self, announce: Callable[[], None]) -> None:
        """Start the workers, and start again those that die, until a signal comes."""
        announced = False
        while not self._is_stopped:
            now = time.monotonic()
            for worker in self._workers:
                if worker.process is None and worker.due <= now:
                    self._start(worker)
            self._wait()
            for worker in self._workers:
                worker.read_report()
                if worker.process is not None and not worker.process.is_alive() and not self._is_stopped:
                    self._replace(worker, announced)
            if not announced and not self._is_stopped and all(worker.is_ready for worker in self._workers):
                announced = True
                announce()

    def stop(self) -> None:
        """Stop the workers; those that do not end in time are killed."""
        processes = [(worker.number, worker.process) for worker in self._workers if worker.process is not None]
        for _, process in processes:
            process.terminate()
        deadline = time.monotonic() + _STOP_SECONDS
        for number, process in processes:
            process.join(max(0.0, deadline - time.monotonic()))
            if process.is_alive():
                logger.error("Worker %d did not end in %g seconds: it is killed.", number, _STOP_SECONDS)
                process.kill()
                process.join()

    def _handle(self, number: int, frame: Any) -> None:
        self._is_stopped = True

    def _wait(self) -> None:
        """Wait for a report, the end of a worker, a signal, or the time at which a worker is started again."""
        waited: List[Any] = [self._wake]
        for worker in self._workers:
            if worker.process is not None:
                waited.append(worker.process.sentinel)
            if worker.reports is not None:
                waited.append(worker.reports)
        dues = [worker.due for worker in self._workers if worker.process is None]
        timeout = max(0.0, min(dues) - time.monotonic()) if dues else None
        if self._wake in multiprocessing.connection.wait(waited, timeout):
            os.read(self._wake, 4096)

    def _start(self, worker: _Worker) -> None:
        context = multiprocessing.get_context("fork")
        reports, sender = context.Pipe(duplex=False)
        process = context.Process(
            target=self._run, args=(worker.number, sender), name=f"worker {worker.number}", daemon=False
        )
        # A signal that comes before the worker has handlers of its own waits until then.
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        try:
            process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        sender.close()
        worker.process, worker.reports, worker.reason = process, reports, ""
        worker.is_ready = False
        worker.due = time.monotonic()

    def _run(self, number: int, reports: multiprocessing.connection.Connection) -> None:
        """Run a worker, in its process."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group: the supervisor sends SIGTERM
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        for descriptor in (self._life_held, self._wake, self._wake_written):
            os.close(descriptor)
        threading.Thread(target=_end_with, args=(self._life,), daemon=True).start()
        try:
            self._work(number, lambda: reports.send(""))
        except WorkerError as error:
            with contextlib.suppress(BrokenPipeError):
                reports.send(str(error))
            sys.exit(1)

    def _replace(self, worker: _Worker, announced: bool) -> None:
        """Decide what follows from the end of a worker.

        Raises:
            WorkerError: The server cannot go on.
        """
        worker.read_report()
        was_ready, ran_seconds = worker.is_ready, time.monotonic() - worker.due
        worker.is_ready = False
        ended = worker.ended()
        reason = worker.reason or ended
        if not announced:
            raise WorkerError(reason)
        worker.failures = 0 if was_ready and ran_seconds >= _STEADY_SECONDS else worker.failures + 1
        if all(not each.is_ready and each.failures >= _MOST_FAILURES for each in self._workers):
            raise WorkerError(f"No worker is left, and none can be started: {reason}")
        delay = self._delay(worker.failures)
        worker.due = time.monotonic() + delay
        when = f"in {delay:g} seconds" if delay else "now"
        said = f" {worker.reason}" if worker.reason else ""
        logger.error("%s%s It is started again %s.", ended, said, when)

    def _delay(self, failures: int) -> float:
        """Return the seconds until a worker is started again after failures in a row."""
        return min(self._first_delay_seconds * 2.0 ** (failures - 1), _LONGEST_DELAY_SECONDS) if failures else 0.0


def _end_with(life: int) -> None:
    """End this process when the supervisor is gone: in an orderly way, or by force if that takes too long."""
    os.read(life, 1)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_STOP_SECONDS)
    os._exit(1)
