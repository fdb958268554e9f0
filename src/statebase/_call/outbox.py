"""The outbox: writes are kept in a file before they are sent, and sent later if the service is unavailable.

One text for both clients: generators of steps. A write stays in the file until the service has answered it, and is
always sent under its idempotency key, so it is applied once, whatever interrupts. Two processes may send the same
write: the service applies one of the requests.
"""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Callable, List, Mapping, NamedTuple, Optional, Sequence, Union
from weakref import WeakValueDictionary

from .._base.clock import Clock
from .._base.errors import ConfigurationError, InvalidRequestError, OutboxError, StateBaseError
from .._base.exchange import Reply
from .._base.lazy import http_errors
from .._base.operation import Operation
from .._results.queued import QueuedWrite
from .call import Call
from .log_lines import logger
from .outbox_file import OF_USER, OutboxFile, OutboxItem, Row, Write
from .outcome import is_unavailable
from .steps import Steps, run, run_async

if TYPE_CHECKING:
    import asyncio

LONGEST_TRY_SECONDS = 23 * 3600.0
"""After this time, a write that may have been applied is not sent again: the service forgets its key after 24 hours."""
_REJECTED = frozenset({400, 404, 409, 413, 422})
"""The statuses about the write itself; others, such as 401, are about the client, and all writes wait."""
_UNSUPPORTED = frozenset({405, 501})
"""The statuses of a service that does not have an operation."""
_SENT_BEFORE = 10
"""The most waiting writes of its session that a call sends before its own."""
_NO_SUCH_MEMORIES = (
    "The service stores memories only for a session, and without expires_in: add it with session_id, and discard this "
    "one"
)
_PAUSE_SECONDS = 5.0
"""The time after which what waits is sent in the background, if the last attempt to send it failed."""
_LIST = 20


class Queued(NamedTuple):
    """A write that is in the outbox instead of a reply to it."""

    write: Write
    error: StateBaseError


@dataclass(frozen=True)
class OutboxReport:
    """The result of `flush`."""

    sent: int
    """The writes that were sent."""
    failed: int
    """The writes that the service rejected; see `failed()`."""
    pending: int
    """The writes that still wait."""
    reason: Optional[str] = None
    """The reason that they wait, one sentence; None if all were tried."""


class _Claim:
    """A call or a flush that sends writes."""

    def __init__(self, *, is_call: bool) -> None:
        self.is_call = is_call


class OutboxQueue:
    """The state of an outbox within a process, shared by a client and its views.

    Args:
        file: The file.
        results: The operations whose writes are kept, and the class of their results while they wait.
    """

    def __init__(self, file: OutboxFile, results: Sequence[tuple[Operation[Any], type[QueuedWrite]]]) -> None:
        self.file = file
        self.operations = {operation.id: operation for operation, _ in results}
        self.results = {operation.id: result for operation, result in results}
        self.has_waiting = file.has_waiting
        """Whether a write may wait that no call is about to send."""
        self.not_before = float("-inf")
        """The time on the monotonic clock from which what waits may be sent in the background."""
        self.thread = threading.Thread()
        """The thread that sends in the background, with a synchronous client. At first, one that never runs."""
        self.tasks: set[asyncio.Task[None]] = set()
        """The tasks that send in the background, with an asynchronous client: one for each event loop of asyncio."""
        self._sending: WeakValueDictionary[int, _Claim] = WeakValueDictionary()
        self._process = os.getpid()

    def tasks_of(self, loop: Optional[asyncio.AbstractEventLoop]) -> List[asyncio.Task[None]]:
        """Return the tasks of an event loop."""
        return [task for task in self.tasks if task.get_loop() is loop]

    async def cancel_tasks(self) -> None:
        """End the tasks of this event loop; what waits stays in the file."""
        tasks = self.tasks_of(running_asyncio_loop())
        for task in tasks:
            task.cancel()
        await _ended(tasks)

    def steps(
        self,
        repeat: Callable[[Operation[Any], str, str, bytes, str, Optional[float]], Call],
        exchange: Callable[[Call], Any],
        io: Callable[..., Any],
        clock: Clock,
    ) -> OutboxSteps:
        """Return what sends writes with the options of a client or view; see `OutboxSteps`."""
        return OutboxSteps(self, repeat, exchange, io, clock)

    @property
    def sending(self) -> WeakValueDictionary[int, _Claim]:
        """The claims of the writes that this process is sending, by number.

        A claim that an exception at the wrong line leaves here ends with the frame that made it.
        """
        if self._process != os.getpid():  # after a fork, those of the parent
            self._process, self._sending = os.getpid(), WeakValueDictionary()
        return self._sending


