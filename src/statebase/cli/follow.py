"""Following a session: each turn and each version of the state once, in the order in which they came."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Union

from .._base.errors import APIConnectionError, InternalServerError, NotFoundError, RateLimitError, StateBaseError
from .._generated.models import StateHistoryResponse, StateVersionModel, TurnDetailResponse, TurnListItem
from ..client import StateBase
from .changes import Change, changes

_PAGE = 100
_PASSING = (APIConnectionError, RateLimitError, InternalServerError)


class TurnEvent(NamedTuple):
    """A turn was recorded."""

    at: datetime
    turn: TurnDetailResponse


class StateEvent(NamedTuple):
    """The state changed."""

    at: datetime
    version: StateVersionModel
    changes: List[Change]
    """What is different from the version before."""
    missed: int
    """Versions between the one shown before and this one that the API no longer gives."""


Event = Union[TurnEvent, StateEvent]


class Follower:
    """Reads what is new in a session.

    What a look has read counts as seen only once all of the look has succeeded, so that a look that failed is simply
    made again.

    Args:
        client: Where the session is.
        session_id: Its id.
        number: How many turns and changes the first look gives.
    """

    def __init__(self, client: StateBase, session_id: str, number: int) -> None:
        self.session_id = session_id
        self._client = client
        self._number = number
        self._last_turn: Optional[str] = None
        self._version: Optional[int] = None
        self._state: Dict[str, Any] = {}

    def look(self) -> List[Event]:
        """Return what happened since the look before, oldest first; the first look gives the last events.

        Raises:
            StateBaseError: It cannot be read. A `NotFoundError` says that the session is not there.
        """
        first = self._version is None
        states = self._first_states() if self._version is None else self._states_after(self._version)
        items = self._first_turns() if first else self._turns_after()
        shown = items[max(len(items) - self._number, 0) :] if first else items
        turns: List[Event] = [self._turn(item) for item in shown]
        versions = self._read_versions(states)
        if items:
            self._last_turn = items[-1].id
        # Turns come first: a turn with a new state makes the version at the same moment.
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
        # One more than is shown: the first change is one from something.
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
    """Show what happens in a session until it ends.

    Args:
        follower: Reads the session.
        show: Takes each event.
        complain: Takes what went wrong meanwhile, and that the session has ended.
        sleep: Waits, for seconds.
        interval_seconds: How long to wait between two looks.
        once: Whether to stop after the first look.

    Raises:
        StateBaseError: The first look failed, or a later one in a way that does not pass.
    """
    seen, failing = False, False
    while True:
        wait_seconds = interval_seconds
        try:
            events = follower.look()
        except NotFoundError:
            if not seen:
                raise
            complain(f"The session {follower.session_id} has ended: it was deleted, or has expired.")
            return
        except _PASSING as error:
            if not seen:
                raise
            wait_seconds = max(interval_seconds, error.retry_after or 0.0)
            if not failing:
                complain(f"{_what_happened(error)} Looking again until it passes.")
            failing = True
        else:
            if failing:
                complain("It has passed.")
            seen, failing = True, False
            for event in events:
                show(event)
            if once:
                return
        sleep(wait_seconds)


def _what_happened(error: StateBaseError) -> str:
    return error.message if error.message.endswith((".", "?")) else f"{error.message}."
