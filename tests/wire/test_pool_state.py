"""The bookkeeping of the pools: which request gets which connection, and when."""

from __future__ import annotations

import sys
import threading
from types import FrameType
from typing import Any, Callable, Dict, Iterator, List, Optional

import pytest

from statebase._wire.pool_state import MULTIPLEXED_REQUESTS, Holder, PooledConnection, PoolState, Waiter


class Core:
    """A connection of httpcore, which is only a name here."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.usable = True

    def is_available(self) -> bool:
        return self.usable


class Sockets:
    """The sockets of a connection: whether the server has sent something on them."""

    readable = False

    def is_readable(self) -> bool:
        return self.readable


class Made:
    """Makes connections: the first, the second, and so on."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> PooledConnection:
        self.count += 1
        return PooledConnection(Core(f"connection {self.count}"), Sockets())


def make_state(limit: int = 2, multiplexed: bool = False, **options: Any) -> PoolState:
    options = {"make": Made(), "keepalive_expiry": 10.0, **options}
    return PoolState(limit=limit, multiplexed=multiplexed, **options)


HOLDERS: List[Holder] = []
"""Those of the requests that are not lost."""


def make_waiter() -> Waiter:
    HOLDERS.append(Holder())
    return Waiter(HOLDERS[-1])


@pytest.fixture(autouse=True)
def no_holders() -> Iterator[None]:
    yield
    HOLDERS.clear()


def enqueue(state: PoolState, woken: Optional[List[int]] = None, number: int = 0) -> Waiter:
    waiter = make_waiter()
    waiter.wake = lambda: None if woken is None else woken.append(number)
    state.acquire(waiter)
    return waiter


def acquire(state: PoolState) -> Any:
    """Return a waiter that has a connection."""
    waiter = make_waiter()
    assert state.acquire(waiter) is waiter.connection is not None
    return waiter


def name_of(connection: Any) -> Any:
    return connection and connection.core.name


def discarded(state: PoolState) -> List[str]:
    return [connection.core.name for connection in state.discarded]


def test_no_more_than_the_limit() -> None:
    """Beyond the limit there is no connection."""
    state = make_state(limit=2)

    connections = [state.acquire(make_waiter()) for _ in range(3)]

    assert [name_of(each) for each in connections] == ["connection 1", "connection 2", None]
    assert state.active == 2


def test_first_in_the_queue_is_served_first() -> None:
    """A connection that is released goes to the request that waits longest; the number of active ones stays."""
    state = make_state(limit=1)
    woken: List[int] = []
    first = acquire(state)
    connection = first.connection
    waiters = [enqueue(state, woken, number) for number in range(3)]

    state.release(first, reusable=True)

    assert woken == [0]
    assert waiters[0].connection is connection
    assert first.connection is None
    assert (state.active, state.waiting) == (1, 2)


def test_newcomer_does_not_overtake_the_queue() -> None:
    """A new request gets no connection while others wait."""
    state = make_state(limit=1)
    first = acquire(state)
    enqueue(state)

    state.release(first, reusable=True)

    assert state.acquire(make_waiter()) is None


def test_request_that_left_the_queue_is_passed_over() -> None:
    """A request that gave up gets no connection; the next one does."""
    state = make_state(limit=1)
    woken: List[int] = []
    first = acquire(state)
    connection = first.connection
    early, late = enqueue(state, woken, 1), enqueue(state, woken, 2)

    assert state.leave(early) is None
    state.release(first, reusable=True)

    assert woken == [2]
    assert state.leave(late) is connection


def test_released_while_it_waits() -> None:
    """A request that ends in the queue leaves it, without a connection."""
    state = make_state(limit=1)
    first = acquire(state)
    waiter = enqueue(state)

    state.release(waiter, reusable=False)
    state.release(first, reusable=True)

    assert waiter.connection is None
    assert (state.active, state.waiting) == (0, 0)


def test_released_after_its_turn_has_come() -> None:
    """A request that has got a connection from the queue, and ends before it could use it, passes it on."""
    state = make_state(limit=1)
    woken: List[int] = []
    first = acquire(state)
    connection = first.connection
    early, late = enqueue(state, woken, 1), enqueue(state, woken, 2)
    state.release(first, reusable=True)

    state.release(early, reusable=True)

    assert woken == [1, 2]
    assert late.connection is connection
    assert state.active == 1


def test_connection_that_came_free_meanwhile_needs_no_waiting() -> None:
    """A connection may be released after a request found none, and before it has said how to wake it."""
    state = make_state(limit=1)
    first = acquire(state)
    connection = first.connection
    waiter = make_waiter()
    assert state.acquire(waiter) is None

    state.release(first, reusable=True)

    assert waiter.connection is connection
    assert (state.active, state.waiting) == (1, 0)


