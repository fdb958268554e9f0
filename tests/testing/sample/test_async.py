import asyncio

from agent import answer_async


def test_async_agent(async_statebase_client, statebase_client, faults):
    session = statebase_client.sessions.create("parrot")
    faults.rate_limit(retry_after=2)

    assert asyncio.run(answer_async(async_statebase_client, session.id, "hi")) == "You said: hi"

    assert faults.waits[0] >= 2
    assert statebase_client.sessions.get(session.id).turn_count == 1