class OutboxSteps:
    """Sends writes by way of an outbox, with either client.

    Args:
        queue: The outbox.
        repeat: Builds the call of a write that waits.
        exchange: Sends a call.
        io: Calls a function that uses the file, without blocking an event loop.
        clock: The clock of the client.
    """

    def __init__(
        self,
        queue: OutboxQueue,
        repeat: Callable[[Operation[Any], str, str, bytes, str, Optional[float]], Call],
        exchange: Callable[[Call], Any],
        io: Callable[..., Any],
        clock: Clock,
    ) -> None:
        self.queue = queue
        self._file = queue.file
        self._repeat = repeat
        self._exchange = exchange
        self._io = io
        self._clock = clock

    def keeps(self, operation: Operation[Any]) -> bool:
        """Return whether the writes of an operation are kept.

        Raises:
            InvalidRequestError: The operation contains writes that would be kept otherwise, but cannot be.
        """
        if operation.id == "write_batch":
            raise InvalidRequestError(
                "write_batch() cannot be used with an outbox, which keeps turns one by one: call add_turn() or ingest()"
            )
        return operation.id in self.queue.operations

    def send(self, call: Call, values: Mapping[str, object], options: Mapping[str, Any]) -> Steps[Union[Reply, Queued]]:
        """Keep a write, and send it after those of its session that wait.

        Args:
            call: The call.
            values: The arguments in the path and the body, with the session or the user.
            options: The options of the call.

        Returns:
            The reply; `Queued` if the service is unavailable.
        """
        prepared, key = call.prepared, call.idempotency_key
        if options.get("extra_headers") or key is None:
            raise InvalidRequestError(
                "extra_headers cannot be used with an outbox, which keeps no headers: pass default_headers",
                param="extra_headers",
            )
        session_id = values.get("session_id")
        session = str(session_id) if session_id else f"{OF_USER}{values['user_id']}"
        write = Write(session, call.operation.id, prepared.path, prepared.query, prepared.content, key)
        row: Row = yield self._io(self._file.add, write, self._now())
        call.fails_fast = True
        if row.write != write:
            yield from self._send_first(row, call)
            reply_of_second: Reply = yield self._exchange(call)
            return reply_of_second
        sending, claim = self.queue.sending, _Claim(is_call=True)
        is_sent = False
        try:
            try:
                sending[row.id] = claim
                yield from self._send_ahead(row, call)
                is_sent = True
                reply: Reply = yield self._exchange(call)
            except StateBaseError as error:
                if not is_unavailable(error):
                    yield from self._settle(self._file.remove, row.id)
                    error.idempotency_key = key
                    raise
                if row.tried_at is None and (not is_sent or error.outcome == "not_sent"):
                    yield from self._settle(self._file.set_tried, row.id, None)
                self.queue.has_waiting = True
                logger.warning("%s is in the outbox: %s", call.operation.methods[0], error.message)
                return Queued(write, error)
            except BaseException:
                self.queue.has_waiting = True
                raise
            finally:
                sending.pop(row.id, None)
        finally:
            sending.pop(row.id, None)  # again: an exception of a signal handler can come before the line above
        yield from self._settle(self._file.remove, row.id)
        return reply

    def queued_result(self, queued: Queued, *, is_raw: bool) -> Any:
        """Return the result of a method whose write is in the outbox.

        Raises:
            StateBaseError: The caller asked for the raw response, which does not exist.
        """
        write, error = queued
        if is_raw:
            error.hint = "It is in the outbox, and is sent later: do not repeat it."
            raise error
        session_id = None if write.session.startswith(OF_USER) else write.session
        return self.queue.results[write.operation].of(session_id, write.key, error.message)

    def flush(self) -> Steps[OutboxReport]:
        """Send what waits, oldest first, until the service is unavailable."""
        queue, sending, claim = self.queue, self.queue.sending, _Claim(is_call=False)
        queue.has_waiting = False
        sent = failed = after = 0
        reason: Optional[str] = None
        busy: set[str] = set()
        try:
            while reason is None:
                rows: List[Row] = yield self._io(self._file.waiting, after, _LIST)
                if not rows:
                    break
                for row in rows:
                    after = row.id
                    session = row.write.session
                    if session in busy or sending.setdefault(row.id, claim) is not claim:
                        busy.add(session)
                        continue
                    try:
                        try:
                            answered = yield from self._send_row(row.id)
                        finally:
                            sending.pop(row.id, None)
                    except OutboxError:
                        raise
                    except StateBaseError as error:
                        reason = error.message
                        break
                    finally:
                        sending.pop(row.id, None)  # again, as in `send`
                    sent += answered is True
                    failed += answered is False
            pending: int = yield self._io(self._file.count)
        except BaseException:
            queue.has_waiting = True
            raise
        if pending:
            queue.has_waiting = True
        queue.not_before = float("-inf") if reason is None else self._clock.monotonic() + _PAUSE_SECONDS
        return OutboxReport(sent, failed, pending, reason)

    def flush_in_background(self) -> Steps[None]:
        """Send what waits; a failure is logged."""
        try:
            report = yield from self.flush()
        except Exception as error:  # also of an event hook
            logger.warning("The outbox was not sent: %s", getattr(error, "message", type(error).__name__))
            return
        if report.sent or report.failed:
            logger.info("The outbox: %d were sent, %d failed, %d wait", report.sent, report.failed, report.pending)

    @property
    def is_due(self) -> bool:
        """Whether something waits that may be sent in the background now."""
        return self.queue.has_waiting and self._clock.monotonic() >= self.queue.not_before

    def pending(self, limit: int) -> Steps[List[OutboxItem]]:
        """Return what waits."""
        items: List[OutboxItem] = yield self._io(_listed, self._file, False, limit)
        return items

    def failed(self, limit: int) -> Steps[List[OutboxItem]]:
        """Return what has failed."""
        items: List[OutboxItem] = yield self._io(_listed, self._file, True, limit)
        return items

    def retry(self, item: OutboxItem) -> Steps[None]:
        """Queue a failed write again."""
        yield self._io(self._file.wait_again, _number(item))
        self.queue.has_waiting = True

    def discard(self, item: OutboxItem) -> Steps[None]:
        """Remove a write."""
        yield self._io(self._file.remove, _number(item))

    def _send_first(self, row: Row, call: Call) -> Steps[None]:
        """Send a write that has the idempotency key of a call with other arguments, which the service then refuses.

        Raises:
            InvalidRequestError: The service is unavailable.
        """
        try:
            yield from self._send_ahead(row, call)
            yield from self._send_row(row.id, fails_fast=True, deadline=call.remaining_seconds())
        except StateBaseError as error:
            if not is_unavailable(error):
                raise
            raise InvalidRequestError(
                "idempotency_key was already used with different arguments, for a call that is in the outbox",
                param="idempotency_key",
            ) from error

    def _send_ahead(self, row: Row, call: Call) -> Steps[None]:
        ahead: List[Row] = yield self._io(self._file.ahead, row, _SENT_BEFORE + 1)
        sending, claim = self.queue.sending, _Claim(is_call=False)
        for number, earlier in enumerate(ahead):
            holder = sending.setdefault(earlier.id, claim)
            if holder.is_call:  # of another thread or task, at the same time
                continue
            left = call.remaining_seconds()
            try:
                try:
                    if holder is not claim or number == _SENT_BEFORE or (left is not None and left <= 0):
                        raise _behind()
                    yield from self._send_row(earlier.id, fails_fast=True, deadline=left)
                finally:
                    if holder is claim:
                        sending.pop(earlier.id, None)
            finally:
                if holder is claim:
                    sending.pop(earlier.id, None)  # again, as in `send`

    def _send_row(
        self, row_id: int, *, fails_fast: bool = False, deadline: Optional[float] = None
    ) -> Steps[Optional[bool]]:
        """Send a write that waits.

        Returns:
            Whether the service accepted it; None if another process has sent it.

        Raises:
            StateBaseError: The service is unavailable, or refuses this client: the write waits.
        """
        now = self._now()
        row: Optional[Row] = yield self._io(self._file.begin, row_id, now)
        if row is None:
            return None
        if row.tried_at is not None and now - row.tried_at > LONGEST_TRY_SECONDS:
            yield self._io(
                self._file.fail,
                row_id,
                "It was first sent over 23 hours ago, and its response was lost. Sent again, it could be applied "
                "twice. Look for it in the session, then discard or retry it",
            )
            return False
        write = row.write
        operation = self.queue.operations[write.operation]
        call = self._repeat(operation, write.path, write.query, write.body, write.key, deadline)
        call.fails_fast = call.fails_fast or fails_fast
        try:
            yield self._exchange(call)
        except StateBaseError as error:
            status = error.status_code
            if operation.id == "create_memories" and (status in _UNSUPPORTED or _is_unknown_path(error)):
                yield from self._settle(self._file.fail, row_id, _NO_SUCH_MEMORIES)
                return False
            if status in _REJECTED:
                yield from self._settle(self._file.fail, row_id, error.message)
                return False
            if error.outcome == "not_sent" and row.tried_at is None:
                yield from self._settle(self._file.set_tried, row_id, None)
            raise
        yield from self._settle(self._file.remove, row_id)
        return True

    def _settle(self, change: Callable[..., None], *arguments: object) -> Steps[None]:
        """Change the file after a request: a failure must not hide its result. The write stays, and is sent again."""
        try:
            yield self._io(change, *arguments)
        except OutboxError as error:
            self.queue.has_waiting = True
            logger.warning("%s", error.message)

    def _now(self) -> float:
        return self._clock.now().timestamp()


