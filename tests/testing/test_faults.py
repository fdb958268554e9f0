"""Each injected failure is, for either client, the failure that it represents; and waits take no time."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from statebase import APIConnectionError, APITimeoutError, InternalServerError, RateLimitError, StateBaseError
from statebase.testing import Faults, FrozenClock


@pytest.fixture
def session_id(local_client: Any) -> str:
    """A session that is there before anything goes wrong."""
    return str(local_client.sessions.create("agent").id)


def turns_of(client: Any, session_id: str) -> int:
    return int(client.sessions.get(session_id).turn_count)


def failure_of(client: Any, session_id: str, **options: Any) -> StateBaseError:
    """Add a turn, and return the error of that."""
    with pytest.raises(StateBaseError) as caught:
        client.sessions.add_turn(session_id, "hi", "hello", **options)
    return caught.value


class TestOneFailureIsSurvived:
    @pytest.mark.parametrize(
        "ask",
        [
            lambda faults: faults.drop_before_send(),
            lambda faults: faults.drop_after_commit(),
            lambda faults: faults.rate_limit(),
            lambda faults: faults.server_error(),
            lambda faults: faults.server_error(500, after_commit=True),
            lambda faults: faults.slow(),
        ],
    )
    def test_write_happens_once(self, local_client: Any, session_id: str, faults: Faults, ask: Any) -> None:
        """The client tries again, and the turn is there once."""
        ask(faults)

        local_client.sessions.add_turn(session_id, "hi", "hello")

        assert faults.requests == ["sessions.create", "sessions.add_turn", "sessions.add_turn"]
        assert len(faults.waits) == 1
        assert turns_of(local_client, session_id) == 1


class TestEveryAttemptFails:
    def test_dropped_before_it_is_sent(self, local_client: Any, session_id: str, faults: Faults) -> None:
        """Nothing was sent, and nothing happened."""
        faults.drop_before_send(3)

        error = failure_of(local_client, session_id)

        assert type(error) is APIConnectionError
        assert (error.outcome, len(error.attempts)) == ("not_sent", 3)
        assert turns_of(local_client, session_id) == 0

    def test_dropped_after_it_was_carried_out(self, local_client: Any, session_id: str, faults: Faults) -> None:
        """The client cannot know that it was applied; with the key of the error it is applied once."""
        faults.drop_after_commit(3)

        error = failure_of(local_client, session_id)

        assert type(error) is APIConnectionError
        assert (error.outcome, len(error.attempts)) == ("unknown", 3)
        assert turns_of(local_client, session_id) == 1
        local_client.sessions.add_turn(session_id, "hi", "hello", idempotency_key=error.idempotency_key)
        assert turns_of(local_client, session_id) == 1

    def test_rate_limit(self, local_client: Any, session_id: str, faults: Faults) -> None:
        """It is refused, and the client would have waited as long as it was asked to."""
        faults.rate_limit(retry_after=2, times=3)

        error = failure_of(local_client, session_id)

        assert type(error) is RateLimitError
        assert (error.outcome, error.retry_after, error.code) == ("rejected", 2, "rate_limit_exceeded")
        assert error.headers["retry-after"] == "2"
        assert len(faults.waits) == 2
        assert all(2 <= wait <= 4 for wait in faults.waits)
        assert turns_of(local_client, session_id) == 0

    def test_rate_limit_beyond_patience(self, local_client: Any, session_id: str, faults: Faults) -> None:
        """A client that is asked to wait for an hour gives up at once."""
        faults.rate_limit(retry_after=3600)

        error = failure_of(local_client, session_id)

        assert (error.retry_after, len(error.attempts), faults.waits) == (3600, 1, [])

    @pytest.mark.parametrize(("after_commit", "turns"), [(False, 0), (True, 1)])
    def test_server_error(
        self, local_client: Any, session_id: str, faults: Faults, after_commit: bool, turns: int
    ) -> None:
        """The status is the one asked for, and what happened is what was asked for."""
        faults.server_error(599, after_commit=after_commit, retry_after=5)

        error = failure_of(local_client, session_id, max_retries=0)

        assert type(error) is InternalServerError
        assert (error.status_code, error.outcome, error.retry_after) == (599, "unknown", 5)
        assert turns_of(local_client, session_id) == turns

    @pytest.mark.parametrize("seconds", [7, 60])
    def test_slow(self, local_client: Any, session_id: str, faults: Faults, clock: FrozenClock, seconds: float) -> None:
        """The client waits as long as its timeout says, on the clock, and the turn was added."""
        began = clock.now()
        faults.slow(seconds)

        error = failure_of(local_client, session_id, timeout=7, max_retries=0)

        assert type(error) is APITimeoutError
        assert error.outcome == "unknown"
        assert error.attempts[0].elapsed_seconds == 7
        assert clock.now() == began + timedelta(seconds=7)
        assert faults.waits == []
        assert turns_of(local_client, session_id) == 1


class TestSlow:
    @pytest.mark.parametrize("timeout", [30, 11, None])
    def test_patient_client_gets_its_answer(
        self, local_client: Any, session_id: str, faults: Faults, clock: FrozenClock, timeout: Any
    ) -> None:
        """An answer that comes before the timeout is late, no more."""
        began = clock.now()
        faults.slow(10)

        local_client.sessions.add_turn(session_id, "hi", "hello", timeout=timeout)

        assert clock.now() == began + timedelta(seconds=10)
        assert faults.requests.count("sessions.add_turn") == 1

    def test_deadline_goes_first(self, local_client: Any, session_id: str, faults: Faults, clock: FrozenClock) -> None:
        """A call that has less time than the timeout ends when its time is up."""
        faults.slow(60)

        error = failure_of(local_client, session_id, deadline=5)

        assert type(error) is APITimeoutError
        assert "before the deadline" in str(error)
        assert clock.monotonic() == 5


class TestDown:
    def test_until_it_is_up(self, local_client: Any, session_id: str, faults: Faults) -> None:
        """Nothing gets through until then."""
        faults.down()

        error = failure_of(local_client, session_id)
        faults.up()
        local_client.sessions.add_turn(session_id, "hi", "hello")

        assert type(error) is APIConnectionError
        assert (error.outcome, len(error.attempts)) == ("not_sent", 3)
        assert turns_of(local_client, session_id) == 1

    def test_block(self, local_client: Any, session_id: str, faults: Faults) -> None:
        """The outage lasts as long as the block, also one that raises."""
        with pytest.raises(APIConnectionError), faults.down():
            local_client.sessions.add_turn(session_id, "hi", "hello")

        assert turns_of(local_client, session_id) == 0

    def test_failures_in_line_wait(self, local_client: Any, session_id: str, faults: Faults) -> None:
        """A failure for one request is triggered by the first that reaches that point."""
        faults.rate_limit()
        with faults.down():
            failure_of(local_client, session_id)

        assert faults.pending == ["rate_limit"]
        local_client.sessions.add_turn(session_id, "hi", "hello")
        assert faults.pending == []


class TestLine:
    def test_in_the_order_in_which_they_were_asked_for(
        self, local_client: Any, session_id: str, faults: Faults
    ) -> None:
        """Each request meets the next one."""
        faults.drop_before_send()
        faults.server_error(502, times=2)

        error = failure_of(local_client, session_id)

        assert [attempt.phase for attempt in error.attempts] == ["connect", "answer", "answer"]
        assert [attempt.status_code for attempt in error.attempts] == [None, 502, 502]

    def test_one_method_only(self, local_client: Any, session_id: str, faults: Faults) -> None:
        """Requests of other methods pass, and leave it in line."""
        faults.server_error(times=3, on="sessions.add_turn")

        assert turns_of(local_client, session_id) == 0
        failure_of(local_client, session_id)
        assert turns_of(local_client, session_id) == 0

    def test_one_method_of_two_names(self, local_client: Any, session_id: str, faults: Faults) -> None:
        """A method that two namespaces offer is the same by either name."""
        faults.drop_before_send(on="state.get_context")
        faults.drop_before_send(on="sessions.get_context")

        local_client.sessions.get_context(session_id)

        assert faults.requests.count("sessions.get_context") == 3

    def test_one_for_another_method_does_not_hold_up(self, local_client: Any, session_id: str, faults: Faults) -> None:
        """The first failure for the request is triggered, not the first in line."""
        faults.drop_after_commit(on="memory.add")
        faults.rate_limit()

        local_client.sessions.add_turn(session_id, "hi", "hello")

        assert faults.pending == ["drop_after_commit on memory.add"]
        local_client.memory.add("likes tea", "fact", session_id)

    def test_cleared(self, local_client: Any, session_id: str, faults: Faults) -> None:
        """A removed failure is not triggered."""
        faults.server_error(times=9)
        faults.down()

        faults.clear()

        assert faults.pending == []
        local_client.sessions.add_turn(session_id, "hi", "hello")
        assert faults.waits == []

    def test_one_that_is_left_is_told(self) -> None:
        """A failure that was not triggered is an error, if asked for."""
        faults = Faults()
        faults.assert_all_struck()
        faults.slow(times=2, on="memory.search")

        with pytest.raises(
            AssertionError, match="No request triggered slow on memory.search, slow on memory.search: inject"
        ):
            faults.assert_all_struck()


class TestWrongUse:
    @pytest.mark.parametrize(
        ("ask", "message"),
        [
            (lambda faults: faults.drop_after_commit(0), "times must be an integer of at least 1, got 0"),
            (lambda faults: faults.server_error(404), "status must be an integer from 500 to 599, got 404"),
            (lambda faults: faults.slow(0), "seconds must be a finite number above 0, got 0"),
            (lambda faults: faults.slow(float("inf")), "seconds must be a finite number above 0, got inf"),
            (lambda faults: faults.slow(on="sessions.addturn"), "pass one, such as 'sessions.add_turn'"),
            (lambda faults: faults.slow(on="memories.add"), "pass one, such as 'memory.add'"),
            (lambda faults: faults.slow(on="?"), "on='?' is not a method of the client"),
        ],
    )
    def test_says_what_to_give(self, ask: Any, message: str) -> None:
        """Invalid failures are refused when they are injected."""
        faults = Faults()

        with pytest.raises(ValueError) as caught:
            ask(faults)

        assert message in str(caught.value)
        assert faults.pending == []