def test_connection_that_is_not_reusable_is_replaced_at_once() -> None:
    """The request that waits gets a new connection; the old one is discarded."""
    state = make_state(limit=1)
    woken: List[int] = []
    first = acquire(state)
    waiter = enqueue(state, woken, 1)

    state.release(first, reusable=False)

    assert woken == [1]
    assert name_of(waiter.connection) == "connection 2"
    assert discarded(state) == ["connection 1"]
    assert {each.core.name for each in state.connections} == {"connection 2"}


def test_connection_that_was_idle_for_too_long_is_discarded() -> None:
    """When a connection is released, those that have been idle for longer than allowed are discarded."""
    now = [0.0]
    state = make_state(limit=4, keepalive_expiry=10.0, clock=lambda: now[0])
    waiters = [acquire(state) for _ in range(4)]
    for time, waiter in zip((0.0, 5.0, 10.5, 15.5), waiters):
        now[0] = time
        state.release(waiter, reusable=True)

    assert discarded(state) == ["connection 1", "connection 2"]
    assert [name_of(acquire(state).connection) for _ in range(3)] == ["connection 4", "connection 3", "connection 5"]


@pytest.mark.parametrize(
    ("used", "usable", "readable", "stale"),
    [(0, False, True, False), (1, True, False, False), (1, False, False, True), (1, True, True, True)],
)
def test_stale_connection(used: int, usable: bool, readable: bool, stale: bool) -> None:
    """A connection is stale if it was used and cannot be used again; a new one is not open yet."""
    state = make_state()
    for _ in range(used):
        state.release(acquire(state), reusable=True)
    waiter = acquire(state)

    waiter.connection.core.usable = usable
    waiter.connection.sockets.readable = readable

    assert waiter.connection.is_stale is stale


def test_shared_connection_with_replies_on_their_way_is_not_stale() -> None:
    """The server may send something while another request is in progress."""
    state = make_state(multiplexed=True)
    acquire(state)
    waiter = acquire(state)

    waiter.connection.sockets.readable = True

    assert not waiter.connection.is_stale


def test_close_discards_and_refuses() -> None:
    """After closing, new requests are refused; connections in use are discarded when they are released."""
    state = make_state(limit=2)
    idle, used = acquire(state), acquire(state)
    state.leave(enqueue(state))
    state.release(idle, reusable=True)
    state.close()

    assert discarded(state) == ["connection 1"]
    state.release(used, reusable=True)
    assert discarded(state) == ["connection 1", "connection 2"]
    with pytest.raises(RuntimeError, match="closed"):
        state.acquire(make_waiter())
    with pytest.raises(RuntimeError, match="closed"):
        enqueue(state)


def test_close_wakes_the_queue() -> None:
    """The requests that wait are woken, without a connection."""
    state = make_state(limit=1)
    woken: List[int] = []
    acquire(state)
    waiters = [enqueue(state, woken, number) for number in range(2)]

    state.close()

    assert woken == [0, 1]
    assert [waiter.connection for waiter in waiters] == [None, None]


def test_multiplexed_connection_is_shared() -> None:
    """All requests get the same connection, up to the limit."""
    state = make_state(limit=3, multiplexed=True)

    connections = [state.acquire(make_waiter()) for _ in range(4)]

    assert [name_of(each) for each in connections] == ["connection 1"] * 3 + [None]


def test_shared_connection_is_discarded_by_its_last_user() -> None:
    """A shared connection that failed is replaced at once, and discarded when its last request is over."""
    state = make_state(limit=3, multiplexed=True)
    old = [acquire(state) for _ in range(2)]

    state.release(old[0], reusable=False)
    assert discarded(state) == []
    assert name_of(acquire(state).connection) == "connection 2"
    state.release(old[1], reusable=True)

    assert discarded(state) == ["connection 1"]


def test_shared_connection_does_not_expire_while_it_is_used() -> None:
    """A connection whose last idle moment is long ago stays if a request uses it."""
    now = [0.0]
    state = make_state(limit=3, multiplexed=True, clock=lambda: now[0])
    state.release(acquire(state), reusable=True)
    held, other = acquire(state), acquire(state)

    now[0] = 100.0
    state.release(other, reusable=True)

    assert discarded(state) == []
    assert acquire(state).connection is held.connection


def test_shared_connection_retires_before_its_streams_run_out() -> None:
    """A shared connection carries as many requests as allowed, and the next one gets a new connection."""
    state = make_state(multiplexed=True)

    used = []
    for _ in range(MULTIPLEXED_REQUESTS + 1):
        waiter = acquire(state)
        used.append(name_of(waiter.connection))
        state.release(waiter, reusable=True)

    assert used == ["connection 1"] * MULTIPLEXED_REQUESTS + ["connection 2"]
    assert discarded(state) == ["connection 1"]


def test_connection_of_a_server_that_does_not_multiplex_is_not_shared() -> None:
    """From then on each request gets a connection of its own; the first is used again when its requests are over."""
    state = make_state(limit=3, multiplexed=True)
    sharing = [acquire(state) for _ in range(2)]

    state.stop_sharing()
    other = acquire(state)
    for waiter in sharing:
        state.release(waiter, reusable=True)

    assert name_of(other.connection) == "connection 2"
    assert [name_of(acquire(state).connection) for _ in range(2)] == ["connection 1", "connection 3"]


