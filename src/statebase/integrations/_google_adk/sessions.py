"""Sessions of the Agent Development Kit."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any, NamedTuple, Optional

from statebase import NotFoundError

from .._requires import requires
from .._steps import Client, Steps, call, gather, run_async, take
from .keys import digest

requires("google-adk", "google.adk.sessions", "google.adk.memory", python=(3, 11))

from google.adk.errors.already_exists_error import AlreadyExistsError  # noqa: E402
from google.adk.errors.session_not_found_error import SessionNotFoundError  # noqa: E402
from google.adk.events import Event  # noqa: E402
from google.adk.sessions import BaseSessionService, Session, State  # noqa: E402
from google.adk.sessions.base_session_service import GetSessionConfig, ListSessionsResponse  # noqa: E402

_LIFETIME_SECONDS = 30 * 24 * 3600
_NEWEST = 50
_PAGE = 100
_CREATED, _EVENT = "created", "event"

_Shared = tuple[dict[str, Any], dict[str, Any]]
"""The states of an app and of a user."""


class StateBaseSessionService(BaseSessionService):
    """Keeps sessions of the Agent Development Kit; does what its `InMemorySessionService` does.

    A session is kept for 30 days after its last use. Events of writers at the same time have one order; an event that
    is delivered again within a day is stored once.

    Args:
        client: A `StateBase` or `AsyncStateBase` client.

    Example:
        >>> import asyncio
        >>> service = StateBaseSessionService(client)
        >>> session = asyncio.run(service.create_session(app_name="pottery", user_id="ada", state={"cups": 2}))
        >>> found = asyncio.run(service.get_session(app_name="pottery", user_id="ada", session_id=session.id))
        >>> found.state
        {'cups': 2}
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    async def create_session(
        self,
        *,
        app_name: str,
        user_id: str,
        state: Optional[dict[str, Any]] = None,
        session_id: Optional[str] = None,
    ) -> Session:
        """Create a session.

        Args:
            app_name: The app, 1 to 200 characters.
            user_id: The user, by your own id.
            state: The first state; `app:` and `user:` keys are shared, `temp:` keys are not stored.
            session_id: The id of the session, 1 to 200 characters. Default: a new one.

        Raises:
            AlreadyExistsError: The user has a session with this id in the app. Of several callers one creates it.
        """
        name = (session_id or "").strip() or str(uuid.uuid4())
        return await run_async(self._client, _create(app_name, user_id, name, _Scopes.of(state or {})))

    async def get_session(
        self, *, app_name: str, user_id: str, session_id: str, config: Optional[GetSessionConfig] = None
    ) -> Optional[Session]:
        """Return a session with its state and events; None if there is none.

        Args:
            app_name: The app.
            user_id: The user.
            session_id: The id of the session.
            config: Which events to return. Default: all.
        """
        return await run_async(self._client, _get(app_name, user_id, session_id.strip(), config or GetSessionConfig()))

    async def list_sessions(self, *, app_name: str, user_id: Optional[str] = None) -> ListSessionsResponse:
        """Return the sessions of a user, or of all users, with their states and without events; oldest update first."""
        return ListSessionsResponse(sessions=await run_async(self._client, _list(app_name, user_id)))

    async def delete_session(self, *, app_name: str, user_id: str, session_id: str) -> None:
        """Delete a session with its events and state; state of the app and of the user stays."""
        await run_async(self._client, _delete(app_name, user_id, session_id.strip()))

    async def get_user_state(self, *, app_name: str, user_id: str) -> dict[str, Any]:
        """Return the state of a user in an app; the keys are without `user:`."""
        return (await run_async(self._client, _shared(app_name, user_id)))[1]

    async def append_event(self, session: Session, event: Event) -> Event:
        """Store an event with its changes of state, and add it to the session that is passed.

        Raises:
            SessionNotFoundError: The session was deleted, or has expired; nothing is changed.
        """
        if event.partial:
            return event
        await run_async(self._client, _append(session, event))
        if any(known.id == event.id and known == event for known in session.events):
            return event
        event = await super().append_event(session, event)
        session.last_update_time = event.timestamp
        return event


