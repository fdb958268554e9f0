"""Follows a session: yields each turn and each version of the state once, in order."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Union

from .._base.errors import StateBaseError
from .._base.http_errors import APIConnectionError, InternalServerError, NotFoundError, RateLimitError
from .._generated.models import StateHistoryResponse, StateVersionModel, TurnDetailResponse, TurnListItem
from .._results.state_diff import Change, changes
from ..client import StateBase

_PAGE = 100
_TEMPORARY = (APIConnectionError, RateLimitError, InternalServerError)


class TurnEvent(NamedTuple):
    """A turn was recorded."""

    at: datetime
    turn: TurnDetailResponse


class StateEvent(NamedTuple):
    """The state changed."""

    at: datetime
    version: StateVersionModel
    changes: List[Change]
    """The differences from the version before."""
    missed: int
    """The number of versions before this one that the API no longer returns."""


Event = Union[TurnEvent, StateEvent]


class Follower:
    """Polls a session for new turns and state versions.

    A poll that fails changes nothing, so it can be repeated.

    Args:
        client: The client that reads the session.
        session_id: The ID of the session.
        number: How many turns and changes the first poll returns.
    """

    def __init__(self, client: StateBase, session_id: str, number: int) -> None:
        self.session_id = session_id
        self._client = client
        self._number = number
        self._last_turn: Optional[str] = None
        self._version: Optional[int] = None
        self._state: Dict[str, Any] = {}

    def poll(self) -> List[Event]:
        """Return the events since the last poll, oldest first; the first poll returns the last events.

        Raises:
            StateBaseError: The session cannot be read; `NotFoundError` if it does not exist.
        """
        first = self._version is None
        states = self._first_states() if self._version is None else self._states_after(self._version)
        items = self._first_turns() if first else self._turns_after()
        shown = items[max(len(items) - self._number, 0) :] if first else items
        turns: List[Event] = [self._turn(item) for item in shown]
        versions = self._read_versions(states)
        if items:
            self._last_turn = items[-1].id
        # Turns come first: a turn with a new state creates the version at the same time.
        events = sorted([*turns, *versions], key=lambda event: event.at)
        return events[max(len(events) - self._number, 0) :] if first else events

    def _first_turns(self) -> List[TurnListItem]:
        page = self._client.sessions.list_turns(self.session_id, limit=max(self._number, 1))
        return list(page)[::-1]

    def _turns_after(self) -> List[TurnListItem]:
        list_turns = self._client.sessions.list_turns
        page = list_turns(self.session_id, limit=_PAGE, starting_after=self._last_turn, order="asc")
        return list(page.auto_paging_iter())

    def _turn(self, item: TurnListItem) -> TurnEvent:
        return TurnEvent(item.created_at, self._client.sessions.get_turn(self.session_id, item.id))

    def _first_states(self) -> StateHistoryResponse:
        # One more than is shown: the first change is shown as a difference from it.
        return self._client.state.get_state_history(self.session_id, limit=self._number + 1)

    def _states_after(self, version: int) -> StateHistoryResponse:
        return self._client.state.get_state_history(self.session_id, limit=_PAGE, since_version=version)

    def _read_versions(self, history: StateHistoryResponse) -> List[StateEvent]:
        events: List[StateEvent] = []
        for each in history.data[::-1]:
            known = self._version
            if known is not None:
                different = list(changes(self._state, each.state))
                events.append(StateEvent(each.created_at, each, different, each.version - known - 1))
            elif each.version == 0 and len(history.data) <= self._number:
                events.append(StateEvent(each.created_at, each, list(changes({}, each.state)), 0))
            self._version, self._state = each.version, each.state
        return events


def follow(
    follower: Follower,
    show: Callable[[Event], None],
    complain: Callable[[str], None],
    sleep: Callable[[float], None],
    interval_seconds: float,
    *,
    once: bool,
) -> None:
    """Show the events of a session until it ends.

    Args:
        follower: Reads the session.
        show: Called with each event.
        complain: Called with messages: a temporary failure, its end, the end of the session.
        sleep: Waits for a number of seconds.
        interval_seconds: Seconds between polls.
        once: Whether to stop after the first poll.

    Raises:
        StateBaseError: The first poll failed, or a later one with an error that is not temporary.
    """
    seen, failing = False, False
    while True:
        wait_seconds = interval_seconds
        try:
            events = follower.poll()
        except NotFoundError:
            if not seen:
                raise
            complain(f"The session {follower.session_id} has ended: it was deleted or has expired.")
            return
        except _TEMPORARY as error:
            if not seen:
                raise
            wait_seconds = max(interval_seconds, error.retry_after or 0.0)
            if not failing:
                complain(f"{_sentence(error)} Polling continues.")
            failing = True
        else:
            if failing:
                complain("Polling works again.")
            seen, failing = True, False
            for event in events:
                show(event)
            if once:
                return
        sleep(wait_seconds)


def _sentence(error: StateBaseError) -> str:
    return error.message if error.message.endswith((".", "?")) else f"{error.message}."
