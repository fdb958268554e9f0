"""The bookkeeping of the pools: who gets which connection, when."""

from __future__ import annotations

import threading
import weakref
from typing import Any, List

import pytest

from statebase._wire.connections import MULTIPLEXED_REQUESTS, Slots, Turn


class Made(List[str]):
    """Makes transports, which are just names here."""

    def __call__(self) -> str:
        self.append(f"transport {len(self) + 1}")
        return self[-1]


def make_slots(limit: int = 2, multiplexed: bool = False, **options: Any) -> Slots[str]:
    options = {"make": Made(), "keepalive_expiry": 10.0, **options}
    return Slots(limit=limit, multiplexed=multiplexed, **options)


def queue(slots: Slots[str], woken: List[int], number: int) -> Turn[str]:
    turn: Turn[str] = Turn()
    turn.wake = lambda: woken.append(number)
    slots.queue(turn)
    return turn


def take(slots: Slots[str]) -> Any:
    turn: Turn[str] = Turn()
    assert slots.take(turn) is turn.lane is not None
    return turn


def lane_for(slots: Slots[str]) -> Any:
    return slots.take(Turn())


def test_no_more_than_the_limit() -> None:
    """Beyond the limit there is nothing to take."""
    slots = make_slots(limit=2)

    lanes = [lane_for(slots) for _ in range(3)]

    assert [lane and lane.transport for lane in lanes] == ["transport 1", "transport 2", None]
    assert slots.active == 2


def test_first_in_the_queue_is_first_out() -> None:
    """A lane that is given back goes to who waits longest; the number of active ones stays."""
    slots = make_slots(limit=1)
    first, woken = take(slots), []
    turns = [queue(slots, woken, number) for number in range(3)]

    slots.release(first, reusable=True)

    assert woken == [0]
    assert turns[0].lane is first.lane
    assert (slots.active, slots.waiting) == (1, 2)


def test_newcomer_does_not_overtake_the_queue() -> None:
    """No request takes a connection before those that wait."""
    slots = make_slots(limit=1)
    first = take(slots)
    queue(slots, [], 1)

    slots.release(first, reusable=True)

    assert lane_for(slots) is None


def test_who_left_the_queue_is_passed_over() -> None:
    """A turn that was given up gets nothing; the next does."""
    slots, woken = make_slots(limit=1), []
    first = take(slots)
    early, late = queue(slots, woken, 1), queue(slots, woken, 2)

    assert slots.leave(early) is None
    slots.release(first, reusable=True)

    assert woken == [2]
    assert slots.leave(late) is first.lane


def test_lane_that_came_free_meanwhile_is_had_without_waiting() -> None:
    """Between finding nothing and queueing, a lane may come back."""
    slots = make_slots(limit=1)
    first = take(slots)
    assert lane_for(slots) is None
    slots.release(first, reusable=True)

    turn = queue(slots, [], 1)

    assert turn.lane is first.lane
    assert (slots.active, slots.waiting) == (1, 0)


def test_lane_that_is_not_reusable_keeps_its_slot_until_it_is_closed() -> None:
    """The number of connections never exceeds the limit, not even while one is being closed."""
    slots, woken = make_slots(limit=1), []
    first = take(slots)
    turn = queue(slots, woken, 1)

    assert slots.release(first, reusable=False) == "transport 1"
    assert (woken, slots.active) == ([], 1)
    slots.vacate(first)

    assert woken == [1]
    assert turn.lane is not None
    assert turn.lane.transport == "transport 2"


def test_what_is_idle_for_too_long_is_given_up() -> None:
    """When a lane comes back, those that have been idle for longer than allowed go."""
    now = [0.0]
    slots = make_slots(limit=4, keepalive_expiry=10.0, clock=lambda: now[0])
    turns = [take(slots) for _ in range(4)]
    for time, turn in zip((0.0, 5.0, 10.5, 15.5), turns):
        now[0] = time
        slots.release(turn, reusable=True)

    assert list(slots.dead) == ["transport 1", "transport 2"]
    assert [take(slots).lane.transport for _ in range(3)] == ["transport 4", "transport 3", "transport 5"]


def test_abandoned_lane_frees_its_slot_when_someone_comes() -> None:
    """Work that the garbage collector deferred is done by the next request that needs a slot."""
    slots = make_slots(limit=1)
    slots.abandon(take(slots))

    first = take(slots)

    assert first.lane.transport == "transport 2"
    assert list(slots.dead) == ["transport 1"]
    assert slots.active == 1


