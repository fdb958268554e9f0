import asyncio

import pytest
from agent import answer_async

pytestmark = pytest.mark.asyncio


async def test_async_agents_at_once(async_statebase_client, faults):
    session = await async_statebase_client.sessions.create("parrot")
    faults.drop_after_commit(3)

    await asyncio.gather(*(answer_async(async_statebase_client, session.id, word) for word in "abcde"))

    assert (await async_statebase_client.sessions.get(session.id)).turn_count == 5


async def test_client_may_be_closed(async_statebase_client, statebase_client):
    await async_statebase_client.sessions.create("parrot")
    await async_statebase_client.close()

    assert len(statebase_client.sessions.list().data) == 1
