import pytest
from agent import answer, answer_anyway

from statebase import NotFoundError


@pytest.fixture
def session_id(statebase_client):
    return statebase_client.sessions.create("parrot").id


def test_both_are_remembered(statebase_client, session_id):
    answer(statebase_client, session_id, "hi")

    turns = statebase_client.sessions.list_turns(session_id).data
    assert [turn.output_preview for turn in turns] == ["You said: hi"]


def test_every_test_has_a_store_of_its_own(statebase_client, session_id):
    assert [session.id for session in statebase_client.sessions.list()] == [session_id]


def test_lost_answer_is_asked_for_again(statebase_client, session_id, faults):
    faults.drop_after_commit(1)

    answer(statebase_client, session_id, "hi")

    assert faults.requests[-2:] == ["sessions.add_turn", "sessions.add_turn"]
    assert len(faults.waits) == 1
    assert statebase_client.sessions.get(session_id).turn_count == 1


def test_service_is_down(statebase_client, session_id, statebase_faults):
    with statebase_faults.down():
        assert answer_anyway(statebase_client, session_id, "hi") == "I will forget this."
    assert answer_anyway(statebase_client, session_id, "hi") == "You said: hi"


def test_session_expires(statebase_client, session_id, statebase_clock):
    statebase_clock.advance(hours=25)

    with pytest.raises(NotFoundError):
        answer(statebase_client, session_id, "hi")