def running_asyncio_loop() -> Optional[asyncio.AbstractEventLoop]:
    """Return the running event loop; None with trio, where a task needs a nursery."""
    import asyncio  # takes long

    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


async def _ended(tasks: List[asyncio.Task[None]]) -> None:
    import asyncio

    if tasks:
        await asyncio.wait(tasks)


def _is_unknown_path(error: StateBaseError) -> bool:
    return error.status_code == 404 and error.code != "session_not_found"


def _behind() -> StateBaseError:
    return http_errors.CircuitOpenError("Earlier writes of the session wait in the outbox, and are sent first.")


def _listed(file: OutboxFile, failed: bool, limit: object) -> List[OutboxItem]:
    if isinstance(limit, bool) or not isinstance(limit, int) or not 1 <= limit <= 1_000_000:
        got = limit if type(limit) is int else type(limit).__name__
        raise InvalidRequestError(f"limit must be an integer from 1 to 1,000,000, got {got}", param="limit")
    return file.listed(failed=failed, limit=limit)


def _number(item: object) -> int:
    if not isinstance(item, OutboxItem):
        raise InvalidRequestError(f"item must be an OutboxItem, got {type(item).__name__}", param="item")
    return item.id


def _checked(steps: Optional[OutboxSteps]) -> OutboxSteps:
    if steps is None:
        raise ConfigurationError("This client has no outbox: create it with outbox='path of a file'")
    return steps