def test_inheriting_does_not_wait_for_threads_that_are_gone() -> None:
    """In the child of a fork, a thread that does not exist there may hold the lock."""
    held, go_on = threading.Event(), threading.Event()

    def make() -> PooledConnection:
        held.set()
        go_on.wait()
        return PooledConnection(Core("connection"), Sockets())

    state = make_state(make=make)
    thread = threading.Thread(target=state.acquire, args=(make_waiter(),))
    thread.start()
    held.wait()

    connections = state.inherit()

    go_on.set()
    thread.join()
    assert connections == []
    assert state.closed
    assert (state.active, state.waiting) == (0, 0)


def lose(state: PoolState) -> None:
    """Have a request end without a release, as an exception of a signal handler may end it."""
    assert state.acquire(Waiter(Holder()))


def test_lost_request_is_found_when_another_waits() -> None:
    """The connection of a request that ended without a release is replaced as soon as it is needed."""
    state = make_state(limit=1)
    lose(state)

    first = acquire(state)

    assert name_of(first.connection) == "connection 2"
    assert discarded(state) == ["connection 1"]
    assert state.active == 1


def test_lost_request_does_not_keep_the_queue_waiting() -> None:
    """If a request is lost while others wait, the next one that comes finds it, and the first in the queue is woken."""
    state = make_state(limit=1)
    woken: List[int] = []
    lost = acquire(state)
    first = enqueue(state, woken, 1)
    HOLDERS.pop(0)

    assert enqueue(state, woken, 2).connection is None

    assert lost.connection is None
    assert woken == [1]
    assert name_of(first.connection) == "connection 2"
    assert (state.active, state.waiting, discarded(state)) == (1, 1, ["connection 1"])


def test_lost_requests_are_released_on_request() -> None:
    """An event loop that learns of a lost request need not wait for the next one."""
    state = make_state(limit=1)
    woken: List[int] = []
    acquire(state)
    enqueue(state, woken, 1)
    HOLDERS.pop(0)

    state.release_lost()

    assert woken == [1]
    assert discarded(state) == ["connection 1"]


def test_lost_request_is_not_active() -> None:
    """A request that was lost is not counted, found or not."""
    state = make_state(limit=2)
    acquire(state)
    lose(state)

    assert state.active == 1


def test_releasing_twice_has_no_effect() -> None:
    """A second release does not take the connection from the request that has it by then."""
    state = make_state(limit=1)
    first = acquire(state)
    connection = first.connection
    state.release(first, reusable=True)
    second = acquire(state)

    state.release(first, reusable=False)

    assert second.connection is connection
    assert not second.connection.retired
    assert state.active == 1


class Interrupted(BaseException):
    """The exception of a signal handler."""


class Tracer:
    """Raises an exception at a line of the bookkeeping: the first that is run, the second, and so on."""

    def __init__(self, line: int) -> None:
        self.left = line

    def __call__(self, frame: FrameType, event: str, _: Any) -> Optional[Tracer]:
        if frame.f_globals["__name__"] != PoolState.__module__:
            return None
        if event == "line":
            self.left -= 1
            if self.left == 0:
                sys.settrace(None)
                raise Interrupted
        return self


OPERATIONS: Dict[str, Callable[[PoolState, Waiter], Any]] = {
    "acquire": lambda state, waiter: state.acquire(waiter),
    "release a good one": lambda state, waiter: state.release(waiter, reusable=True),
    "release a broken one": lambda state, waiter: state.release(waiter, reusable=False),
}


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("crowded", [False, True])
@pytest.mark.parametrize("multiplexed", [False, True])
def test_operation_is_interrupted_at_each_line(operation: str, crowded: bool, multiplexed: bool) -> None:
    """Wherever an exception is raised, a release corrects it: no connection is lost, and the queue is served."""
    line = 0
    while True:
        line += 1
        state = make_state(limit=1, multiplexed=multiplexed)
        waiter, holder = make_waiter(), make_waiter()
        if operation.startswith("release"):
            holder = waiter
        if crowded or holder is waiter:
            state.acquire(holder)
        queued = enqueue(state) if crowded else make_waiter()
        tracer = Tracer(line)
        try:
            sys.settrace(tracer)
            OPERATIONS[operation](state, waiter)
        except Interrupted:
            pass
        finally:
            sys.settrace(None)

        state.release(waiter, reusable=False)
        state.release(holder, reusable=False)

        assert (queued.connection is not None) is crowded, line
        state.release(queued, reusable=True)
        assert (state.active, state.waiting) == (0, 0), line
        assert acquire(state).connection in state.connections, line
        assert len(state.connections) == 1, line
        if tracer.left > 0:
            break
    assert line > 3
