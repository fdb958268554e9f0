"""States, rollbacks, forks and turns do what a model in plain Python does, in any order."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Dict, List, Optional

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from statebase._generated import models, queries
from statebase.local import Engine, EngineError

pytestmark = pytest.mark.slow

STATES = st.dictionaries(
    st.sampled_from("abc"), st.none() | st.booleans() | st.integers(0, 3) | st.just("long " * 300), max_size=3
)


@dataclass
class Version:
    state: Dict[str, Any]
    parent: Optional[int]
    """The version that undoing it leads to."""


@dataclass
class Session:
    """The expected content of a session."""

    versions: List[Version]
    turns: List[Dict[str, Any]] = field(default_factory=list)

    @property
    def state(self) -> Dict[str, Any]:
        return self.versions[-1].state

    def add(self, state: Dict[str, Any]) -> None:
        self.versions.append(Version(state, parent=len(self.versions) - 1))

    def target(self, number: int) -> Optional[int]:
        if number >= 0:
            return number if number < len(self.versions) else None
        target: Optional[int] = len(self.versions) - 1
        for _ in range(-number):
            target = None if target is None else self.versions[target].parent
        return target


def equal(first: Any, second: Any) -> bool:
    """As JSON: true is not 1."""
    return repr(sorted(first.items())) == repr(sorted(second.items()))


class Sessions(RuleBasedStateMachine):
    sessions = Bundle("sessions")

    def __init__(self) -> None:
        super().__init__()
        self.engine = Engine.open()
        self.model: Dict[str, Session] = {}

    def teardown(self) -> None:
        self.engine.close()

    @rule(target=sessions, state=STATES)
    def create(self, state: Dict[str, Any]) -> str:
        session = self.engine.create_session(models.SessionCreateRequest(agent_id="a", initial_state=state))
        self.model[session.id] = Session([Version(state, None)])
        return session.id

    @rule(session=sessions, state=STATES)
    def patch(self, session: str, state: Dict[str, Any]) -> None:
        answer = self.engine.update_state(session, models.StatePartialUpdateRequest(state=state))
        self.model[session].add({**self.model[session].state, **state})
        assert equal(answer.state, self.model[session].state)

    @rule(session=sessions, state=STATES)
    def put(self, session: str, state: Dict[str, Any]) -> None:
        self.engine.replace_state(session, models.StateReplaceRequest(state=state))
        self.model[session].add(state)

    @rule(session=sessions, number=st.integers(-4, 6))
    def rollback(self, session: str, number: int) -> None:
        model = self.model[session]
        target = model.target(number)
        request = models.StateRollbackRequest(version=number)
        if target is None:
            with pytest.raises(EngineError, match="There is no version|Cannot undo"):
                self.engine.rollback_state(session, request)
            return
        answer = self.engine.rollback_state(session, request)
        assert answer.restored_from_version == target
        model.versions.append(model.versions[target])

    @rule(target=sessions, session=sessions, number=st.none() | st.integers(0, 6))
    def fork(self, session: str, number: Optional[int]) -> str:
        model = self.model[session]
        version = len(model.versions) - 1 if number is None else min(number, len(model.versions) - 1)
        fork = self.engine.fork_session(session, models.SessionForkRequest(version=version))
        self.model[fork.id] = Session([Version(model.versions[version].state, None)])
        return fork.id

    @rule(session=sessions, after=st.none() | STATES)
    def turn(self, session: str, after: Optional[Dict[str, Any]]) -> None:
        model = self.model[session]
        request = models.TurnCreateRequest(
            input=models.TurnInput(type="text", content=str(len(model.turns))),
            output=models.TurnOutput(type="text", content="out"),
            state_after=after,
        )
        turn = self.engine.create_turn(session, request)
        model.turns.append({"id": turn.id, "before": model.state, "after": after})
        if after is not None and not equal(after, model.state):
            model.add(after)

    @invariant()
    def newest_states_agree(self) -> None:
        for session, model in self.model.items():
            state = self.engine.get_state(session)
            assert state.version == len(model.versions) - 1
            assert equal(state.state, model.state)

    @invariant()
    def histories_agree(self) -> None:
        for session, model in self.model.items():
            history = self.engine.get_state_history(session, queries.GetStateHistoryQuery(limit=100)).data
            expected = list(enumerate(model.versions))[::-1][:100]
            assert [version.version for version in history] == [number for number, _ in expected]
            for version, (_, wanted) in zip(history, expected):
                assert equal(version.state, wanted.state)

    @invariant()
    def turns_agree(self) -> None:
        for session, model in self.model.items():
            for number, wanted in enumerate(model.turns, start=1):
                turn = self.engine.get_turn(session, wanted["id"])
                assert turn.turn_number == number
                assert equal(turn.state_before, wanted["before"])
                assert (turn.state_after is None) == (wanted["after"] is None)
                assert wanted["after"] is None or equal(turn.state_after, wanted["after"])


TestSessions = Sessions.TestCase
TestSessions.settings = settings(max_examples=80, stateful_step_count=30, deadline=None)