class Outbox:
    """The outbox of a client: turns and memories that wait to be sent.

    Example:
        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder, StateBase("sb_test", outbox=Path(folder, "outbox.db")) as client:
        ...     client.outbox.pending(), client.outbox.flush().sent
        ([], 0)
    """

    def __init__(self, steps: Optional[OutboxSteps]) -> None:
        self._steps = steps

    def pending(self, limit: int = 1000) -> List[OutboxItem]:
        """Return the writes that wait, oldest first.

        Args:
            limit: The most to return, from 1. Default: 1000.

        Raises:
            OutboxError: The file cannot be read.
        """
        result: List[OutboxItem] = run(_checked(self._steps).pending(limit))
        return result

    def failed(self, limit: int = 1000) -> List[OutboxItem]:
        """Return the writes that the service rejected when they were sent later, oldest first; `error` is the reason.

        Args:
            limit: The most to return, from 1. Default: 1000.

        Raises:
            OutboxError: The file cannot be read.
        """
        result: List[OutboxItem] = run(_checked(self._steps).failed(limit))
        return result

    def flush(self) -> OutboxReport:
        """Send what waits, oldest first, until the service is unavailable.

        Returns:
            The numbers of writes that were sent, failed and still wait. If the service is unavailable, `pending` is
            above 0, and `reason` says why.

        Raises:
            OutboxError: The file cannot be read or written.
        """
        steps = _checked(self._steps)
        if steps.queue.thread.is_alive():
            steps.queue.thread.join()
        result: OutboxReport = run(steps.flush())
        return result

    def retry(self, item: OutboxItem) -> None:
        """Queue a failed write again; `flush` sends it.

        Raises:
            OutboxError: The file cannot be written.
        """
        run(_checked(self._steps).retry(item))

    def discard(self, item: OutboxItem) -> None:
        """Remove a write that waits or has failed. It is not sent any more.

        Raises:
            OutboxError: The file cannot be written.
        """
        run(_checked(self._steps).discard(item))


class AsyncOutbox:
    """The outbox of an `AsyncStateBase`; its methods are those of `Outbox`."""

    def __init__(self, steps: Optional[OutboxSteps]) -> None:
        self._steps = steps

    async def pending(self, limit: int = 1000) -> List[OutboxItem]:
        """Return the writes that wait; see `Outbox.pending`."""
        result: List[OutboxItem] = await run_async(_checked(self._steps).pending(limit))
        return result

    async def failed(self, limit: int = 1000) -> List[OutboxItem]:
        """Return the writes that have failed; see `Outbox.failed`."""
        result: List[OutboxItem] = await run_async(_checked(self._steps).failed(limit))
        return result

    async def flush(self) -> OutboxReport:
        """Send what waits; see `Outbox.flush`."""
        steps = _checked(self._steps)
        await _ended(steps.queue.tasks_of(running_asyncio_loop()))
        result: OutboxReport = await run_async(steps.flush())
        return result

    async def retry(self, item: OutboxItem) -> None:
        """Queue a failed write again; see `Outbox.retry`."""
        await run_async(_checked(self._steps).retry(item))

    async def discard(self, item: OutboxItem) -> None:
        """Remove a write; see `Outbox.discard`."""
        await run_async(_checked(self._steps).discard(item))