class _Scopes(NamedTuple):
    """The parts of a state, by who shares them."""

    app: dict[str, Any]
    user: dict[str, Any]
    session: dict[str, Any]

    @classmethod
    def of(cls, state: Mapping[str, Any]) -> _Scopes:
        scopes = cls({}, {}, {})
        for key, value in state.items():
            if key.startswith(State.APP_PREFIX):
                scopes.app[key[len(State.APP_PREFIX) :]] = value
            elif key.startswith(State.USER_PREFIX):
                scopes.user[key[len(State.USER_PREFIX) :]] = value
            elif not key.startswith(State.TEMP_PREFIX):
                scopes.session[key] = value
        return scopes

    def merged(self) -> dict[str, Any]:
        app = {State.APP_PREFIX + key: value for key, value in self.app.items()}
        return {**self.session, **app, **{State.USER_PREFIX + key: value for key, value in self.user.items()}}


def _agent(app_name: str) -> str:
    return f"google-adk:{app_name}"


def _create(app_name: str, user_id: str, name: str, given: _Scopes) -> Steps[Session]:
    stored = yield from call(
        lambda client: client.sessions.get_or_create(
            _agent(app_name),
            key=name,
            user_id=user_id,
            initial_state=given.session,
            ttl_seconds=_LIFETIME_SECONDS,
        )
    )
    now = datetime.now(timezone.utc).timestamp()
    body = {"type": "json", "content": json.dumps({"id": name, "time": now})}
    # The first turn says who created the session.
    turn = yield from call(lambda client: client.sessions.add_turn(stored.id, _CREATED, body))
    if turn.turn_number != 1:
        raise AlreadyExistsError(f"Session with id {name} already exists.")
    if stored.state != given.session:
        yield from call(lambda client: client.state.replace_state(stored.id, given.session))
    app, user = yield from _shared(app_name, user_id, given)
    state = _Scopes(app, user, given.session).merged()
    return Session(id=name, app_name=app_name, user_id=user_id, state=state, last_update_time=now)


def _shared(app_name: str, user_id: str, changes: Optional[_Scopes] = None, key: str = "") -> Steps[_Shared]:
    """Return the states of an app and of a user, after changes."""
    owners: list[dict[str, Any]] = [{"key": "app"}, {"key": "user", "user_id": user_id}]

    def read(owner: dict[str, Any]) -> Any:
        return lambda client: client.sessions.get_or_create(
            f"google-adk-state:{app_name}", ttl_seconds=_LIFETIME_SECONDS, **owner
        )

    sessions = yield from gather([read(owner) for owner in owners])
    states: list[Any] = [dict(session.state) for session in sessions]
    for place, delta in enumerate([changes.app, changes.user] if changes else []):
        if delta:
            yield from _change(sessions[place].id, delta, key)
            states[place].update(delta)
    return states[0], states[1]


def _change(session_id: str, delta: dict[str, Any], key: str) -> Steps[Any]:
    options: dict[str, Any] = {"idempotency_key": digest(key, session_id, "state")} if key else {}
    return (yield from call(lambda client: client.sessions.update_state(session_id, delta, **options)))


def _find(app_name: str, user_id: str, name: str) -> Steps[Optional[str]]:
    page = yield from call(
        lambda client: client.sessions.list(
            _agent(app_name), limit=_PAGE, metadata={"statebase_key": name}, user_id=user_id
        )
    )
    return page.data[-1].id if page.data else None


def _get(app_name: str, user_id: str, name: str, config: GetSessionConfig) -> Steps[Optional[Session]]:
    stored_id = yield from _find(app_name, user_id, name)
    if stored_id is None:
        return None
    try:
        read = yield from _read(stored_id, config)
    except NotFoundError:
        return None
    if read is None:
        return None
    state, records = read
    app, user = yield from _shared(app_name, user_id)
    events = [Event.model_validate(record["event"]) for record in records if "event" in record]
    if config.after_timestamp is not None:
        events = [event for event in events if event.timestamp >= config.after_timestamp]
    if config.num_recent_events is not None:
        events = events[max(0, len(events) - config.num_recent_events) :]
    return Session(
        id=name,
        app_name=app_name,
        user_id=user_id,
        state=_Scopes(app, user, state).merged(),
        events=events,
        last_update_time=records[-1]["time"],
    )


