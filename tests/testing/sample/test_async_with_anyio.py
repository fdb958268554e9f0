import pytest
from agent import answer_async

pytestmark = pytest.mark.anyio


async def test_async_agent(async_statebase_client, faults):
    session = await async_statebase_client.sessions.create("parrot")
    faults.drop_after_commit(1)

    await answer_async(async_statebase_client, session.id, "hi")

    assert (await async_statebase_client.sessions.get(session.id)).turn_count == 1


async def test_client_may_be_closed(async_statebase_client, statebase_client):
    async with async_statebase_client as client:
        session = await client.sessions.create("parrot")

    assert statebase_client.sessions.get(session.id).agent_id == "parrot"
