from agent import answer

from statebase import StateBase


def test_server_has_the_store_of_the_test(statebase_server, statebase_client):
    with StateBase("any-key", statebase_server) as client:
        session = client.sessions.create("parrot")
        answer(client, session.id, "hi")

    assert statebase_client.sessions.get(session.id).turn_count == 1