def test_abandoned_lane_is_reaped_for_who_waits() -> None:
    """Reaping wakes who is in the queue."""
    slots, woken = make_slots(limit=1), []
    first = take(slots)
    queue(slots, woken, 1)

    slots.abandon(first)
    slots.reap()

    assert woken == [1]
    assert list(slots.dead) == ["transport 1"]


def test_garbage_collector_never_waits_for_the_lock() -> None:
    """Reaping within another operation, as a garbage collector may, does nothing rather than wait for itself."""
    slots = make_slots(limit=2, make=lambda: slots.reap() or "transport")
    slots.abandon(take(slots))

    assert take(slots).lane.transport == "transport"


def test_closing_wakes_and_refuses() -> None:
    """After closing, who waits is woken with nothing, and who comes is refused; lanes in use are closed later."""
    slots, woken = make_slots(limit=2), []
    idle, used = take(slots), take(slots)
    turn = queue(slots, woken, 1)
    slots.leave(turn)
    slots.release(idle, reusable=True)
    slots.close()

    assert list(slots.dead) == ["transport 1"]
    assert slots.release(used, reusable=True) == "transport 2"
    with pytest.raises(RuntimeError, match="closed"):
        lane_for(slots)
    with pytest.raises(RuntimeError, match="closed"):
        queue(slots, woken, 2)


def test_waiting_turns_are_woken_by_close() -> None:
    """Those in the queue learn of it."""
    slots, woken = make_slots(limit=1), []
    take(slots)
    turns = [queue(slots, woken, number) for number in range(2)]

    slots.close()

    assert woken == [0, 1]
    assert [turn.lane for turn in turns] == [None, None]


def test_multiplexed_lane_is_shared() -> None:
    """All get the same lane, up to the limit."""
    slots = make_slots(limit=3, multiplexed=True)

    lanes = [lane_for(slots) for _ in range(4)]

    assert [lane and lane.transport for lane in lanes] == ["transport 1"] * 3 + [None]


def test_retired_shared_lane_is_closed_by_its_last_user() -> None:
    """A shared lane that went wrong is replaced at once, and closed when the last is done with it."""
    slots = make_slots(limit=3, multiplexed=True)
    old = [take(slots) for _ in range(2)]

    assert slots.release(old[0], reusable=False) is None
    assert take(slots).lane.transport == "transport 2"
    assert slots.release(old[1], reusable=True) == "transport 1"


def test_shared_lane_retires_before_its_streams_run_out() -> None:
    """A shared lane carries as many requests as it may, and the next one gets a new lane."""
    slots = make_slots(multiplexed=True)

    used = []
    for _ in range(MULTIPLEXED_REQUESTS + 1):
        first = take(slots)
        used.append(first.lane.transport)
        slots.release(first, reusable=True)

    assert used == ["transport 1"] * MULTIPLEXED_REQUESTS + ["transport 2"]


def test_inheriting_does_not_wait_for_threads_that_are_gone() -> None:
    """The lock may be held by a thread that was not forked along."""
    held, go_on = threading.Event(), threading.Event()

    def make() -> str:
        held.set()
        go_on.wait()
        return "transport"

    slots = make_slots(make=make)
    thread = threading.Thread(target=slots.take, args=(Turn(),))
    thread.start()
    held.wait()

    lanes = slots.inherit()

    go_on.set()
    thread.join()
    assert lanes == []
    assert (slots.inherited, slots.closed) == (True, True)


class Holder:
    """The owner that gives a turn back."""


def test_turn_whose_loss_went_unnoticed_is_found_by_who_waits() -> None:
    """Something may be raised in the middle of noticing; the slot is found when it is needed."""
    slots = make_slots(limit=1)
    lost, holder = take(slots), Holder()
    lost.watch = weakref.ref(holder)

    assert queue(slots, [], 1).lane is None
    del holder

    assert slots.waiting == 1
    assert queue(slots, [], 2).lane is None
    assert (slots.active, slots.waiting, list(slots.dead)) == (1, 1, ["transport 1"])


def test_giving_back_twice_does_nothing() -> None:
    """An interrupted release is repeated, and must not take the connection from its new owner."""
    slots = make_slots(limit=1)
    first = take(slots)
    slots.release(first, reusable=True)
    second = take(slots)

    assert slots.release(first, reusable=False) is None
    slots.vacate(first)

    assert second.lane is first.lane
    assert not second.lane.retired
    assert slots.active == 1