def _read(stored_id: str, config: GetSessionConfig) -> Steps[Optional[tuple[dict[str, Any], list[Any]]]]:
    """Return the state and the records of a session, oldest first, as many as are asked for; None if it has none."""
    wanted = config.num_recent_events
    most = _NEWEST if wanted is None else max(1, min(_NEWEST, wanted))
    context = yield from call(lambda client: client.sessions.get_context(stored_id, memory_limit=0, turn_limit=most))
    turns: list[Any] = list(context.recent_turns)

    def is_enough() -> bool:
        oldest = json.loads(turns[-1].output.content)["time"]
        before = config.after_timestamp is not None and oldest < config.after_timestamp
        events = sum(turn.input.content == _EVENT for turn in turns)
        return turns[-1].turn_number == 1 or before or (wanted is not None and events >= wanted)

    if not turns:
        return None
    if not is_enough():
        older = yield from call(lambda client: client.sessions.iter_turns(stored_id, full=True, order="desc"))
        while not is_enough():
            page = yield from take(older, _PAGE)
            newest = turns[-1].turn_number
            turns += [turn for turn in page if turn.turn_number < newest]
            if not page:
                break
    # A later record of a creation is that of a caller who lost the race for the id.
    records = [turn for turn in turns[::-1] if turn.input.content == _EVENT or turn.turn_number == 1]
    return dict(context.state), [json.loads(turn.output.content) for turn in records or turns[-1:]]


def _list(app_name: str, user_id: Optional[str]) -> Steps[list[Session]]:
    options: dict[str, Any] = {} if user_id is None else {"user_id": user_id}
    listed: list[Any] = []
    while True:
        if listed:
            options["starting_after"] = listed[-1].id
        page = yield from call(lambda client: client.sessions.list(_agent(app_name), limit=_PAGE, **options))
        listed += page.data
        if not page.has_more:
            break
    shared: dict[str, _Shared] = {}
    sessions: list[Session] = []
    for item in listed:
        owner = str(item.user_id)
        try:
            read = yield from _read(item.id, GetSessionConfig(num_recent_events=1))
        except NotFoundError:
            continue  # it was deleted in the meantime
        if read is None:
            continue
        if owner not in shared:
            shared[owner] = yield from _shared(app_name, owner)
        state, records = read
        app, user = shared[owner]
        sessions.append(
            Session(
                id=records[-1]["id"],
                app_name=app_name,
                user_id=owner,
                state=_Scopes(app, user, state).merged(),
                last_update_time=records[-1]["time"],
            )
        )
    return sorted(sessions, key=lambda session: (session.last_update_time, session.user_id, session.id))


def _delete(app_name: str, user_id: str, name: str) -> Steps[None]:
    stored_id = yield from _find(app_name, user_id, name)
    if stored_id is not None:
        try:
            yield from call(lambda client: client.sessions.delete(stored_id))
        except NotFoundError:
            return


def _append(session: Session, event: Event) -> Steps[None]:
    dumped = event.model_dump(mode="json", exclude_none=True)
    dumped["actions"]["state_delta"] = {
        key: value
        for key, value in event.model_dump(mode="json", include={"actions"})["actions"]["state_delta"].items()
        if not key.startswith(State.TEMP_PREFIX)
    }
    delta = _Scopes.of(dumped["actions"]["state_delta"])
    text = json.dumps({"id": session.id, "time": event.timestamp, "event": dumped}, sort_keys=True)
    key = digest(session.app_name, session.user_id, text)
    stored_id = yield from _find(session.app_name, session.user_id, session.id)
    if stored_id is None:
        raise SessionNotFoundError(f"Session {session.id} not found.")
    try:
        if delta.session:
            yield from _change(stored_id, delta.session, key)
        yield from call(
            lambda client: client.sessions.add_turn(
                stored_id, _EVENT, {"type": "json", "content": text}, idempotency_key=digest(key, stored_id)
            )
        )
    except NotFoundError as error:
        raise SessionNotFoundError(f"Session {session.id} not found.") from error
    if delta.app or delta.user:
        yield from _shared(session.app_name, session.user_id, delta, key)
